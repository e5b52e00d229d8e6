/** How far the outputs of two networks lie apart on one sample. */
import type { OutputDistance } from "../base/precision.ts";
import { type HostTensor, isFloat } from "../base/tensor.ts";

type Values = ArrayLike<number>;

/**
 * Mean over the floating-point outputs of one sample (no batch axis) of the distance of `other` to `reference`; NaN where there is no
 * such output, or the distance of one is undefined.
 */
export function outputDistance(
  kind: OutputDistance,
  reference: readonly HostTensor[],
  other: readonly HostTensor[],
): number {
  const distances = reference.flatMap((tensor, place) => {
    const compared = other[place];
    return isFloat(tensor.dtype) && compared ? [tensorDistance(kind, tensor, compared)] : [];
  });
  return distances.reduce((sum, value) => sum + value, 0) / distances.length;
}

function tensorDistance(kind: OutputDistance, reference: HostTensor, other: HostTensor): number {
  switch (kind) {
    case "nmse":
      return normalizedSquaredError(reference.data, other.data);
    case "cosine":
      return cosineDistance(reference.data, other.data);
    case "kl":
      return divergence(reference, other);
  }
}

/** Σ(r − o)² / Σr²: not symmetric. 0 where both are all zeros, NaN where only `reference` is. */
export function normalizedSquaredError(reference: Values, other: Values): number {
  let [error, norm] = [0, 0];
  for (let index = 0; index < reference.length; index++) {
    const value = reference[index]!;
    error += (value - other[index]!) ** 2;
    norm += value * value;
  }
  return norm === 0 ? (error === 0 ? 0 : NaN) : error / norm;
}

/** One minus the cosine of the angle, from 0 to 2. 0 where both are all zeros, NaN where one is. */
export function cosineDistance(reference: Values, other: Values): number {
  let [dot, first, second] = [0, 0, 0];
  for (let index = 0; index < reference.length; index++) {
    const [a, b] = [reference[index]!, other[index]!];
    dot += a * b;
    first += a * a;
    second += b * b;
  }
  if (first === 0 || second === 0) return first === second ? 0 : NaN;
  return Math.max(0, 1 - dot / Math.sqrt(first * second));
}

/**
 * Kullback-Leibler divergence Σ p·(ln p − ln q) of the softmaxed rows, meaned over the rows. Rows run along the last axis, in pictures
 * (rank 3) along the first, where their channels are.
 */
export function divergence({ shape, data: reference }: HostTensor, { data: other }: HostTensor): number {
  const isPicture = shape.length === 3;
  const length = (isPicture ? shape[0] : shape.at(-1)) ?? 1;
  const rows = reference.length / Math.max(1, length);
  const stride = isPicture ? rows : 1;
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    sum += rowDivergence(reference, other, { start: isPicture ? row : row * length, stride, length });
  }
  return rows === 0 ? NaN : sum / rows;
}

interface Row {
  readonly start: number;
  readonly stride: number;
  readonly length: number;
}

function rowDivergence(reference: Values, other: Values, row: Row): number {
  const [p, q] = [logNormalizer(reference, row), logNormalizer(other, row)];
  let sum = 0;
  for (let index = 0, at = row.start; index < row.length; index++, at += row.stride) {
    const logP = reference[at]! - p;
    sum += Math.exp(logP) * (logP - (other[at]! - q));
  }
  // Rounding can leave a tiny negative number, which no divergence is.
  return sum < 0 ? 0 : sum;
}

/** ln Σ exp(x), shifted by the maximum so that nothing overflows. */
function logNormalizer(values: Values, { start, stride, length }: Row): number {
  let largest = -Infinity;
  for (let index = 0, at = start; index < length; index++, at += stride) largest = Math.max(largest, values[at]!);
  let sum = 0;
  for (let index = 0, at = start; index < length; index++, at += stride) sum += Math.exp(values[at]! - largest);
  return largest + Math.log(sum);
}
