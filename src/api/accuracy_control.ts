/** The library's front door: a model and an idea of accuracy in, a quantized model within the allowed drop out. */
import type { Dataset } from "../data/dataset.ts";
import { accuracy, type Metric } from "../evaluate/metric.ts";
import type { UserEvaluation } from "../evaluate/user_evaluator.ts";
import { loadModel, type Model } from "./model.ts";
import { quantizeModel, type QuantizeResult } from "./quantize.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import { Runtime } from "./runtime.ts";

/** What is allowed and how to work, beside the data. */
export interface AccuracyControlSettings
  extends Omit<QuantizeOptions, "dataset" | "metrics" | "evaluate" | "calibration"> {
  /** Allowed drop; 0.01 unless stated. Takes the place of `accuracy.maximalDrop`. */
  readonly maximalDrop?: number | undefined;
  /** The GPU to use; one is opened for the call, and closed behind it, unless stated. */
  readonly runtime?: Runtime | undefined;
}

/** Accuracy as metrics over a dataset. */
export interface DatasetAccuracy {
  /** Samples with labels that decisions are made on. */
  readonly dataset: Dataset;
  /** Classification accuracy unless stated. */
  readonly metrics?: readonly Metric[] | undefined;
  /** Samples for statistics; the dataset unless stated. */
  readonly calibration?: Dataset | undefined;
  /** Absent: the metrics measure. */
  readonly evaluate?: undefined;
}

/** Accuracy as the caller measures it. */
export interface OwnAccuracy {
  /** Measures a network that is in some precision. */
  readonly evaluate: UserEvaluation;
  /** Samples for statistics; they also say what the inputs look like. */
  readonly calibration: Dataset;
}

/** Everything that `quantizeWithAccuracyControl` takes. */
export type AccuracyControlOptions = AccuracyControlSettings & (DatasetAccuracy | OwnAccuracy);

/**
 * Quantizes a model (loaded, its bytes, or a path) and gives the QDQ model as bytes with an account of every decision. `onEvent` hears
 * of everything on the way, `signal` interrupts. Touches no files unless the model is a path or the options name a journal. A target
 * that cannot be met is a result (`accuracy.reached`), not an error.
 *
 * ```ts
 * import { openDataset, quantizeWithAccuracyControl } from "@holdfast/holdfast";
 *
 * const { bytes, accuracy } = await quantizeWithAccuracyControl("model.onnx", {
 *   dataset: await openDataset("validation"),
 *   maximalDrop: 0.005,
 * });
 * console.log(accuracy.reached, accuracy.drops, accuracy.reverted);
 * await Deno.writeFile("quantized.onnx", bytes);
 * ```
 */
export async function quantizeWithAccuracyControl(
  source: Model | Uint8Array<ArrayBuffer> | string,
  options: AccuracyControlOptions,
): Promise<QuantizeResult> {
  const { runtime: given, maximalDrop, ...rest } = options;
  const model = typeof source === "string" || source instanceof Uint8Array ? await loadModel(source) : source;
  using opened = given ? undefined : await Runtime.open();
  const runtime = given ?? opened;
  if (!runtime) throw new RangeError("Cannot quantize: there is no runtime");
  const loop = { ...rest.accuracy, ...(maximalDrop === undefined ? {} : { maximalDrop }) };
  return await quantizeModel(runtime, model, { ...rest, ...dataOf(options), accuracy: loop });
}

function dataOf(options: DatasetAccuracy | OwnAccuracy): Pick<QuantizeOptions, "dataset" | "metrics" | "evaluate"> {
  if (!options.evaluate) return { dataset: options.dataset, metrics: options.metrics ?? [accuracy()] };
  return { dataset: options.calibration, metrics: [], evaluate: options.evaluate };
}
