/** What lies in a folder of data, whatever a dataset.json there says: for whoever has to write one. */
import { join } from "node:path";
import { DatasetError } from "../base/errors.ts";
import type { Dataset, Labels, SampleInput } from "./dataset.ts";
import { type DatasetConfig, parseDatasetConfig } from "./dataset_config.ts";
import { findLabels, LABEL_ARRAY } from "./find_labels.ts";
import { guessFolder } from "./guess_dataset.ts";
import { readLabelTable } from "./label_table.ts";
import { byCodeUnits, listPictures } from "./list_pictures.ts";
import { openDescribed } from "./open_dataset.ts";
import { parsePictureHeader } from "./picture_header.ts";
import { pathKind, readDataFile, readLines } from "./read_file.ts";

/** What was found in a folder. */
export interface DataSurvey {
  /** Samples without labels and preprocessing. */
  readonly config: DatasetConfig;
  readonly samples: number;
  readonly inputs: readonly SampleInput[];
  /** Undefined for arrays. */
  readonly pictures: PictureSizes | undefined;
  /** Smallest and largest value among the first samples of each input; undefined for pictures. */
  readonly ranges: readonly (readonly [number, number])[] | undefined;
  /** Labels that could be read, the likeliest first. */
  readonly labels: readonly FoundLabels[];
  /** What looked like labels, and why it is none. */
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
  readonly classes: { readonly path: string; readonly names: readonly string[] } | undefined;
  /** File of characters, for transcriptions. */
  readonly characters: string | undefined;
}

/** Sizes of the pictures looked at. */
export interface PictureSizes {
  readonly width: number;
  readonly height: number;
  /** Whether all have the size of the first. */
  readonly areEqual: boolean;
  readonly shortestSide: number;
}

/** Labels that fit the samples. */
export interface FoundLabels {
  /** Relative to the folder; undefined where subfolders are the classes. */
  readonly path: string | undefined;
  readonly labels: Labels;
  /** The names among the labels in the order of the alphabet, where nothing says which class is which. */
  readonly classNames?: readonly string[];
  /** Samples that have labels: a file may list fewer pictures than there are. */
  readonly samples: number;
}

/** Pictures whose size is looked at, and rows of arrays whose values are. */
const LOOKED_AT = 64;

/** Looks into a folder. Throws DatasetError where no samples are found. */
export async function surveyFolder(folder: string): Promise<DataSurvey> {
  const kind = await pathKind(folder);
  if (kind !== "folder") {
    const found = kind === undefined ? "it does not exist" : "it is a file";
    throw new DatasetError(`Cannot look into "${folder}": ${found}, expected a folder of samples`);
  }
  const entries = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort(byCodeUnits);
  const config = await samplesIn(folder, entries);
  const classes = entries.find((name) => CLASSES_FILE.test(name));
  const characters = entries.find((name) => CHARACTERS_FILE.test(name));
  const bare = await openDescribed({ ...config, labels: undefined, classes: undefined, characters: undefined });
  const inputs = { samples: bare.length, inputs: bare.inputs, ranges: await rangesOf(bare, config) };
  bare.close();
  const names = { ...config, classes, characters };
  const { labels, refused } = await readableLabels(names, await findLabels(folder, entries, config));
  return {
    config: { ...config, labels: undefined },
    ...inputs,
    pictures: config.format === "images" ? await sizesOf(config) : undefined,
    labels,
    refused,
    classes: classes === undefined ? undefined : { path: classes, names: await readLines(join(folder, classes)) },
    characters,
  };
}

const CLASSES_FILE =
  /^(classes|class_names|classnames|labels?_names|categories|names|synset_words|synsets?)\.(txt|names)$/i;
const CHARACTERS_FILE = /^(characters|charset|alphabet|dict(ionary)?|ppocr_keys.*|keys)\.txt$/i;

/** Folders that hold the samples where labels lie beside them, the likelier first. */
const PICTURE_FOLDERS = ["images", "JPEGImages", "imgs", "pictures", "val", "validation", "test"];

async function samplesIn(folder: string, entries: readonly string[]): Promise<DatasetConfig> {
  const described = (format: string, inputs: string) =>
    parseDatasetConfig(JSON.stringify({ format, inputs }), join(folder, "dataset.json"));
  for (const name of PICTURE_FOLDERS) {
    if (!entries.includes(name) || await pathKind(join(folder, name)) !== "folder") continue;
    if ((await listPictures(join(folder, name))).length > 0) return described("images", `${name}/`);
  }
  const [only, other] = entries.filter((name) => name.endsWith(".npy") && !LABEL_ARRAY.test(name));
  const isNamed = entries.includes("x.npy") || entries.includes("images.npy");
  return only !== undefined && other === undefined && !isNamed ? described("npy", only) : await guessFolder(folder);
}

/** Every place of labels, tried out. */
async function readableLabels(
  config: DatasetConfig,
  paths: readonly (string | undefined)[],
): Promise<Pick<DataSurvey, "labels" | "refused">> {
  const labels: FoundLabels[] = [];
  const refused: { path: string; reason: string }[] = [];
  for (const path of paths) {
    try {
      const dataset = await openDescribed({ ...config, labels: path === undefined ? undefined : { path } });
      if (dataset.labels) labels.push({ path, labels: dataset.labels, samples: dataset.length });
      dataset.close();
    } catch (error) {
      if (!(error instanceof DatasetError)) throw error;
      const named = path === undefined ? undefined : await namedLabels(config, path);
      if (named) labels.push(named);
      else refused.push({ path: path ?? ".", reason: error.message });
    }
  }
  return { labels, refused };
}

/** Labels of a table of names, numbered by the alphabet; undefined where it is none, or where class names are known. */
async function namedLabels(config: DatasetConfig, path: string): Promise<FoundLabels | undefined> {
  if (config.classes !== undefined || config.format !== "images" || !/\.(csv|txt)$/.test(path)) return undefined;
  try {
    const { folder, inputs } = config;
    const known = new Set(await listPictures(join(folder, typeof inputs === "string" ? inputs : ".")));
    const table = await readLabelTable(join(folder, path), known);
    const classNames = [...new Set(table.map(({ label }) => label))].sort(byCodeUnits);
    const dataset = await openDescribed({ ...config, labels: { path }, classes: classNames });
    dataset.close();
    return dataset.labels && { path, labels: dataset.labels, samples: dataset.length, classNames };
  } catch (error) {
    if (error instanceof DatasetError) return undefined;
    throw error;
  }
}

async function sizesOf({ folder, inputs }: DatasetConfig): Promise<PictureSizes> {
  const root = join(folder, typeof inputs === "string" ? inputs : [...inputs.values()][0] ?? "");
  const files = await listPictures(root);
  const step = Math.max(1, Math.floor(files.length / LOOKED_AT));
  const headers = await Promise.all(
    files.filter((_, index) => index % step === 0).slice(0, LOOKED_AT).map(async (file) => {
      try {
        return parsePictureHeader(await readDataFile(join(root, file)));
      } catch (cause) {
        const found = cause instanceof Error ? cause.message : String(cause);
        throw new DatasetError(`Cannot read picture "${join(root, file)}": ${found}`, { cause });
      }
    }),
  );
  const [{ width, height } = { width: 0, height: 0 }] = headers;
  return {
    width,
    height,
    areEqual: headers.every((other) => other.width === width && other.height === height),
    shortestSide: Math.min(...headers.map((one) => Math.min(one.width, one.height))),
  };
}

async function rangesOf(dataset: Dataset, { format }: DatasetConfig): Promise<[number, number][] | undefined> {
  if (format === "images") return undefined;
  const step = Math.max(1, Math.floor(dataset.length / LOOKED_AT));
  const some = Array.from({ length: dataset.length }, (_, index) => index).filter((index) => index % step === 0);
  const tensors = await dataset.read(some.slice(0, LOOKED_AT));
  return tensors.map(({ data }) => {
    let [low, high] = [Infinity, -Infinity];
    for (const value of data as Iterable<number | bigint>) {
      low = Math.min(low, Number(value));
      high = Math.max(high, Number(value));
    }
    return [low, high];
  });
}
