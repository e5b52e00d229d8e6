/** How the scales of QuantizeLinear and DequantizeLinear lie over the tensor that they belong to. */
import { ModelError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { elementCount, formatShape } from "../base/tensor.ts";

/** Element i has scale `⌊l / extent⌋ outer_stride + ⌊l mod extent / block⌋ axis_stride + i mod inner inner_stride`, l = ⌊i / inner⌋. */
export interface ScaleLayout {
  readonly perTensor: boolean;
  readonly inner: number;
  readonly extent: number;
  readonly block: number;
  readonly outer_stride: number;
  readonly axis_stride: number;
  readonly inner_stride: number;
}

/** One scale for all. */
export const PER_TENSOR: ScaleLayout = {
  perTensor: true,
  inner: 1,
  extent: 1,
  block: 1,
  outer_stride: 0,
  axis_stride: 0,
  inner_stride: 0,
};

/** The layout of scales of shape `scale` for `x`: one in all, one per index of `axis`, or one per `block` of them. */
export function scaleLayout(
  x: readonly number[],
  scale: readonly number[],
  axis: number,
  block: number,
): ScaleLayout {
  if (block === 0 && elementCount(scale) === 1) return PER_TENSOR;
  const at = normalizeAxis(axis, x.length);
  const inner = elementCount(x.slice(at + 1));
  const extent = x[at]!;
  if (block === 0) {
    if (scale.length !== 1 || scale[0] !== extent) {
      throw new ModelError(`Cannot use scale of shape ${formatShape(scale)}: expected one value or [${extent}]`);
    }
    return { perTensor: false, inner, extent, block: 1, outer_stride: 0, axis_stride: 1, inner_stride: 0 };
  }
  const blocks = Math.ceil(extent / block);
  const expected = x.map((one, place) => place === at ? blocks : one);
  if (expected.join() !== scale.join()) {
    throw new ModelError(`Cannot use scale of shape ${formatShape(scale)}: expected ${formatShape(expected)}`);
  }
  return {
    perTensor: false,
    inner,
    extent,
    block,
    outer_stride: blocks * inner,
    axis_stride: inner,
    inner_stride: 1,
  };
}
