/** Datasets whose samples are picture files. */
import { join } from "node:path";
import { DatasetError } from "../base/errors.ts";
import { assembleDataset } from "./assembled_dataset.ts";
import type { Dataset } from "./dataset.ts";
import type { DatasetConfig } from "./dataset_config.ts";
import { createInlinePool, createWorkerPool } from "./decode_pool.ts";
import type { DecodeSettings } from "./decode_job.ts";
import { shiftClasses, shiftLabels } from "./labels.ts";
import { listPictures } from "./list_pictures.ts";
import { openPictureInput } from "./picture_input.ts";
import { labelPictures } from "./picture_labels.ts";
import { preprocessingOf } from "./preprocessing_of.ts";

const DEFAULT_MEMORY_BUDGET = 2 * 2 ** 30;
const MAX_DEFAULT_WORKERS = 4;

/** Below this, starting workers takes longer than decoding. */
const FEW_PICTURES = 32;

/** How much a dataset may take. */
export interface OpenOptions {
  /** Bytes of decoded pictures to keep; others are decoded again. The default is 2 GiB. */
  readonly memoryBudget?: number;
  /** Threads that decode pictures; 0 decodes in the caller's. The default is one per core up to 4, or 0 for few pictures. */
  readonly workers?: number;
}

/** Opens the pictures that a configuration of format images names. */
export async function openPictureDataset(
  config: DatasetConfig,
  classes: readonly string[] | undefined,
  options: OpenOptions,
): Promise<Dataset> {
  const { name, folder, layout } = config;
  const [input, path] = pictureFolder(config);
  const pictures = join(folder, path);
  const listed = await listPictures(pictures);
  if (listed.length === 0) throw new DatasetError(`Cannot open dataset "${name}": no pictures in "${pictures}"`);
  const preprocessing = preprocessingOf(config, input, [input]);
  const workers = options.workers ?? defaultWorkers(listed.length);
  const settings: DecodeSettings = { steps: preprocessing.steps, layout };
  const pool = workers === 0 ? createInlinePool(settings) : createWorkerPool(settings, workers);
  try {
    const { files, labels, classes: named, hashLabelFiles } = await labelPictures(config, listed, classes, pool);
    const memoryBudget = options.memoryBudget ?? DEFAULT_MEMORY_BUDGET;
    const source = await openPictureInput({
      name: input,
      folder: pictures,
      files,
      preprocessing,
      layout,
      pool,
      memoryBudget,
    });
    return assembleDataset({
      name,
      sources: [source],
      labels: shiftLabels(labels, config.labelOffset, `of dataset "${name}"`),
      classes: shiftClasses(named, config.labelOffset),
      ...(hashLabelFiles === undefined ? {} : { hashLabelFiles }),
      close: () => pool.close(),
    });
  } catch (error) {
    pool.close();
    throw error;
  }
}

function pictureFolder({ name, inputs }: DatasetConfig): [string | undefined, string] {
  if (typeof inputs === "string") return [undefined, inputs];
  const [only] = inputs;
  if (only === undefined || inputs.size > 1) {
    throw new DatasetError(`Cannot open dataset "${name}": ${inputs.size} inputs of pictures, expected one`);
  }
  return only;
}

function defaultWorkers(pictures: number): number {
  return pictures <= FEW_PICTURES ? 0 : Math.min(navigator.hardwareConcurrency, MAX_DEFAULT_WORKERS);
}
