/** What a result is worth on samples that no decision was made on. */
import { dropOf, isWithin, thresholdOf } from "./drop.ts";
import type { Memo } from "./memo.ts";
import { metricViews } from "./metric_view.ts";
import { pairedNoise } from "./noise.ts";
import type { AccuracyAwareOptions } from "./options.ts";
import { type Assignment, FLOAT, type MetricDirection } from "../base/precision.ts";

/** One metric on the samples held back. Drops and thresholds are in its own unit. */
export interface CertifiedMetric {
  /** Name of the metric. */
  readonly name: string;
  /** Which way the metric improves. */
  readonly direction: MetricDirection;
  /** Value of the float network. */
  readonly baseline: number;
  /** Value of the quantized network. */
  readonly value: number;
  /** How much worse than the float network, in the metric's own unit. */
  readonly drop: number;
  /** The largest drop allowed, in the metric's own unit. */
  readonly threshold: number;
  /** Of the drop, paired by sample; undefined where samples have no values. */
  readonly standardError: number | undefined;
}

/** The verdict of the samples held back. */
export interface Certificate {
  /** Samples held back. */
  readonly samples: number;
  /** The verdict on every metric. */
  readonly metrics: readonly CertifiedMetric[];
  /** Every drop is within its threshold here too. */
  readonly holds: boolean;
}

/** Evaluates the float network and `assignment` with the evaluator behind `memo`, which has the samples held back and no others. */
export async function certify(
  memo: Memo,
  assignment: Assignment,
  options: AccuracyAwareOptions,
  signal?: AbortSignal,
): Promise<Certificate> {
  const samples = memo.evaluator.sampleCount;
  const float = await memo.evaluate(assignment.map(() => FLOAT), undefined, signal);
  const final = await memo.evaluate(assignment, undefined, signal);
  const metrics = metricViews(memo.evaluator, options.metrics).map(({ name, direction, option }): CertifiedMetric => {
    const [baseline, value] = [float.values[name] ?? NaN, final.values[name] ?? NaN];
    const [before, after] = [float.perSample[name], final.perSample[name]];
    const noise = before && after ? pairedNoise(name, before, after, direction, samples) : undefined;
    return {
      name,
      direction,
      baseline,
      value,
      drop: dropOf(baseline, value, direction),
      threshold: thresholdOf(baseline, option.maximalDrop ?? options.maximalDrop, options.dropType),
      standardError: noise?.standardError,
    };
  });
  return { samples, metrics, holds: metrics.every((metric) => isWithin(metric.drop, metric)) };
}
