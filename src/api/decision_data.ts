/** The samples that decisions are made on, and those held back from them. */
import { createRandom, sampleIndices } from "../base/random.ts";
import { UsageError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import { limitDataset } from "../evaluate/limited_dataset.ts";
import { selectSamples } from "../evaluate/selected_dataset.ts";
import type { Model } from "./model.ts";
import { CONFIDENCE, labelByPrediction } from "./own_labels.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import type { Runtime } from "./runtime.ts";

/** A validation set, divided. */
export interface DecisionData {
  /** Every decision is made on these. */
  readonly decisions: Dataset;
  /** Never seen by a decision; undefined without `holdout`. */
  readonly held: Dataset | undefined;
  readonly notes: readonly string[];
}

/** Applies `limit`, `annotation_free` and `holdout`, in this order. */
export async function divideData(runtime: Runtime, model: Model, options: QuantizeOptions): Promise<DecisionData> {
  const { dataset, limit, accuracy = {}, holdout, memoryBudget, batchSize, signal } = options;
  const limited = limitDataset(dataset, limit);
  const notes: string[] = [];
  let labelled = limited;
  if (accuracy.annotationFree) {
    const threshold = options.annotationConfThreshold ?? CONFIDENCE;
    labelled = await labelByPrediction(runtime, model, limited, { threshold, memoryBudget, batchSize, signal });
    notes.push(
      `Labels are the float network's own predictions: ${labelled.length} of ${limited.length} samples have a confidence of at least ${threshold}`,
    );
  }
  if (holdout === undefined) return { decisions: labelled, held: undefined, notes };
  return { ...holdBack(labelled, holdout, accuracy.seed ?? 0), notes };
}

/** Draws `ratio` of the samples by `seed`; throws UsageError where a part would be empty. */
export function holdBack(dataset: Dataset, ratio: number, seed: number): { decisions: Dataset; held: Dataset } {
  const count = Math.round(dataset.length * ratio);
  if (!(ratio > 0 && ratio < 1) || count < 1 || count >= dataset.length) {
    throw new UsageError(
      `Cannot use holdout: ${ratio} of ${dataset.length} samples, expected a ratio between 0 and 1 that leaves samples on both sides`,
    );
  }
  const held = sampleIndices(dataset.length, count, holdoutSeed(seed));
  const isHeld = new Set(held);
  const rest = Array.from({ length: dataset.length }, (_, index) => index).filter((index) => !isHeld.has(index));
  return { decisions: selectSamples(dataset, rest), held: selectSamples(dataset, held) };
}

/** Another stream than the one that draws ranking subsets. */
function holdoutSeed(seed: number): number {
  return Math.floor(createRandom(seed)() * 0x7fffffff);
}
