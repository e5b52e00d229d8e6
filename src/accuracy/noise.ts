/** How much of a measured drop may be chance. */
import type { MetricDirection } from "../base/precision.ts";
import { sampleRegressions } from "./subset.ts";

/** The sampling error of one metric's drop. */
export interface Noise {
  /** Name of the metric. */
  readonly metric: string;
  /** Standard error of the drop over the whole set, in the metric's own unit. */
  readonly standardError: number;
  /** Samples that have a value in both networks. */
  readonly comparedSamples: number;
}

/**
 * Paired standard error of the mean difference, √(Σ(dᵢ − d̄)²) / n at n = `sampleCount`, estimated from the samples that both
 * networks give a finite value. Exact for metrics that are means of per-sample values, an orientation for others. Undefined below
 * two such samples.
 */
export function pairedNoise(
  metric: string,
  float: Float64Array,
  current: Float64Array,
  direction: MetricDirection,
  sampleCount: number,
): Noise | undefined {
  const differences = sampleRegressions(float, current, direction).filter(Number.isFinite);
  const count = differences.length;
  if (count < 2) return undefined;
  const mean = differences.reduce((sum, value) => sum + value, 0) / count;
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  return { metric, standardError: Math.sqrt(variance / sampleCount), comparedSamples: count };
}
