/** Which statistic each end of a range is estimated from: POT's range estimators, their presets and overrides. */
import { UsageError } from "../base/errors.ts";
import { type Aggregator, AGGREGATORS } from "./aggregate.ts";
import type { QuantizerScheme } from "./scheme.ts";

/** Statistics of one sample that an end of a range can follow. */
export const STATISTICS = ["min", "max", "abs_max", "quantile", "abs_quantile"] as const;

/** A statistic of one sample. */
export type Statistic = typeof STATISTICS[number];

/** Estimators that look at the distribution over all samples instead of aggregating per-sample statistics. */
export type DistributionEstimator = "mse" | "entropy";

/** How one end of a range is found. */
export interface EndEstimator {
  /** What is taken of every sample. */
  readonly type: Statistic;
  /** How the samples' values are put together. */
  readonly aggregator: Aggregator;
  /** Share of values left out; of `quantile` and `abs_quantile`. */
  readonly outlierProb: number;
  /** Limit applied to the finished end. */
  readonly clippingValue?: number;
}

/** How a range is found: by both its ends, and by a distribution estimator that shrinks the result, if any. */
export interface RangeEstimator {
  readonly min: EndEstimator;
  readonly max: EndEstimator;
  readonly distribution?: DistributionEstimator;
}

/** What a user may say: a preset, and per end whatever differs from it. */
export interface RangeEstimatorOptions {
  /** Where settings that are not stated come from, or one estimator of both ends. */
  readonly preset?: "default" | "quantile" | DistributionEstimator;
  /** How the lower end is found. */
  readonly min?: Partial<EndEstimator>;
  /** How the upper end is found. */
  readonly max?: Partial<EndEstimator>;
}

const OUTLIER_PROB = 1e-4;

/** Estimator of an activation: per tensor, as deployed. With `hasFewElements` ends are those of all samples, not their means. */
export function activationEstimator(
  mode: QuantizerScheme["mode"],
  options: RangeEstimatorOptions = {},
  hasFewElements = false,
): RangeEstimator {
  const isQuantile = options.preset === "quantile";
  const [lowest, highest]: Aggregator[] = hasFewElements ? ["min", "max"] : ["mean", "mean"];
  const base: RangeEstimator = mode === "symmetric"
    // The minimum only decides the sign, hence stays a plain one.
    ? {
      min: end("min", "min"),
      max: end(isQuantile ? "abs_quantile" : "abs_max", highest!),
    }
    : { min: end(isQuantile ? "quantile" : "min", lowest!), max: end(isQuantile ? "quantile" : "max", highest!) };
  return override(base, options, "activations");
}

/**
 * Estimator of weights: no samples, hence no aggregation. Throws UsageError for `entropy`: a channel has too few weights for a
 * distribution to be told from its rounding.
 */
export function weightEstimator(mode: QuantizerScheme["mode"], options: RangeEstimatorOptions = {}): RangeEstimator {
  if (options.preset === "entropy") {
    throw new UsageError('Cannot use weights.range_estimator.preset "entropy": expected default, quantile or mse');
  }
  const isQuantile = options.preset === "quantile";
  const base: RangeEstimator = mode === "symmetric"
    ? { min: end("min", "min"), max: end(isQuantile ? "abs_quantile" : "abs_max", "max") }
    : { min: end(isQuantile ? "quantile" : "min", "min"), max: end(isQuantile ? "quantile" : "max", "max") };
  return override(base, options, "weights");
}

/** Whether an estimator needs the second pass over the samples that counts histograms. */
export function needsHistogram(estimator: RangeEstimator): boolean {
  const isQuantile = (type: Statistic) => type === "quantile" || type === "abs_quantile";
  return estimator.distribution !== undefined || isQuantile(estimator.min.type) || isQuantile(estimator.max.type);
}

function end(type: Statistic, aggregator: Aggregator): EndEstimator {
  return { type, aggregator, outlierProb: OUTLIER_PROB };
}

function override(base: RangeEstimator, options: RangeEstimatorOptions, kind: string): RangeEstimator {
  const { preset, min, max } = options;
  const result = { min: { ...base.min, ...min }, max: { ...base.max, ...max } };
  check(result.min, `${kind}.range_estimator.min`);
  check(result.max, `${kind}.range_estimator.max`);
  return preset === "mse" || preset === "entropy" ? { ...result, distribution: preset } : result;
}

function check({ type, aggregator, outlierProb }: EndEstimator, where: string): void {
  if (!STATISTICS.includes(type)) {
    throw new UsageError(`Cannot use ${where}.type "${type}": expected ${STATISTICS.join(", ")}`);
  }
  if (!AGGREGATORS.includes(aggregator)) {
    throw new UsageError(`Cannot use ${where}.aggregator "${aggregator}": expected ${AGGREGATORS.join(", ")}`);
  }
  if (!(outlierProb >= 0 && outlierProb < 0.5)) {
    throw new UsageError(`Cannot use ${where}.outlier_prob ${outlierProb}: expected 0 to 0.5`);
  }
}
