/** Metrics of networks whose targets are numbers or tensors: regression, restoration of pictures, embeddings. */
import { DatasetError } from "../base/errors.ts";
import type { MetricDirection } from "../base/precision.ts";
import type { HostTensor } from "../base/tensor.ts";
import type { Dataset } from "../data/dataset.ts";
import {
  cosineSimilarity,
  meanAbsoluteError,
  meanSquaredError,
  peakSignalToNoise,
  pearsonCorrelation,
  type Similarity,
  spearmanCorrelation,
} from "./similarity.ts";
import { type EvaluatedSample, meanMetric, type Metric } from "./metric.ts";

/**
 * Mean over samples of the mean squared error of the first output.
 *
 * ```ts
 * import { meanSquared } from "@holdfast/holdfast";
 *
 * const metric = meanSquared();
 * console.log(metric.name, metric.direction);
 * ```
 */
export function meanSquared(): Metric {
  return targetMetric("mse", "lower_better", meanSquaredError);
}

/**
 * Mean over samples of the mean absolute error of the first output.
 *
 * ```ts
 * import { meanAbsolute } from "@holdfast/holdfast";
 *
 * const metric = meanAbsolute();
 * console.log(metric.name, metric.direction);
 * ```
 */
export function meanAbsolute(): Metric {
  return targetMetric("mae", "lower_better", meanAbsoluteError);
}

/**
 * Mean over samples of the peak signal to noise ratio, in dB. `peak` is the largest value that a target can have.
 *
 * ```ts
 * import { peakSignalToNoiseRatio } from "@holdfast/holdfast";
 *
 * const metric = peakSignalToNoiseRatio(255);
 * console.log(metric.name, metric.direction);
 * ```
 */
export function peakSignalToNoiseRatio(peak = 1): Metric {
  return targetMetric("psnr", "higher_better", peakSignalToNoise(peak));
}

/**
 * Mean over samples of the cosine between output and target.
 *
 * ```ts
 * import { targetCosine } from "@holdfast/holdfast";
 *
 * const metric = targetCosine();
 * console.log(metric.name, metric.direction);
 * ```
 */
export function targetCosine(): Metric {
  return targetMetric("cosine", "higher_better", cosineSimilarity);
}

/**
 * Pearson's correlation between outputs and targets over the samples; both are one number a sample.
 *
 * ```ts
 * import { pearson } from "@holdfast/holdfast";
 *
 * const metric = pearson();
 * console.log(metric.name, metric.direction);
 * ```
 */
export function pearson(): Metric {
  return correlationMetric("pearson", pearsonCorrelation);
}

/**
 * Spearman's rank correlation between outputs and targets over the samples; both are one number a sample.
 *
 * ```ts
 * import { spearman } from "@holdfast/holdfast";
 *
 * const metric = spearman();
 * console.log(metric.name, metric.direction);
 * ```
 */
export function spearman(): Metric {
  return correlationMetric("spearman", spearmanCorrelation);
}

function targetMetric(name: string, direction: MetricDirection, measure: Similarity): Metric {
  const metric = meanMetric(name, direction, (sample) => {
    const { found, wanted } = pairOf(sample);
    return measure(found, wanted);
  });
  return {
    ...metric,
    start(dataset) {
      checkTargets(dataset, name);
      return metric.start(dataset);
    },
  };
}

/** A metric of all samples together; a sample alone has none. */
function correlationMetric(name: string, measure: Similarity): Metric {
  return {
    name,
    direction: "higher_better",
    start(dataset) {
      checkTargets(dataset, name);
      const found: number[] = [];
      const wanted: number[] = [];
      return {
        add(sample) {
          const pair = pairOf(sample);
          if (pair.wanted.length !== 1) {
            throw new DatasetError(
              `Cannot compute ${name}: sample ${sample.index} has ${pair.wanted.length} targets, expected one number`,
            );
          }
          found.push(pair.found[0]!);
          wanted.push(pair.wanted[0]!);
          return NaN;
        },
        value: () => measure(found, wanted),
      };
    },
  };
}

/** Output and target of a sample. Integer targets come as class labels. */
function pairOf({ outputs, label, index }: EvaluatedSample): {
  readonly found: ArrayLike<number>;
  readonly wanted: ArrayLike<number>;
} {
  const found = outputs[0]?.data ?? [];
  const wanted = typeof label === "number" ? [label] : (label as HostTensor).data;
  if (found.length === wanted.length) return { found, wanted };
  throw new DatasetError(
    `Cannot score sample ${index}: the network gives ${found.length} values, the target has ${wanted.length}`,
  );
}

function checkTargets({ name: dataset, labels }: Dataset, metric: string): void {
  if (labels?.kind === "tensor" || labels?.kind === "classes") return;
  throw new DatasetError(
    `Cannot compute ${metric} on dataset "${dataset}": it has no targets, expected an array of labels`,
  );
}
