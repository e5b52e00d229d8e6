/** Which samples groups are ranked on: those that quantization broke first. */
import { createRandom, sampleIndices } from "../base/random.ts";
import type { MetricDirection } from "../base/precision.ts";

/**
 * Samples on which the float and the quantized network are compared: all `sampleCount` in order, or `ratio` of them (at least one),
 * drawn by `seed`, where the baseline is given and the float network need not be run on everything.
 */
export function comparedIndices(sampleCount: number, ratio: number, isBaselineGiven: boolean, seed: number): number[] {
  const drawn = Math.max(1, Math.floor(sampleCount * ratio));
  return sampleIndices(sampleCount, isBaselineGiven ? drawn : sampleCount, seed);
}

/**
 * How much worse each sample became. A sample that lost its value (NaN now) is infinitely worse, one that gained a value infinitely
 * better, and one that never had a value stays NaN.
 */
export function sampleRegressions(
  float: Float64Array,
  current: Float64Array,
  direction: MetricDirection,
): Float64Array {
  return float.map((before, sample) => {
    const after = current[sample] ?? NaN;
    if (Number.isNaN(before)) return Number.isNaN(after) ? NaN : -Infinity;
    if (Number.isNaN(after)) return Infinity;
    return direction === "higher_better" ? before - after : after - before;
  });
}

/** As `sampleRegressions` by POT's rule: the plain difference, which is NaN where either network gives no value. */
export function potRegressions(float: Float64Array, current: Float64Array, direction: MetricDirection): Float64Array {
  const sign = direction === "higher_better" ? 1 : -1;
  return float.map((before, sample) => sign * (before - (current[sample] ?? NaN)));
}

/**
 * The `size` positions with the largest regressions, ascending. With several metrics each names its worst sample in turn. Equal
 * regressions are taken in an order drawn by `seed`, so that neither end of the dataset is preferred; samples without a value come last.
 */
export function rankingSubset(regressions: readonly Float64Array[], size: number, seed: number): number[] {
  const orders = regressions.map((values) => worstFirst(values, seed));
  const chosen = new Set<number>();
  const length = orders[0]?.length ?? 0;
  for (let place = 0; place < length; place++) {
    for (const order of orders) {
      const position = order[place];
      if (position !== undefined && chosen.size < size) chosen.add(position);
    }
  }
  return [...chosen].sort((a, b) => a - b);
}

/** Positions by POT's rule, worst first: a stable ascending sort read from its end, so that later samples win ties; NaN is largest. */
export function potWorstFirst(regressions: Float64Array): number[] {
  const order = [...regressions.keys()].sort((a, b) => compareNanLargest(regressions[a] ?? NaN, regressions[b] ?? NaN));
  return order.reverse();
}

/** POT's subset, the `size` first of that order; ascending, as `pot_version` in NNCF's tests of the subset selection. */
export function potRankingSubset(regressions: Float64Array, size: number): number[] {
  return potWorstFirst(regressions).slice(0, size).sort((a, b) => a - b);
}

/** Positions worst first: ties in an order drawn by `seed`, those without a value last. */
export function worstFirst(regressions: Float64Array, seed: number): number[] {
  const random = createRandom(seed);
  const lot = regressions.map(() => random());
  const rank = (position: number) => {
    const value = regressions[position] ?? NaN;
    return Number.isNaN(value) ? -Infinity : value;
  };
  const hasValue = (position: number) => Number.isNaN(regressions[position] ?? NaN) ? 0 : 1;
  return [...regressions.keys()].sort((a, b) =>
    hasValue(b) - hasValue(a) || compare(rank(b), rank(a)) || (lot[a] ?? 0) - (lot[b] ?? 0) || a - b
  );
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareNanLargest(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return compare(a, b);
}
