/** What a metric is, and the metrics that come with the project. */
import { DatasetError } from "../base/errors.ts";
import type { MetricDirection } from "../base/precision.ts";
import type { HostTensor, TensorType } from "../base/tensor.ts";
import type { BoxAnnotation, Dataset, Placement } from "../data/dataset.ts";

/** Ground truth of one sample: a class index, a target tensor or mask, a text, or boxes. */
export type Label = number | HostTensor | string | readonly BoxAnnotation[];

/** One evaluated sample. */
export interface EvaluatedSample {
  /** One tensor per network output, without the batch axis; the first one reduced where the metric asks for that. */
  readonly outputs: readonly HostTensor[];
  /** What the sample is; undefined for samples without a label. */
  readonly label: Label | undefined;
  /** Index in the dataset. */
  readonly index: number;
  /** The float network's outputs for the sample, in the form of `outputs`; there for metrics that compare with it. */
  readonly reference?: readonly HostTensor[];
  /** Where the network's input lies in the picture, for samples that were resized or cropped. */
  readonly placement?: Placement;
}

/** What a metric needs of the first output instead of its values: indices of the highest values along an axis. */
export interface Reduction {
  readonly kind: "arg_max";
  /** Axis of one sample's output, so without the batch axis. The axis is dropped. */
  readonly axis: number;
}

/** Gathers one evaluation. */
export interface MetricRun {
  /** Takes a sample and returns its own value, NaN where the metric has none for a single sample. */
  add(sample: EvaluatedSample): number;
  /** The metric over all samples taken so far. */
  value(): number;
}

/** A metric: which way it improves, and how it is computed. */
export interface Metric {
  /** Name in reports, and in `values`. */
  readonly name: string;
  /** Which way the metric improves. */
  readonly direction: MetricDirection;
  /** Whatever beside name and code decides values, such as options: evaluations are kept under it. */
  readonly identity?: string;
  /** Whether the value is the mean of the samples' own values, added up in order and without NaN; not so unless stated. */
  readonly isMean?: boolean;
  /** Whether samples need `reference`. */
  readonly comparesToFloat?: boolean;
  /** @internal What is enough for the metric, given the type of one sample's first output; reduced on the GPU. Undefined: all values. */
  reduction?(output: TensorType): Reduction | undefined;
  /** Begins an evaluation over samples of a dataset; throws where the dataset's labels are of no use to it. */
  start(dataset: Dataset): MetricRun;
}

/**
 * A metric that is the mean of a value of each sample.
 *
 * ```ts
 * import { evaluateModel, loadModel, meanMetric, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * const rank = meanMetric("rank_of_truth", "lower_better", ({ outputs, label }) => {
 *   const scores = Array.from(outputs[0]?.data ?? []);
 *   const own = typeof label === "number" ? scores[label] ?? NaN : NaN;
 *   return scores.filter((score) => score > own).length;
 * });
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const { values } = await evaluateModel(runtime, model, dataset, { metrics: [rank] });
 * console.log(values);
 * ```
 */
export function meanMetric(
  name: string,
  direction: MetricDirection,
  score: (sample: EvaluatedSample) => number,
): Metric {
  return {
    name,
    direction,
    identity: String(score),
    isMean: true,
    start() {
      let sum = 0;
      let count = 0;
      return {
        add(sample) {
          const value = score(sample);
          if (!Number.isNaN(value)) {
            sum += value;
            count++;
          }
          return value;
        },
        value: () => count === 0 ? NaN : sum / count,
      };
    },
  };
}

/**
 * Share of samples whose class is among the `topK` highest values of the first output; among equals the lower index leads.
 *
 * ```ts
 * import { accuracy, evaluateModel, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const { values } = await evaluateModel(runtime, model, dataset, { metrics: [accuracy(), accuracy(3)] });
 * console.log(values);
 * ```
 */
export function accuracy(topK = 1): Metric {
  const name = topK === 1 ? "accuracy" : `accuracy@top${topK}`;
  const metric = meanMetric(name, "higher_better", ({ outputs, label, index }) => {
    const scores = outputs[0]!.data;
    if (typeof label !== "number" || label < 0 || label >= scores.length) {
      throw new DatasetError(
        `Cannot score sample ${index}: its label is ${label}, expected 0 to ${
          scores.length - 1
        } (outputs of the network)`,
      );
    }
    return rankOf(scores, label) < topK ? 1 : 0;
  });
  return {
    ...metric,
    start(dataset) {
      if (dataset.labels?.kind !== "classes") {
        throw new DatasetError(
          `Cannot compute ${name} on dataset "${dataset.name}": it has no class labels; agreement needs none`,
        );
      }
      return metric.start(dataset);
    },
  };
}

/**
 * Index of the highest value, the first one among equals.
 *
 * ```ts
 * import { argMax } from "@holdfast/holdfast";
 *
 * console.log(argMax([0.1, 0.7, 0.2])); // 1
 * ```
 */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) if (values[index]! > values[best]!) best = index;
  return best;
}

function rankOf(scores: ArrayLike<number>, label: number): number {
  const own = scores[label]!;
  if (Number.isNaN(own)) return scores.length;
  let rank = 0;
  for (let index = 0; index < scores.length; index++) {
    if (scores[index]! > own || (scores[index] === own && index < label)) rank++;
  }
  return rank;
}
