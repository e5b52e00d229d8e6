/** Histograms of activations: quantiles read off them, and the thresholds that lose least under quantization. */
import { roundHalfEven } from "./fake_quantize.ts";

/** Counts of values in equal bins over `low..high`; values outside count into the outermost bins. */
export interface Histogram {
  readonly low: number;
  readonly high: number;
  readonly counts: ArrayLike<number>;
}

/** Quantile `q` of the counted values, taken as spread evenly over their bin. */
export function histogramQuantile({ low, high, counts }: Histogram, q: number): number {
  let total = 0;
  for (let bin = 0; bin < counts.length; bin++) total += counts[bin]!;
  const width = (high - low) / counts.length;
  const wanted = q * total;
  let passed = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin]!;
    if (count > 0 && passed + count >= wanted) return low + width * (bin + (wanted - passed) / count);
    passed += count;
  }
  return high;
}

/** Quantile `q` of the absolute values: the histogram folded at 0. */
export function absoluteQuantile(histogram: Histogram, q: number): number {
  const { low, high, counts } = histogram;
  const bins = counts.length;
  const folded = new Float64Array(bins);
  const reach = Math.max(Math.abs(low), Math.abs(high));
  for (let bin = 0; bin < bins; bin++) {
    const center = low + (high - low) * (bin + 0.5) / bins;
    folded[Math.min(Math.floor(Math.abs(center) / reach * bins), bins - 1)]! += counts[bin]!;
  }
  return histogramQuantile({ low: 0, high: reach, counts: folded }, q);
}

/** Candidate thresholds tried by the estimators below: this many shrinkings of the full range, the full range included. */
const STEPS = 100;
const SMALLEST_SHARE = 0.2;

/** Maps a share of the full range to the interval it stands for. */
type Shrink = (share: number) => { readonly low: number; readonly high: number };

/** The share of the range with the least mean squared error of values quantized to `levels + 1` codes. */
export function leastSquaresShare(histogram: Histogram, levels: number, shrink: Shrink): number {
  return bestShare((share) => squaredError(histogram, shrink(share), levels));
}

/** The same for values that are known one by one. */
export function leastSquaresShareOf(values: Float64Array, levels: number, shrink: Shrink): number {
  return bestShare((share) => {
    const { low, high } = shrink(share);
    const scale = (high - low) / levels;
    return scale > 0 ? values.reduce((error, value) => error + roundingError(value, low, scale, levels), 0) : Infinity;
  });
}

/**
 * The share of the range whose quantized distribution diverges least from the float one clipped to it (the calibration by
 * Kullback-Leibler divergence of Migacz, "8-bit Inference with TensorRT", 2017).
 */
export function leastDivergenceShare(histogram: Histogram, levels: number, shrink: Shrink): number {
  return bestShare((share) => divergence(histogram, shrink(share), levels));
}

function bestShare(cost: (share: number) => number): number {
  let best = 1;
  let least = Infinity;
  for (let step = 0; step <= STEPS; step++) {
    const share = 1 - (1 - SMALLEST_SHARE) * step / STEPS;
    const found = cost(share);
    if (found < least) [best, least] = [share, found];
  }
  return best;
}

function squaredError({ low, high, counts }: Histogram, to: { low: number; high: number }, levels: number): number {
  const scale = (to.high - to.low) / levels;
  if (!(scale > 0)) return Infinity;
  const width = (high - low) / counts.length;
  let error = 0;
  for (let bin = 0; bin < counts.length; bin++) {
    const count = counts[bin]!;
    if (count === 0) continue;
    error += count * roundingError(low + width * (bin + 0.5), to.low, scale, levels);
  }
  return error;
}

/** Square of what a value loses when it is quantized to `levels + 1` codes from `low` on. */
function roundingError(value: number, low: number, scale: number, levels: number): number {
  const code = Math.min(Math.max(roundHalfEven((value - low) / scale), 0), levels);
  return (value - (low + code * scale)) ** 2;
}

function divergence({ low, high, counts }: Histogram, to: { low: number; high: number }, levels: number): number {
  const bins = counts.length;
  const width = (high - low) / bins;
  const first = Math.min(Math.max(Math.floor((to.low - low) / width), 0), bins - 1);
  const last = Math.min(Math.max(Math.ceil((to.high - low) / width), first + 1), bins);
  const clipped = Float64Array.from({ length: last - first }, (_, place) => counts[first + place]!);
  const inside = clipped.slice();
  for (let bin = 0; bin < first; bin++) clipped[0]! += counts[bin]!;
  for (let bin = last; bin < bins; bin++) clipped[clipped.length - 1]! += counts[bin]!;
  const quantized = spreadOverLevels(inside, levels + 1, Math.floor(-low / width) - first);
  return kullbackLeibler(clipped, quantized);
}

/**
 * What is left of a distribution when neighbouring bins share a code: their mean, in bins that held anything. The bin of
 * zero keeps its count: zero is exact in every range, and the spike that Relu leaves there would outweigh all else.
 */
function spreadOverLevels(counts: Float64Array, codes: number, zeroBin: number): Float64Array {
  const spread = new Float64Array(counts.length);
  const perCode = Math.max(counts.length / codes, 1);
  for (let start = 0; start < counts.length;) {
    const code = Math.floor(start / perCode + 1e-9);
    const stop = Math.min(Math.max(Math.ceil((code + 1) * perCode - 1e-9), start + 1), counts.length);
    let [occupied, total] = [0, 0];
    for (let bin = start; bin < stop; bin++) {
      if (bin === zeroBin || counts[bin] === 0) continue;
      occupied++;
      total += counts[bin]!;
    }
    for (let bin = start; bin < stop; bin++) if (counts[bin]! > 0) spread[bin] = total / occupied;
    if (zeroBin >= start && zeroBin < stop) spread[zeroBin] = counts[zeroBin]!;
    start = stop;
  }
  return spread;
}

/** Σ p log(p / q) of two unnormalized distributions; bins empty in `q` alone count with a small floor. */
function kullbackLeibler(p: Float64Array, q: Float64Array): number {
  const floor = 1e-4;
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
  const [totalP, totalQ] = [sum(p), sum(q)];
  if (totalP === 0 || totalQ === 0) return Infinity;
  let result = 0;
  for (let bin = 0; bin < p.length; bin++) {
    if (p[bin]! === 0) continue;
    const probability = p[bin]! / totalP;
    result += probability * Math.log(probability / (Math.max(q[bin]!, floor) / totalQ));
  }
  return result;
}
