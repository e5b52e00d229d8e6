/** How close two tensors are: the measures that regression metrics and comparisons with the float network share. */
import { cosineDistance } from "./distances.ts";

/** Compares two lists of numbers of the same length. */
export type Similarity = (found: ArrayLike<number>, wanted: ArrayLike<number>) => number;

/** Mean of `(found - wanted)²`. */
export function meanSquaredError(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let sum = 0;
  for (let place = 0; place < wanted.length; place++) sum += (found[place]! - wanted[place]!) ** 2;
  return sum / wanted.length;
}

/** Mean of `|found - wanted|`. */
export function meanAbsoluteError(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  let sum = 0;
  for (let place = 0; place < wanted.length; place++) sum += Math.abs(found[place]! - wanted[place]!);
  return sum / wanted.length;
}

/** Cosine of the angle between two vectors; NaN where one alone is zero, 1 where both are. */
export function cosineSimilarity(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  return 1 - cosineDistance(found, wanted);
}

/** Peak signal to noise ratio in dB, `10 log10(peak² / MSE)`; infinite for equal tensors. */
export function peakSignalToNoise(peak: number): Similarity {
  return (found, wanted) => 10 * Math.log10(peak ** 2 / meanSquaredError(found, wanted));
}

/** Pearson's correlation coefficient; NaN where one list is constant. */
export function pearsonCorrelation(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  const [first, second] = [centred(found), centred(wanted)];
  const isConstant = (values: Float64Array) => values.every((value) => value === 0);
  return isConstant(first) || isConstant(second) ? NaN : cosineSimilarity(first, second);
}

/** Spearman's: Pearson's of the ranks, equal values sharing the mean of theirs. */
export function spearmanCorrelation(found: ArrayLike<number>, wanted: ArrayLike<number>): number {
  return pearsonCorrelation(ranks(found), ranks(wanted));
}

function centred(values: ArrayLike<number>): Float64Array {
  const copy = Float64Array.from(values);
  const mean = copy.reduce((sum, value) => sum + value, 0) / copy.length;
  return copy.map((value) => value - mean);
}

function ranks(values: ArrayLike<number>): Float64Array {
  const order = Array.from({ length: values.length }, (_, place) => place).sort((a, b) => values[a]! - values[b]!);
  const result = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let place = start; place < end; place++) result[order[place]!] = (start + end - 1) / 2;
    start = end;
  }
  return result;
}
