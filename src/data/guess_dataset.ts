/** Descriptions of datasets that have no dataset.json: only layouts that cannot be meant in two ways. */
import { basename, dirname, join, resolve } from "node:path";
import { DatasetError } from "../base/errors.ts";
import { type DatasetConfig, NO_PREPROCESSING } from "./dataset_config.ts";
import { isNumeric, JSON_LINES, readColumns } from "./json_lines.ts";
import { listPictures } from "./list_pictures.ts";
import { readNpzNames } from "./npz.ts";
import { pathKind } from "./read_file.ts";

/** A .npz, a .npy without labels, or JSON Lines. */
export async function guessFile(path: string): Promise<DatasetConfig> {
  const name = basename(path);
  if (name.endsWith(".npz")) return await npzConfig(dirname(path), name, name);
  if (JSON_LINES.test(name)) return await jsonLinesConfig(dirname(path), name, name);
  if (name.endsWith(".npy")) return config(dirname(path), { name, format: "npy", inputs: name });
  throw new DatasetError(
    `Cannot open dataset "${path}": it is a file, expected a folder, a dataset.json, a .npz, a .npy or a .jsonl`,
  );
}

/** The obvious datasets of a folder, looked for in a fixed order. */
export async function guessFolder(folder: string): Promise<DatasetConfig> {
  const entries = new Set((await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name));
  const classes = entries.has("classes.txt") ? "classes.txt" : undefined;
  const found = arrayPair(entries) ?? idxPair(entries, folder);
  if (found !== undefined) return config(folder, { ...found, classes });
  const archives = [...entries].filter((name) => name.endsWith(".npz"));
  const [archive] = archives;
  if (archive !== undefined && archives.length === 1) {
    return { ...await npzConfig(folder, archive, nameOf(folder)), classes };
  }
  const [lines, more] = [...entries].filter((name) => JSON_LINES.test(name));
  if (lines !== undefined && more === undefined) {
    return { ...await jsonLinesConfig(folder, lines, nameOf(folder)), classes };
  }
  const labels = LABEL_FILES.find((name) => entries.has(name));
  const pictures =
    await pathKind(join(folder, "images")) === "folder" && (labels !== undefined || onlyPictures(entries))
      ? "images"
      : ".";
  if ((await listPictures(join(folder, pictures))).length > 0) {
    const origin = labels === undefined ? {} : { labels: { path: labels } };
    return config(folder, { format: "images", inputs: pictures, classes, ...origin });
  }
  throw new DatasetError(
    `Cannot open dataset "${folder}": no dataset.json and nothing that stands for itself, ` +
      `expected subfolders of pictures, images/ with labels.csv, x.npy with y.npy, one .npz, one .jsonl, or a pair of IDX files`,
  );
}

const LABEL_FILES = ["labels.csv", "labels.tsv", "labels.txt", "labels.json", "labels.npy", "annotations.json"];

function onlyPictures(entries: ReadonlySet<string>): boolean {
  return [...entries].every((name) => name === "images" || name === "classes.txt" || name.startsWith("."));
}

type Found = Partial<DatasetConfig> & Pick<DatasetConfig, "format" | "inputs">;

function arrayPair(entries: ReadonlySet<string>): Found | undefined {
  for (const [inputs, labels] of [["x.npy", "y.npy"], ["images.npy", "labels.npy"]] as const) {
    if (!entries.has(inputs)) continue;
    return { format: "npy", inputs, labels: entries.has(labels) ? { path: labels } : undefined };
  }
  return undefined;
}

const IDX_FILE = /(\.idx|idx\d?-u?byte|\.ubyte)(\.gz)?$/;

/** Of MNIST's two pairs the test pair: that is what accuracy is measured on. */
function idxPair(entries: ReadonlySet<string>, folder: string): Found | undefined {
  const files = [...entries].filter((name) => IDX_FILE.test(name)).sort();
  if (files.length === 0) return undefined;
  const test = files.filter((name) => /^(t10k|test|val)/i.test(name));
  const chosen = test.length > 0 ? test : files;
  const labels = chosen.filter((name) => /label/i.test(name));
  const inputs = chosen.filter((name) => !/label/i.test(name));
  const [input] = inputs;
  const [label] = labels;
  if (input === undefined || inputs.length > 1 || labels.length > 1) {
    throw new DatasetError(
      `Cannot open dataset "${folder}": the IDX files ${
        chosen.join(", ")
      } are no pair of images and labels; say which in a dataset.json`,
    );
  }
  return { format: "idx", inputs: input, labels: label === undefined ? undefined : { path: label } };
}

/** Pairs of array names that stand for samples and labels, the better first. */
const NPZ_PAIRS = [["x_test", "y_test"], ["x", "y"], ["images", "labels"], ["inputs", "labels"], ["data", "labels"]];

async function npzConfig(folder: string, file: string, name: string): Promise<DatasetConfig> {
  const names = await readNpzNames(join(folder, file));
  for (const [inputs = "", labels = ""] of NPZ_PAIRS) {
    if (!names.includes(inputs)) continue;
    const origin = names.includes(labels) ? { labels: { path: `${file}:${labels}` } } : {};
    return config(folder, { name, format: "npz", inputs: `${file}:${inputs}`, ...origin });
  }
  const labels = names.find((candidate) => candidate === "y" || candidate === "labels" || candidate === "label");
  const inputs = new Map(names.filter((input) => input !== labels).map((input) => [input, `${file}:${input}`]));
  const origin = labels === undefined ? {} : { labels: { path: `${file}:${labels}` } };
  return config(folder, {
    name,
    format: "npz",
    inputs: inputs.size === 1 ? [...inputs.values()][0] ?? file : inputs,
    ...origin,
  });
}

const LABEL_FIELD = /^(labels?|targets?|y|class)$/i;

/** Fields of numbers are inputs, but for one that is named as labels are. */
async function jsonLinesConfig(folder: string, file: string, name: string): Promise<DatasetConfig> {
  const columns = [...await readColumns(join(folder, file))];
  const labels = columns.find(([field]) => LABEL_FIELD.test(field))?.[0];
  const inputs = columns.filter(([field, [first]]) => field !== labels && isNumeric(first)).map(([field]) => field);
  const [only = ""] = inputs;
  return config(folder, {
    name,
    format: "jsonl",
    inputs: inputs.length === 1 ? `${file}:${only}` : new Map(inputs.map((field) => [field, `${file}:${field}`])),
    ...(labels === undefined ? {} : { labels: { path: `${file}:${labels}` } }),
  });
}

function config(folder: string, found: Found): DatasetConfig {
  return {
    name: nameOf(folder),
    folder,
    labels: undefined,
    labelOffset: 0,
    preprocessing: NO_PREPROCESSING,
    layout: "NCHW",
    classes: undefined,
    characters: undefined,
    ...found,
  };
}

function nameOf(folder: string): string {
  return basename(resolve(folder));
}
