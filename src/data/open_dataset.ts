/** From a path to a dataset. */
import { join } from "node:path";
import { DatasetError } from "../base/errors.ts";
import type { Dataset } from "./dataset.ts";
import { type DatasetConfig, readDatasetConfig } from "./dataset_config.ts";
import { guessFile, guessFolder } from "./guess_dataset.ts";
import { openArrayDataset } from "./open_arrays.ts";
import { type OpenOptions, openPictureDataset } from "./open_pictures.ts";
import { pathKind, readLines } from "./read_file.ts";

/**
 * Opens a folder with a dataset.json, the path of such a file, or without one: class subfolders of pictures, pictures with
 * labels.csv, x.npy and y.npy, a .npz, or a pair of IDX files.
 *
 * ```ts
 * import { openDataset } from "@holdfast/holdfast";
 *
 * const dataset = await openDataset("validation");
 * console.log(dataset.name, dataset.length);
 * dataset.close();
 * ```
 *
 * @throws {DatasetError} saying what is wrong with it
 */
export async function openDataset(path: string, options: OpenOptions = {}): Promise<Dataset> {
  return await openDescribed(await configOf(path), options);
}

/** Opens what a description says. */
export async function openDescribed(config: DatasetConfig, options: OpenOptions = {}): Promise<Dataset> {
  const classes = typeof config.classes === "string"
    ? await readLines(join(config.folder, config.classes))
    : config.classes;
  if (config.format !== "images") return openArrayDataset(config, classes);
  return await openPictureDataset(config, classes, options);
}

async function configOf(path: string): Promise<DatasetConfig> {
  const kind = await pathKind(path);
  if (kind === undefined) throw new DatasetError(`Cannot open dataset "${path}": it does not exist`);
  if (kind === "file") return path.endsWith(".json") ? await readDatasetConfig(path) : await guessFile(path);
  const names = (await Array.fromAsync(Deno.readDir(path))).map((entry) => entry.name);
  const described = names.filter((name) => /^dataset(\..+)?\.json$/.test(name)).sort();
  const [first] = described;
  if (first === undefined) return await guessFolder(path);
  if (described.includes("dataset.json")) return await readDatasetConfig(join(path, "dataset.json"));
  if (described.length === 1) return await readDatasetConfig(join(path, first));
  throw new DatasetError(
    `Cannot open dataset "${path}": it has ${described.join(", ")} but no dataset.json; give the path of one of them`,
  );
}
