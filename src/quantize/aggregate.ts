/** Many per-sample statistics → one (POT's aggregators), and quantiles as NumPy computes them. */
import { unreachable } from "../base/errors.ts";

/** Names of the aggregators, in POT's spelling. */
export const AGGREGATORS = [
  "mean",
  "max",
  "min",
  "median",
  "mean_no_outliers",
  "median_no_outliers",
  "hl_estimator",
  "batch_mean",
  "power_of_2",
] as const;

/** How per-sample statistics become one. */
export type Aggregator = typeof AGGREGATORS[number];

/** Values outside these quantiles are outliers. */
const OUTLIER_QUANTILES = [0.01, 0.99] as const;

/** Aggregates `samples × channels` values, row-major, into one per channel. */
export function aggregateChannels(values: ArrayLike<number>, channels: number, aggregator: Aggregator): Float64Array {
  const samples = values.length / channels;
  return Float64Array.from({ length: channels }, (_, channel) => {
    const column = Float64Array.from({ length: samples }, (_, sample) => values[sample * channels + channel]!);
    return aggregate(column, aggregator);
  });
}

/** Aggregates one statistic over samples; NaN where there are none. */
export function aggregate(values: Float64Array, aggregator: Aggregator): number {
  if (values.length === 0) return NaN;
  switch (aggregator) {
    case "mean":
    case "batch_mean":
      return mean(values);
    case "max":
      return values.reduce((most, value) => Math.max(most, value));
    case "min":
      return values.reduce((least, value) => Math.min(least, value));
    case "median":
      return quantile(values, 0.5);
    case "mean_no_outliers":
      return mean(withoutOutliers(values));
    case "median_no_outliers":
      return quantile(withoutOutliers(values), 0.5);
    case "hl_estimator":
      return hodgesLehmann(values);
    case "power_of_2":
      return 2 ** Math.ceil(Math.log2(values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) + 1e-5));
    default:
      return unreachable(aggregator);
  }
}

/** Quantile `q` of unordered values, interpolated linearly between the two nearest ranks. */
export function quantile(values: ArrayLike<number>, q: number): number {
  const sorted = Float64Array.from(values).sort();
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!;
  return low + (high - low) * (place - below);
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function withoutOutliers(values: Float64Array): Float64Array {
  const [low, high] = OUTLIER_QUANTILES.map((q) => quantile(values, q)) as [number, number];
  const kept = values.filter((value) => value >= low && value <= high);
  // Two samples lie outside their own 1 % and 99 % quantiles.
  return kept.length === 0 ? values : kept;
}

/** Half the median of all sums of two different samples (Hodges and Lehmann, 1963, without the sums of a sample with itself). */
function hodgesLehmann(values: Float64Array): number {
  if (values.length === 1) return values[0]!;
  const sums = new Float64Array(values.length * (values.length - 1) / 2);
  let place = 0;
  for (let i = 1; i < values.length; i++) {
    for (let j = 0; j < i; j++) sums[place++] = values[i]! + values[j]!;
  }
  return quantile(sums, 0.5) / 2;
}
