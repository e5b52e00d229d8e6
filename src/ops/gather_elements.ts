import code from "../../shaders/gather_elements.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { normalizeAxis, stridesOf } from "../base/shape.ts";
import { elementCount, formatShape, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { collapseAxes, kernelRank, padAxes } from "./collapse.ts";
import { pick } from "./coordinates.ts";
import { placeOf } from "./gather.ts";
import { defineOp } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE" | "RANK", "length" | "extent" | "axis_stride" | "shape" | "strides"> = {
  name: "gather_elements",
  code,
  constants: ["WORKGROUP_SIZE", "RANK"],
  uniforms: ["length", "extent", "axis_stride", "shape", "strides"],
};

/** Most axes that remain after merging in kernels which walk over indices. */
export const MAX_RANK = 8;

/** ONNX GatherElements: one element of `data` per index, which replaces the coordinate along `axis`. */
export const gatherElements = defineOp<{ axis: number }>({
  type: "GatherElements",
  since: 11,
  quant: { kind: "agnostic" },
  attributes: (raw) => ({ axis: raw.int("axis", 0) }),
  infer: ([data, indices], { axis }) => {
    checkIndices(data!, indices!, normalizeAxis(axis, data!.shape.length));
    return [{ dtype: data!.dtype, shape: indices!.shape }];
  },
  lower: ([data, indices], _outputs, attributes) => {
    const axis = normalizeAxis(attributes.axis, data!.shape.length);
    const own = stridesOf(data!.shape);
    const collapsed = collapseAxes(indices!.shape, [
      stridesOf(indices!.shape),
      own.map((stride, place) => place === axis ? 0 : stride),
    ]);
    if (collapsed.extents.length > MAX_RANK) {
      throw new UnsupportedError(
        `Cannot gather: input has ${collapsed.extents.length} axes, expected at most ${MAX_RANK}`,
      );
    }
    const rank = kernelRank(collapsed.extents.length);
    const { extents, strides } = padAxes(collapsed, rank);
    const length = elementCount(indices!.shape);
    if (length === 0) return { dispatches: [] };
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "x1", "y0"],
        constants: { WORKGROUP_SIZE, RANK: rank },
        uniforms: {
          length,
          extent: data!.shape[axis]!,
          axis_stride: own[axis]!,
          shape: extents,
          strides: strides[1]!,
        },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: ([data, indices], attributes) => {
    const axis = normalizeAxis(attributes.axis, data!.shape.length);
    let read = 0;
    return [pick(data!, indices!.shape, (at) => {
      const index = placeOf(indices!.data[read++]!, data!.shape[axis]!);
      return at.map((place, own) => own === axis ? index : place);
    })];
  },
  cases: [
    {
      name: "axis 1, negative indices",
      inputs: [f32(3, 4), constantI64([0, -1, 3, 1, -4, 2], [3, 2])],
      attributes: { axis: 1 },
    },
    { name: "fewer rows than data", inputs: [f32(3, 4), constantI64([2, 0], [1, 2])] },
    {
      name: "last of three axes",
      inputs: [f32(2, 3, 5), constantI64([0, 1, 2, 3, 4, 0], [2, 3, 1])],
      attributes: { axis: -1 },
    },
    { name: "int64 data", inputs: [{ dtype: "int64", shape: [4] }, constantI64([3, 3, 0, 1, 2])] },
    { name: "no index", inputs: [f32(3, 4), constantI64([], [0, 4])] },
  ],
});

/** Indices walk over `data`: same rank, and no extent beyond its own, but along the axis. */
export function checkIndices(data: TensorType, indices: TensorType, axis: number): void {
  const fits = indices.shape.length === data.shape.length &&
    indices.shape.every((extent, place) => place === axis || extent <= data.shape[place]!);
  if (!fits) {
    throw new ModelError(
      `Cannot use indices: indices are ${formatShape(indices.shape)}, expected one within ${
        formatShape(data.shape)
      } beside axis ${axis}`,
    );
  }
}
