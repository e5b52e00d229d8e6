/** Whether a computed tensor is what a test vector says. */
import { sameShape } from "../base/shape.ts";
import { type DType, formatShape, type HostTensor, isFloat, roundTo } from "../base/tensor.ts";

/** How far a float may be off: `absolute + relative · |expected|`. Integers and bool are compared exactly. */
export interface Closeness {
  /** Share of the expected magnitude. */
  readonly relative: number;
  /** Added to it. */
  readonly absolute: number;
}

/**
 * Undefined where `actual` is as expected, else one sentence on the difference. NaN equals NaN, infinities themselves. Values of narrow
 * float types, which are computed with in float32, count as they would be handed out: rounded.
 */
export function differenceOf(actual: HostTensor, expected: HostTensor, closeness: Closeness): string | undefined {
  if (actual.dtype !== expected.dtype) return `is ${actual.dtype}, expected ${expected.dtype}`;
  if (!sameShape(actual.shape, expected.shape)) {
    return `has shape ${formatShape(actual.shape)}, expected ${formatShape(expected.shape)}`;
  }
  const { relative, absolute } = toleranceFor(expected.dtype, closeness);
  let [worst, worstExcess, count] = [-1, 0, 0];
  expected.data.forEach((wanted, index) => {
    const value = actual.data[index] ?? NaN;
    const found = roundTo(actual.dtype, value);
    if (found === wanted || (Number.isNaN(found) && Number.isNaN(wanted))) return;
    const excess = Math.abs(found - wanted) - (absolute + relative * Math.abs(wanted));
    // NaN, which a NaN or an infinity on one side gives, is not within.
    if (excess <= 0) return;
    count++;
    const rank = Number.isFinite(excess) ? excess : Infinity;
    if (worst < 0 || rank > worstExcess) [worst, worstExcess] = [index, rank];
  });
  if (worst < 0) return undefined;
  return `has ${count} of ${expected.data.length} elements off, worst ${actual.data[worst]} at ${worst}, expected ${
    expected.data[worst]
  }`;
}

/** Operators whose tests need another absolute tolerance, with the reason. */
export const LOOSER: Readonly<Record<string, { readonly absolute: number; readonly reason: string }>> = {
  DFT: {
    absolute: 1e-6,
    reason: "sums of terms a thousand million times as large as the result, which single precision cannot hold apart",
  },
};

/** The tolerance for a network of these operators. */
export function closenessFor(operators: readonly string[], { relative, absolute }: Closeness): Closeness {
  return { relative, absolute: Math.max(absolute, ...operators.map((type) => LOOSER[type]?.absolute ?? 0)) };
}

/** One step of bfloat16 is more than the tolerances of tests, and sums in another order may end a step apart. */
const BFLOAT16_STEP = 2 ** -7;

function toleranceFor(dtype: DType, { relative, absolute }: Closeness): Closeness {
  if (!isFloat(dtype)) return { relative: 0, absolute: 0 };
  return { relative: dtype === "bfloat16" ? Math.max(relative, BFLOAT16_STEP) : relative, absolute };
}
