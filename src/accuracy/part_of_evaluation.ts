/** What an evaluation of the whole set says of some of its samples. */
import type { Evaluation, Evaluator } from "../base/precision.ts";

/**
 * The evaluation over the samples at `indices` that evaluating them gives too, bit for bit; undefined where a metric is not the mean
 * of its samples' values, so that the samples alone do not tell.
 */
export function partOf(
  whole: Evaluation,
  indices: readonly number[],
  metrics: Evaluator["metrics"],
): Evaluation | undefined {
  const values: Record<string, number> = {};
  const perSample: Record<string, Float64Array> = {};
  for (const { name, isMean = false } of metrics) {
    const all = whole.perSample[name];
    // A metric may claim to be a mean by mistake, as a copy of one that is.
    if (!isMean || !all || !Object.is(meanOf(all), whole.values[name])) return undefined;
    const chosen = Float64Array.from(indices, (index) => all[index] ?? NaN);
    perSample[name] = chosen;
    values[name] = meanOf(chosen);
  }
  return { values, perSample };
}

/** Added up in order, without NaN; NaN of none. */
function meanOf(values: Float64Array): number {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return count === 0 ? NaN : sum / count;
}
