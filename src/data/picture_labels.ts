/** Labels of pictures, and the order in which they put them. */
import { basename, join } from "node:path";
import { DatasetError } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor.ts";
import { parseBoxAnnotations } from "./box_annotations.ts";
import type { ContentHash } from "./content_hash.ts";
import type { Labels } from "./dataset.ts";
import type { DatasetConfig } from "./dataset_config.ts";
import type { DecodePool } from "./decode_pool.ts";
import { readJson, readListedLabels, textLabels, unknownLabels } from "./label_files.ts";
import { checkAgainstFiles, type LabelLine, readLabelTable } from "./label_table.ts";
import { labelsFromList, parseClass } from "./labels.ts";
import { byCodeUnits, listPictures } from "./list_pictures.ts";
import { pathKind } from "./read_file.ts";

/** Pictures in the order of the samples, with their labels. */
export interface LabelledPictures {
  readonly files: readonly string[];
  readonly labels: Labels | undefined;
  readonly classes: readonly string[] | undefined;
  readonly hashLabelFiles?: (hash: ContentHash) => Promise<void>;
}

/** Reads the labels of `listed`, the pictures of the input folder in sorted order. */
export async function labelPictures(
  config: DatasetConfig,
  listed: readonly string[],
  classes: readonly string[] | undefined,
  pool: DecodePool,
): Promise<LabelledPictures> {
  const origin = config.labels;
  if (origin === undefined) return labelsFromFolders(config, listed, classes);
  if ("inline" in origin) {
    const what = `of dataset "${config.name}"`;
    return { files: listed, classes, labels: labelsFromList(origin.inline, listed.length, { what, classes }) };
  }
  const path = join(config.folder, origin.path);
  if (await pathKind(path) === "folder") return await masksOf(path, listed, classes, pool);
  const listedLabels = await readListedLabels(path, listed.length, { what: `"${path}"`, classes });
  if (listedLabels !== undefined) return { files: listed, classes, labels: listedLabels };
  if (path.endsWith(".json")) return labelsFromJson(await readJson(path), path, listed, classes);
  if (!/\.(csv|tsv|txt)$/.test(path)) throw unknownLabels(path);
  const known = new Set(listed);
  const table = await readLabelTable(path, known);
  checkAgainstFiles(table, known, path);
  const files = table.map(({ name }) => name);
  if (path.endsWith(".tsv")) {
    return {
      files,
      classes,
      labels: await textLabels(config, table.map(({ label }) => label)),
    };
  }
  return { files, classes, labels: classLabels(table, path, classes) };
}

function classLabels(table: readonly LabelLine[], path: string, classes: readonly string[] | undefined): Labels {
  const context = { what: `"${path}"`, classes };
  const values = table.map(({ label, line }) => parseClass(label, `the label in line ${line}`, context));
  return { kind: "classes", values: Int32Array.from(values) };
}

/**
 * Subfolders that hold all the pictures are classes: of a `classes` file the index of the folder's name, else the number
 * where all names are numbers, else the place in sorted order. One subfolder says nothing.
 */
function labelsFromFolders(
  config: DatasetConfig,
  files: readonly string[],
  classes: readonly string[] | undefined,
): LabelledPictures {
  const folderOf = (file: string) => file.includes("/") ? file.slice(0, file.indexOf("/")) : undefined;
  const folders = [...new Set(files.map(folderOf))];
  const names = folders.filter((name) => name !== undefined).sort(byCodeUnits);
  if (names.length < 2) return { files, labels: undefined, classes };
  if (names.length < folders.length) {
    const loose = files.find((file) => folderOf(file) === undefined);
    throw new DatasetError(
      `Cannot open dataset "${config.name}": "${loose}" lies beside the class folders ${names[0]}, ${
        names[1]
      }, expected all pictures in them`,
    );
  }
  const numbered = names.every((name) => /^\d+$/.test(name));
  const known = classes ?? (numbered ? undefined : names);
  const context = { what: `of dataset "${config.name}"`, classes: known };
  const values = files.map((file) => parseClass(folderOf(file), "a folder name", context));
  return { files, labels: { kind: "classes", values: Int32Array.from(values) }, classes: known };
}

function labelsFromJson(
  json: unknown,
  path: string,
  listed: readonly string[],
  classes: readonly string[] | undefined,
): LabelledPictures {
  if (typeof json !== "object" || json === null) throw unknownLabels(path);
  const known = new Set(listed);
  if ("annotations" in json) {
    const { files: named, boxes, categories } = parseBoxAnnotations(json, path);
    const files = named.map((name) => known.has(name) ? name : basename(name));
    checkAgainstFiles(files.map((name, index) => ({ name, label: "", line: index + 1 })), known, path);
    return { files, classes, labels: { kind: "annotations", boxes, categories } };
  }
  const table = Object.entries(json).map(([name, label], index): LabelLine => ({
    name,
    label: String(label),
    line: index + 1,
  }));
  checkAgainstFiles(table, known, path);
  return { files: table.map(({ name }) => name), classes, labels: classLabels(table, path, classes) };
}

async function masksOf(
  folder: string,
  files: readonly string[],
  classes: readonly string[] | undefined,
  pool: DecodePool,
): Promise<LabelledPictures> {
  const masks = new Map((await listPictures(folder)).map((file) => [stem(file), file]));
  const paths = files.map((file) => {
    const mask = masks.get(stem(file));
    if (mask === undefined) throw new DatasetError(`Cannot read labels "${folder}": no mask for picture "${file}"`);
    return join(folder, mask);
  });
  const labels: Labels = {
    kind: "masks",
    paths,
    async read(index): Promise<HostTensor> {
      const path = paths[index];
      if (path === undefined) throw new RangeError(`Cannot read mask ${index}: expected 0 to ${paths.length - 1}`);
      const { size, data } = await pool.run("mask", path);
      return { dtype: "uint8", shape: [size.height, size.width], data };
    },
  };
  return {
    files,
    classes,
    labels,
    async hashLabelFiles(hash) {
      for (const path of paths) hash.bytes((await pool.run("digest", path)).data);
    },
  };
}

function stem(file: string): string {
  return file.replace(/\.[^.]*$/, "");
}
