/** Where labels of a folder may lie, judged by names alone. */
import { join } from "node:path";
import type { DatasetConfig } from "./dataset_config.ts";
import { readNpzNames, splitMember } from "./npz.ts";
import { pathKind } from "./read_file.ts";

/** Names of .npy files that hold labels. */
export const LABEL_ARRAY = /^y([._-]|$)|label|target|truth/i;

const LABEL_FILE = /label|annotation|truth|target|transcript|instances|^gt[._]|^(val|test|train)\.(txt|csv)$/i;

/** Folders of masks, by usual names. */
const MASK_FOLDERS = /^(masks?|SegmentationClass|segmentation|annotations|labels|gt|gtFine)$/i;

/**
 * Paths relative to the folder, the likelier first; undefined stands for subfolders as classes. What is listed may turn out to be no
 * labels: whoever asked has to read it.
 */
export async function findLabels(
  folder: string,
  entries: readonly string[],
  { format, inputs, labels }: DatasetConfig,
): Promise<(string | undefined)[]> {
  const found: (string | undefined)[] = labels && "path" in labels ? [labels.path] : [];
  const isInput = (name: string) => typeof inputs === "string" && inputs.replace(/\/$/, "") === name;
  for (const name of entries) {
    if (/^dataset(\..+)?\.json$/.test(name) || isInput(name)) continue;
    if (await isLabelFile(folder, name, format)) found.push(name);
  }
  if (format === "npz") found.push(...await labelMembers(folder, inputs));
  if (format === "images") found.push(undefined);
  return [...new Set(found)];
}

async function isLabelFile(folder: string, name: string, format: DatasetConfig["format"]): Promise<boolean> {
  if (name.endsWith(".npy")) return LABEL_ARRAY.test(name);
  if (/\.(csv|tsv|txt|json)$/i.test(name)) return LABEL_FILE.test(name) && !/^label_?names|^labels_map/i.test(name);
  return format === "images" && MASK_FOLDERS.test(name) && await pathKind(join(folder, name)) === "folder";
}

/** Arrays of the archive of the samples that are named like labels. */
async function labelMembers(folder: string, inputs: DatasetConfig["inputs"]): Promise<string[]> {
  const [path = ""] = typeof inputs === "string" ? [inputs] : inputs.values();
  const { file } = splitMember(path);
  return (await readNpzNames(join(folder, file))).filter((name) => LABEL_ARRAY.test(name)).map((name) =>
    `${file}:${name}`
  );
}
