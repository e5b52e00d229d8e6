/** What a dataset.json says, checked: the description from which a dataset is opened. */
import { basename, dirname } from "node:path";
import { parse, type ParseError, printParseErrorCode } from "jsonc-parser";
import { DatasetError } from "../base/errors.ts";
import type { Layout } from "./pixels.ts";
import { parsePreprocessing } from "./preprocessing_config.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { readTextFile } from "./read_file.ts";
import { didYouMean } from "./spelling.ts";

/** How samples are stored. */
export type DatasetFormat = "images" | "npy" | "idx" | "npz" | "jsonl";

/** Where labels come from: a file or folder, or the values themselves. */
export type LabelOrigin = { readonly path: string } | { readonly inline: readonly unknown[] };

/** A description of a dataset; paths are relative to `folder`. `FILE.npz:NAME` is one array of a .npz, `FILE.jsonl:FIELD` one field. */
export interface DatasetConfig {
  readonly name: string;
  readonly folder: string;
  readonly format: DatasetFormat;
  /** One path, or a path for each named network input. */
  readonly inputs: string | ReadonlyMap<string, string>;
  readonly labels: LabelOrigin | undefined;
  /** Added to every class label: -1 where labels count from 1, 1 where the network's class 0 is a background that labels lack. */
  readonly labelOffset: number;
  /** For every input, or for each named one. */
  readonly preprocessing: Preprocessing | ReadonlyMap<string, Preprocessing>;
  readonly layout: Layout;
  /** File with one class name per line, or the names themselves. */
  readonly classes: string | readonly string[] | undefined;
  /** File with one character per line, for transcriptions. */
  readonly characters: string | undefined;
}

/** No steps and no affine map. */
export const NO_PREPROCESSING: Preprocessing = { steps: [], affine: undefined };

/** The keys of the file, each with what it says. */
export const DATASET_KEYS = {
  format: "How samples are stored.",
  inputs:
    "Path of the samples, relative to this file, or a path for each named network input; FILE.npz:NAME is one array, FILE.jsonl:FIELD one field.",
  labels:
    "Path of the labels (.csv, .txt, .tsv, .json, .npy, IDX, FILE.npz:NAME, FILE.jsonl:FIELD, a folder of masks), or the labels in a list.",
  label_offset:
    "Added to every class label: -1 where labels count from 1, 1 where class 0 is a background without labels.",
  preprocessing:
    "Steps that bring a picture to the network, in order; or an object with such a list for each named input.",
  layout: "Order of axes that the network gets.",
  classes: "File with one class name per line, or the names in a list, by class.",
  characters: "File with one character per line, for transcriptions.",
} as const;

/** What `format` may be. */
export const DATASET_FORMATS: readonly DatasetFormat[] = ["images", "npy", "idx", "npz", "jsonl"];

/** What `layout` may be. */
export const LAYOUTS: readonly Layout[] = ["NCHW", "NHWC"];

const KEYS = Object.keys(DATASET_KEYS);

/** Reads and checks a configuration file; comments and trailing commas are allowed. */
export async function readDatasetConfig(path: string): Promise<DatasetConfig> {
  return parseDatasetConfig(await readTextFile(path), path);
}

/** Checks the text of a configuration that lies at `path`. */
export function parseDatasetConfig(text: string, path: string): DatasetConfig {
  const file = `"${path}"`;
  const errors: ParseError[] = [];
  const json: unknown = parse(text, errors, { allowTrailingComma: true });
  const error = errors[0];
  if (error !== undefined) {
    const line = text.slice(0, error.offset).split("\n").length;
    throw new DatasetError(`Cannot read ${file}: line ${line} is no JSON (${printParseErrorCode(error.error)})`);
  }
  if (!isRecord(json)) throw new DatasetError(`Cannot read ${file}: it holds ${kindOf(json)}, expected an object`);
  for (const key of Object.keys(json)) {
    // Editors find the schema by it.
    if (!KEYS.includes(key) && key !== "$schema") {
      const hint = didYouMean(key, KEYS);
      throw new DatasetError(`Cannot read ${file}: unknown key "${key}", expected ${KEYS.join(", ")}${hint}`);
    }
  }
  const folder = dirname(path);
  return {
    name: basename(path) === "dataset.json" ? basename(folder) : `${basename(folder)}/${basename(path)}`,
    folder,
    format: oneOf(json, "format", DATASET_FORMATS, undefined, file),
    inputs: parseInputs(json.inputs, file),
    labels: parseLabelOrigin(json.labels, file),
    labelOffset: parseLabelOffset(json.label_offset ?? 0, file),
    preprocessing: parseAllPreprocessing(json.preprocessing ?? [], file),
    layout: oneOf(json, "layout", LAYOUTS, "NCHW", file),
    classes: parseClasses(json, file),
    characters: optionalPath(json, "characters", file),
  };
}

function parseInputs(value: unknown, file: string): string | ReadonlyMap<string, string> {
  if (typeof value === "string" && value !== "") return value;
  if (isRecord(value) && Object.keys(value).length > 0) {
    const entries = Object.entries(value);
    const wrong = entries.find(([, path]) => typeof path !== "string" || path === "");
    if (wrong !== undefined) {
      throw new DatasetError(`Cannot read ${file}: input "${wrong[0]}" is ${kindOf(wrong[1])}, expected a path`);
    }
    return new Map(entries.map(([name, path]) => [name, String(path)]));
  }
  throw new DatasetError(
    `Cannot read ${file}: "inputs" is ${kindOf(value)}, expected a path or an object of input names and paths`,
  );
}

function parseLabelOrigin(value: unknown, file: string): LabelOrigin | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && value !== "") return { path: value };
  if (Array.isArray(value)) return { inline: value };
  throw new DatasetError(`Cannot read ${file}: "labels" is ${kindOf(value)}, expected a path or a list`);
}

function parseLabelOffset(value: unknown, file: string): number {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw new DatasetError(`Cannot read ${file}: "label_offset" is ${JSON.stringify(value)}, expected an integer`);
}

function parseAllPreprocessing(value: unknown, file: string): DatasetConfig["preprocessing"] {
  if (!isRecord(value)) return parsePreprocessing(value, file);
  return new Map(Object.entries(value).map(([name, list]) => [name, parsePreprocessing(list, file)]));
}

function parseClasses(json: Readonly<Record<string, unknown>>, file: string): DatasetConfig["classes"] {
  const { classes } = json;
  if (!Array.isArray(classes)) return optionalPath(json, "classes", file);
  const wrong = classes.findIndex((name) => typeof name !== "string");
  if (wrong < 0 && classes.length > 0) return classes as string[];
  throw new DatasetError(
    `Cannot read ${file}: "classes" ${
      wrong < 0 ? "is an empty list" : `has ${kindOf(classes[wrong])} at place ${wrong}`
    }, expected names`,
  );
}

function optionalPath(json: Readonly<Record<string, unknown>>, key: string, file: string): string | undefined {
  const value = json[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && value !== "") return value;
  throw new DatasetError(`Cannot read ${file}: "${key}" is ${kindOf(value)}, expected a path`);
}

function oneOf<T extends string>(
  json: Readonly<Record<string, unknown>>,
  key: string,
  names: readonly T[],
  absent: T | undefined,
  file: string,
): T {
  const value = json[key];
  if (value === undefined && absent !== undefined) return absent;
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  const shown = value === undefined ? "missing" : JSON.stringify(value);
  const hint = typeof value === "string" ? didYouMean(value, names) : "";
  throw new DatasetError(`Cannot read ${file}: "${key}" is ${shown}, expected one of ${names.join(", ")}${hint}`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === "") return "empty";
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
