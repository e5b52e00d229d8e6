import code from "../../shaders/gather_nd.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { sameShape, stridesOf } from "../base/shape.ts";
import { elementCount, formatShape, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { knownOperands } from "./constant_operand.ts";
import { pick } from "./coordinates.ts";
import { placeOf } from "./gather.ts";
import { defineOp, type OpDef } from "./op.ts";

const shader: Shader<
  "WORKGROUP_SIZE",
  "length" | "inner" | "depth" | "tuples_per_batch" | "batch_stride" | "extents" | "strides"
> = {
  name: "gather_nd",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "inner", "depth", "tuples_per_batch", "batch_stride", "extents", "strides"],
};

/** Most indices in a tuple. */
export const MAX_DEPTH = 8;

interface GatherNDAttributes {
  readonly batchDims: number;
}

const infer: OpDef<GatherNDAttributes>["infer"] = ([data, indices], { batchDims }) => {
  const depth = tupleDepth(data!, indices!, batchDims);
  if (!sameShape(data!.shape.slice(0, batchDims), indices!.shape.slice(0, batchDims))) {
    throw new ModelError(
      `Cannot gather: data ${formatShape(data!.shape)} and indices ${
        formatShape(indices!.shape)
      } differ in ${batchDims} batch axes`,
    );
  }
  return [{ dtype: data!.dtype, shape: [...indices!.shape.slice(0, -1), ...data!.shape.slice(batchDims + depth)] }];
};

/** ONNX GatherND: a slice of `data` for every tuple of indices along the last axis of `indices`. */
export const gatherND = defineOp<GatherNDAttributes>({
  type: "GatherND",
  since: 11,
  quant: { kind: "agnostic" },
  attributes: (raw) => ({ batchDims: raw.int("batch_dims", 0) }),
  infer,
  lower: ([data, indices], [y], { batchDims }) => {
    const depth = tupleDepth(data!, indices!, batchDims);
    const strides = stridesOf(data!.shape);
    const length = elementCount(y!.shape);
    if (length === 0) return { dispatches: [] };
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "x1", "y0"],
        constants: { WORKGROUP_SIZE },
        uniforms: {
          length,
          inner: elementCount(data!.shape.slice(batchDims + depth)),
          depth,
          tuples_per_batch: elementCount(indices!.shape.slice(batchDims, -1)),
          batch_stride: elementCount(data!.shape.slice(batchDims)),
          extents: data!.shape.slice(batchDims, batchDims + depth),
          strides: strides.slice(batchDims, batchDims + depth),
        },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: (inputs, attributes) => {
    const [data, indices] = [inputs[0]!, inputs[1]!];
    const { batchDims } = attributes;
    const depth = indices.shape.at(-1)!;
    const tupleRank = indices.shape.length - 1;
    const { shape } = infer(knownOperands(inputs), attributes)[0]!;
    const strides = stridesOf(indices.shape);
    return [pick(data, shape, (at) => {
      const tuple = at.slice(0, tupleRank).reduce((sum, place, axis) => sum + place * strides[axis]!, 0);
      const named = Array.from(
        { length: depth },
        (_, k) => placeOf(indices.data[tuple + k]!, data.shape[batchDims + k]!),
      );
      return [...at.slice(0, batchDims), ...named, ...at.slice(tupleRank)];
    })];
  },
  cases: [
    { name: "elements", inputs: [f32(3, 4), constantI64([0, 3, -1, -4], [2, 2])] },
    { name: "slices", inputs: [f32(3, 4, 5), constantI64([2, 0, 1], [3, 1])] },
    {
      name: "one batch axis",
      inputs: [f32(2, 3, 4), constantI64([1, 0, 2, -1], [2, 2, 1])],
      attributes: { batch_dims: 1 },
    },
    {
      name: "two batch axes, elements",
      inputs: [f32(2, 2, 3), constantI64([0, 1, 2, -1], [2, 2, 1])],
      attributes: { batch_dims: 2 },
    },
    { name: "bool", inputs: [{ dtype: "bool", shape: [5] }, constantI64([4, 0], [2, 1])] },
    { name: "no tuple", inputs: [f32(3, 4), constantI64([], [0, 1])] },
  ],
});

/** Indices per tuple, checked against the axes that they may name. */
export function tupleDepth(data: TensorType, indices: TensorType, batchDims: number): number {
  const depth = indices.shape.at(-1);
  if (depth === undefined || depth > data.shape.length - batchDims) {
    throw new ModelError(
      `Cannot use indices: indices are ${formatShape(indices.shape)}, expected tuples for ${formatShape(data.shape)}`,
    );
  }
  if (depth > MAX_DEPTH) {
    throw new UnsupportedError(
      `Cannot use indices: tuples of indices have ${depth} places, expected at most ${MAX_DEPTH}`,
    );
  }
  return depth;
}
