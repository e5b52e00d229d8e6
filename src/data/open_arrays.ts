/** Datasets whose samples are rows of arrays: .npy, IDX, .npz and JSON Lines. */
import { join } from "node:path";
import { DatasetError } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor.ts";
import { type ArrayRows, inMemory, openArrayFile } from "./array_rows.ts";
import { assembleDataset } from "./assembled_dataset.ts";
import type { Dataset, Labels } from "./dataset.ts";
import type { DatasetConfig } from "./dataset_config.ts";
import { arrayInput, type InputSource } from "./input_source.ts";
import { isNumeric, readColumns, readField, splitField, tensorOfColumn } from "./json_lines.ts";
import { readArrayLabels } from "./label_files.ts";
import { shiftClasses, shiftLabels } from "./labels.ts";
import { readNpz, readNpzMember, splitMember } from "./npz.ts";
import type { Layout } from "./pixels.ts";
import { preprocessedArrayInput } from "./preprocessed_array.ts";
import { preprocessingOf } from "./preprocessing_of.ts";

/** Opens the arrays that a configuration of format npy, idx, npz or jsonl names. */
export async function openArrayDataset(
  config: DatasetConfig,
  classes: readonly string[] | undefined,
): Promise<Dataset> {
  const opened = await openInputs(config);
  const sources: InputSource[] = [];
  try {
    for (const [name, { rows, what }] of opened) {
      const { steps, affine } = preprocessingOf(config, name, [...opened.keys()]);
      const options = { name, layout: config.layout, affine, what };
      sources.push(
        steps.length === 0 ? arrayInput(rows, options) : preprocessedArrayInput(rows, { ...options, steps }),
      );
    }
    const samples = sources[0]?.length ?? 0;
    const labels = await labelsOf(config, samples, classes);
    return assembleDataset({
      name: config.name,
      sources,
      labels: shiftLabels(labels, config.labelOffset, `of dataset "${config.name}"`),
      classes: shiftClasses(classes, config.labelOffset),
    });
  } catch (error) {
    for (const { rows } of opened.values()) rows.close();
    throw error;
  }
}

/** The rows of an input, and what messages call it. */
interface OpenedInput {
  readonly rows: ArrayRows;
  readonly what: string;
}

type OpenedInputs = ReadonlyMap<string | undefined, OpenedInput>;

async function openInputs({ folder, format, inputs, layout, labels }: DatasetConfig): Promise<OpenedInputs> {
  if (format === "jsonl" && typeof inputs === "string" && splitField(inputs).field === undefined) {
    return openWholeJsonLines(join(folder, inputs), labels && "path" in labels ? join(folder, labels.path) : undefined);
  }
  if (format === "npz" && typeof inputs === "string" && splitMember(inputs).member === undefined) {
    return openWholeNpz(join(folder, inputs));
  }
  const named: [string | undefined, string][] = typeof inputs === "string" ? [[undefined, inputs]] : [...inputs];
  const opened = new Map<string | undefined, OpenedInput>();
  try {
    for (const [name, relative] of named) {
      const path = join(folder, relative);
      opened.set(name, { rows: await openRows(path, format, layout), what: `"${path}"` });
    }
  } catch (error) {
    for (const { rows } of opened.values()) rows.close();
    throw error;
  }
  return opened;
}

async function openRows(path: string, format: DatasetConfig["format"], layout: Layout): Promise<ArrayRows> {
  if (format === "jsonl") return inMemory(tensorOfColumn(await readField(path), `"${path}"`), `"${path}"`);
  if (format === "npz") return inMemory(await readNpzMember(path), `"${path}"`);
  if (format === "idx") return withChannelAxis(await openArrayFile(path, "idx"), layout);
  return await openArrayFile(path, "npy");
}

/** Every array is a network input of its name; a single one needs none. */
async function openWholeNpz(path: string): Promise<OpenedInputs> {
  const arrays: [string, HostTensor][] = [...await readNpz(path)];
  if (arrays.length === 0) throw new DatasetError(`Cannot read "${path}": it has no arrays`);
  return new Map(arrays.map(([name, tensor]) => {
    const what = `"${path}" (${name})`;
    return [arrays.length === 1 ? undefined : name, { rows: inMemory(tensor, what), what }];
  }));
}

/** Every field of numbers but that of the labels is a network input of its name; a single one needs none. */
async function openWholeJsonLines(path: string, labels: string | undefined): Promise<OpenedInputs> {
  const columns = [...await readColumns(path)].filter(([field, [first]]) =>
    isNumeric(first) && `${path}:${field}` !== labels
  );
  if (columns.length === 0) throw new DatasetError(`Cannot read "${path}": it has no fields of numbers`);
  return new Map(columns.map(([field, values]) => {
    const what = `"${path}" (${field})`;
    return [columns.length === 1 ? undefined : field, { rows: inMemory(tensorOfColumn(values, what), what), what }];
  }));
}

/** MNIST stores [N, H, W]; networks take one channel. */
function withChannelAxis(rows: ArrayRows, layout: Layout): ArrayRows {
  const [count = 0, height = 0, width = 0] = rows.shape;
  if (rows.shape.length !== 3) return rows;
  const shape = layout === "NCHW" ? [count, 1, height, width] : [count, height, width, 1];
  return { ...rows, shape };
}

async function labelsOf(
  config: DatasetConfig,
  samples: number,
  classes: readonly string[] | undefined,
): Promise<Labels | undefined> {
  return config.labels === undefined ? undefined : await readArrayLabels(config, config.labels, samples, classes);
}
