/** From int32 sums of products of codes back to 8-bit codes. */
import code from "../../shaders/requantize.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { type DType, elementCount, formatShape, type TensorType } from "../base/tensor.ts";
import { integerRange, roundHalfToEven } from "./words.ts";

type Uniform = "length" | "a_inner" | "a_extent" | "a_stride" | "b_inner" | "b_extent" | "b_stride" | "low" | "high";

const shader: Shader<"WORKGROUP_SIZE", Uniform> = {
  name: "requantize",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "a_inner", "a_extent", "a_stride", "b_inner", "b_extent", "b_stride", "low", "high"],
};

/** Scales of one operand: one in all, or one per index of an axis of the result with `inner` elements behind it. */
export interface OperandScale {
  readonly slot: Slot;
  readonly count: number;
  readonly inner: number;
  readonly extent: number;
}

/** One dispatch from sums in `sums` to codes in output 0. */
export function requantizeDispatch(
  sums: Slot,
  y: TensorType,
  [a, b]: readonly [OperandScale, OperandScale],
  [scale, zeroPoint]: readonly [Slot, Slot],
): Dispatch {
  const length = elementCount(y.shape);
  const [low, high] = integerRange(y.dtype);
  return dispatch(shader, {
    bindings: [sums, a.slot, b.slot, scale, zeroPoint, "y0"],
    constants: { WORKGROUP_SIZE },
    uniforms: {
      length,
      a_inner: a.inner,
      a_extent: a.extent,
      a_stride: Number(a.count > 1),
      b_inner: b.inner,
      b_extent: b.extent,
      b_stride: Number(b.count > 1),
      low,
      high,
    },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  });
}

/** Host counterpart for one sum. */
export function requantized(
  sum: number,
  [a, b, y]: readonly [number, number, number],
  zeroPoint: number,
  dtype: DType,
): number {
  const [low, high] = integerRange(dtype);
  const factor = Math.fround(Math.fround(a * b) / y);
  return Math.min(high, Math.max(low, roundHalfToEven(Math.fround(Math.fround(sum) * factor)) + zeroPoint));
}

/** Refuses parameters that are neither one value nor one per index. */
export function checkCount(name: string, operand: TensorType | undefined, extent: number): void {
  if (!operand) return;
  const count = elementCount(operand.shape);
  if (count !== 1 && count !== extent) {
    throw new ModelError(`Cannot use ${name} of shape ${formatShape(operand.shape)}: expected 1 or ${extent} values`);
  }
}
