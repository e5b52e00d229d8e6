/** Labels of array samples, from the file or list that a configuration names. */
import { join } from "node:path";
import { DatasetError } from "../base/errors.ts";
import { readArrayFile } from "./array_rows.ts";
import type { Labels } from "./dataset.ts";
import type { DatasetConfig, LabelOrigin } from "./dataset_config.ts";
import { isNumeric, readField, splitField, tensorOfColumn } from "./json_lines.ts";
import { type LabelContext, labelsFromList, labelsFromTensor, parseClass } from "./labels.ts";
import { checkAgainstFiles, readLabelTable } from "./label_table.ts";
import { readNpzMember, splitMember } from "./npz.ts";
import { pathKind, readTextFile } from "./read_file.ts";

/** Reads labels for samples that are numbered, not named: table lines name them by index. */
export async function readArrayLabels(
  config: DatasetConfig,
  origin: LabelOrigin,
  samples: number,
  classes: readonly string[] | undefined,
): Promise<Labels> {
  if ("inline" in origin) {
    return labelsFromList(origin.inline, samples, { what: `of dataset "${config.name}"`, classes });
  }
  const path = join(config.folder, origin.path);
  const context = { what: `"${path}"`, classes };
  const listed = await readListedLabels(path, samples, context);
  if (listed !== undefined) return listed;
  if (!/\.(csv|tsv|txt)$/.test(path)) throw unknownLabels(path);
  const known = new Set(Array.from({ length: samples }, (_, index) => String(index)));
  const table = await readLabelTable(path, known);
  checkAgainstFiles(table, known, path);
  const ordered = [...table].sort((a, b) => Number(a.name) - Number(b.name));
  if (path.endsWith(".tsv")) return await textLabels(config, ordered.map(({ label }) => label));
  const values = ordered.map(({ label, line }) => parseClass(label, `line ${line}`, context));
  return { kind: "classes", values: Int32Array.from(values) };
}

/** Labels that are listed in the order of the samples: arrays and JSON lists. Undefined where the file is no such list. */
export async function readListedLabels(
  path: string,
  samples: number,
  context: LabelContext,
): Promise<Labels | undefined> {
  if (splitMember(path).member !== undefined) return labelsFromTensor(await readNpzMember(path), samples, context);
  if (splitField(path).field !== undefined) return labelsFromColumn(await readField(path), samples, context);
  if (await pathKind(path) === undefined) {
    throw new DatasetError(`Cannot read labels ${context.what}: the file does not exist`);
  }
  const format = /\.npy(\.gz)?$/.test(path) ? "npy" : /(\.idx|ubyte)(\.gz)?$/.test(path) ? "idx" : undefined;
  if (format !== undefined) return labelsFromTensor(await readArrayFile(path, format), samples, context);
  if (!path.endsWith(".json")) return undefined;
  const json = await readJson(path);
  return Array.isArray(json) ? labelsFromList(json, samples, context) : undefined;
}

/** A list of numbers for every sample is its target; anything else is a class. */
function labelsFromColumn(values: readonly unknown[], samples: number, context: LabelContext): Labels {
  const isTarget = values.every(isNumeric) && !values.every(Number.isInteger);
  return isTarget
    ? labelsFromTensor(tensorOfColumn(values, context.what), samples, context)
    : labelsFromList(values, samples, context);
}

/** Transcriptions, with the characters that the configuration names. */
export async function textLabels(config: DatasetConfig, values: readonly string[]): Promise<Labels> {
  const characters = config.characters === undefined
    ? undefined
    : await readCharacters(join(config.folder, config.characters));
  return { kind: "text", values, characters };
}

/** A JSON file of labels. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readTextFile(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError(`Cannot read labels "${path}": it is no JSON (${found})`, { cause });
  }
}

/** The error for a file whose kind says nothing of labels. */
export function unknownLabels(path: string): DatasetError {
  return new DatasetError(
    `Cannot read labels "${path}": expected .csv, .txt, .tsv, .json, .npy, IDX, FILE.jsonl:FIELD, or a folder of masks`,
  );
}

/** A line may be a blank: that is a character too. */
async function readCharacters(path: string): Promise<string[]> {
  const lines = (await readTextFile(path)).split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
