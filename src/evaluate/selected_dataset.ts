/** Some samples of a dataset as a dataset, possibly with other labels. */
import { createContentHash } from "../data/content_hash.ts";
import type { Dataset, Labels } from "../data/dataset.ts";

/**
 * A view of the samples at `indices`, in that order; closing it closes the whole. `labels`, where given, are one per sample of the
 * view. The hash covers the whole, the indices and those labels.
 */
export function selectSamples(
  dataset: Dataset,
  indices: readonly number[],
  labels?: Extract<Labels, { kind: "classes" }>,
): Dataset {
  return {
    name: dataset.name,
    length: indices.length,
    inputs: dataset.inputs,
    labels: labels ?? selectLabels(dataset.labels, indices),
    classes: dataset.classes,
    sampleName: (index) => dataset.sampleName(indices[index] ?? index),
    ...(dataset.placement ? { placement: (index: number) => dataset.placement!(indices[index] ?? index) } : {}),
    async sha256() {
      const hash = createContentHash();
      hash.text(await dataset.sha256());
      hash.values(Int32Array.from(indices));
      if (labels) hash.values(labels.values);
      return hash.hex();
    },
    read: (chosen, signal) => dataset.read(chosen.map((index) => indices[index] ?? -1), signal),
    close: () => dataset.close(),
  };
}

function selectLabels(labels: Labels | undefined, indices: readonly number[]): Labels | undefined {
  switch (labels?.kind) {
    case undefined:
      return undefined;
    case "classes":
      return { kind: "classes", values: Int32Array.from(indices, (index) => labels.values[index]!) };
    case "text":
      return { ...labels, values: indices.map((index) => labels.values[index]!) };
    case "annotations":
      return { ...labels, boxes: indices.map((index) => labels.boxes[index]!) };
    case "masks":
      return {
        kind: "masks",
        paths: indices.map((index) => labels.paths[index]!),
        read: (index) => labels.read(indices[index]!),
      };
    case "tensor": {
      const { dtype, shape, data } = labels.tensor;
      const length = data.length / Math.max(1, shape[0] ?? 0);
      const selected = data.slice(0, length * indices.length);
      indices.forEach((index, place) => {
        selected.set(data.subarray(index * length, (index + 1) * length), place * length);
      });
      return { kind: "tensor", tensor: { dtype, shape: [indices.length, ...shape.slice(1)], data: selected } };
    }
  }
}
