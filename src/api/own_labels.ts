/** Labels without annotations: the float network's own confident predictions (`annotation_free`). */
import { confidentIndices } from "../accuracy/tune.ts";
import { DatasetError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import { argMax, meanMetric } from "../evaluate/metric.ts";
import { selectSamples } from "../evaluate/selected_dataset.ts";
import { evaluateModel, type EvaluateOptions } from "./evaluate.ts";
import type { Model } from "./model.ts";
import type { Runtime } from "./runtime.ts";

/** Least confidence of a prediction that becomes a label, unless stated. */
export const CONFIDENCE = 0.6;

/** How far a list of probabilities may sum up to something other than 1. */
const SUM_TOLERANCE = 1e-3;

/**
 * The samples whose class the model is sure of, labelled with it. Runs the model over all samples once. Throws DatasetError where no
 * prediction is confident enough.
 */
export async function labelByPrediction(
  runtime: Runtime,
  model: Model,
  dataset: Dataset,
  options: Omit<EvaluateOptions, "metrics" | "limit"> & { readonly threshold: number },
): Promise<Dataset> {
  const { threshold, ...rest } = options;
  const classes = new Int32Array(dataset.length);
  const confidences = new Float64Array(dataset.length);
  const recorder = meanMetric("confidence", "higher_better", ({ outputs, index }) => {
    const scores = outputs[0]!.data;
    classes[index] = argMax(scores);
    return confidences[index] = confidenceOf(scores);
  });
  await evaluateModel(runtime, model, dataset, { ...rest, metrics: [recorder] });
  const kept = confidentIndices(confidences, threshold);
  if (kept.length === 0) {
    throw new DatasetError(
      `Cannot label dataset "${dataset.name}" by the network's predictions: the largest confidence is ${
        Math.max(...confidences).toPrecision(3)
      }, expected ${threshold}`,
    );
  }
  return selectSamples(dataset, kept, { kind: "classes", values: Int32Array.from(kept, (index) => classes[index]!) });
}

/** The largest probability: of the values themselves where they are probabilities, otherwise of their softmax. */
export function confidenceOf(scores: ArrayLike<number>): number {
  const values = Float64Array.from(scores);
  const sum = values.reduce((total, value) => total + value, 0);
  const largest = values.reduce((best, value) => Math.max(best, value), -Infinity);
  if (Math.abs(sum - 1) < SUM_TOLERANCE && values.every((value) => value >= 0)) return largest;
  return 1 / values.reduce((total, value) => total + Math.exp(value - largest), 0);
}
