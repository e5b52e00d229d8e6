/** A dataset put together from inputs and labels. */
import { DatasetError } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor.ts";
import { type ContentHash, createContentHash } from "./content_hash.ts";
import type { Dataset, Labels, SampleInput } from "./dataset.ts";
import { type InputSource, readInput } from "./input_source.ts";

/** The parts; all inputs have as many samples as the dataset. */
export interface DatasetParts {
  readonly name: string;
  /** At least one, all of the same length. */
  readonly sources: readonly InputSource[];
  readonly labels: Labels | undefined;
  readonly classes: readonly string[] | undefined;
  /** Feeds labels that lie in files of their own into the hash. */
  readonly hashLabelFiles?: (hash: ContentHash) => Promise<void>;
  /** Stops what the sources share. */
  readonly close?: () => void;
}

/** Changed when the same files come to mean other samples, so that what was computed from them is not used again. */
const CONTENT_VERSION = "holdfast dataset 1";

/** Checks that the parts fit, and makes a dataset of them. */
export function assembleDataset(parts: DatasetParts): Dataset {
  const { name, sources, labels, classes } = parts;
  const length = sources[0]?.length ?? 0;
  if (length === 0) throw new DatasetError(`Cannot open dataset "${name}": it is empty`);
  for (const { input, length: other } of sources) {
    if (other !== length) {
      throw new DatasetError(
        `Cannot open dataset "${name}": input "${input.name}" has ${other} samples, expected ${length} as "${
          sources[0]?.input.name
        }" has`,
      );
    }
  }
  const names = sources.find((source) => source.names !== undefined)?.names;
  const inputs: readonly SampleInput[] = sources.map((source) => source.input);
  let closed = false;
  let hash: Promise<string> | undefined;
  return {
    name,
    length,
    inputs,
    labels,
    classes,
    sampleName: (index) => names?.[index] ?? String(index),
    ...(sources[0]?.placement ? { placement: sources[0].placement } : {}),
    sha256: () => hash ??= hashParts(parts),
    read(indices, signal): Promise<HostTensor[]> {
      if (closed) return Promise.reject(new DatasetError(`Cannot read dataset "${name}": it is closed`));
      const wrong = indices.find((index) => !Number.isInteger(index) || index < 0 || index >= length);
      if (wrong !== undefined) {
        return Promise.reject(
          new RangeError(`Cannot read sample ${wrong} of dataset "${name}": expected 0 to ${length - 1}`),
        );
      }
      return Promise.all(sources.map((source) => readInput(source, indices, signal)));
    },
    close() {
      if (closed) return;
      closed = true;
      for (const source of sources) source.close();
      parts.close?.();
    },
  };
}

async function hashParts({ sources, labels, classes, hashLabelFiles }: DatasetParts): Promise<string> {
  const hash = createContentHash();
  hash.text(CONTENT_VERSION);
  for (const { input, hashInto } of sources) {
    hash.text(JSON.stringify([input.name ?? null, input.dtype, input.shape, input.normalization ?? null]));
    await hashInto(hash);
  }
  hash.text(JSON.stringify(classes ?? null));
  hashLabels(labels, hash);
  await hashLabelFiles?.(hash);
  return hash.hex();
}

function hashLabels(labels: Labels | undefined, hash: ContentHash): void {
  hash.text(labels?.kind ?? "none");
  switch (labels?.kind) {
    case "classes":
      return hash.values(labels.values);
    case "tensor":
      hash.text(`${labels.tensor.dtype} ${labels.tensor.shape.join(" ")}`);
      return hash.values(labels.tensor.data);
    case "text":
      return hash.text(JSON.stringify([labels.values, labels.characters ?? null]));
    case "annotations":
      return hash.text(JSON.stringify([labels.boxes, [...labels.categories]]));
  }
}
