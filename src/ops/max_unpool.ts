import fillCode from "../../shaders/fill.wgsl" with { type: "text" };
import code from "../../shaders/max_unpool.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { sameShape, stridesOf } from "../base/shape.ts";
import { allocate, elementCount, formatShape, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { MAX_RANK } from "./gather_elements.ts";
import { placeOf } from "./gather.ts";
import { defineOp, type OpDef } from "./op.ts";
import { perAxis } from "./sliding_window.ts";

const fillShader: Shader<"WORKGROUP_SIZE", "length"> = {
  name: "fill",
  code: fillCode,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length"],
};

const shader: Shader<"WORKGROUP_SIZE" | "RANK", "length" | "elements" | "shape" | "strides"> = {
  name: "max_unpool",
  code,
  constants: ["WORKGROUP_SIZE", "RANK"],
  uniforms: ["length", "elements", "shape", "strides"],
};

interface MaxUnpoolAttributes {
  readonly kernel: readonly number[] | undefined;
  readonly strides: readonly number[] | undefined;
  readonly pads: readonly number[] | undefined;
}

/** Extents that the pool which made `shape` would have had before it; the indices count in them. */
function unpooledShape(shape: readonly number[], { kernel, strides, pads }: MaxUnpoolAttributes): number[] {
  const rank = shape.length - 2;
  if (rank < 1 || shape.length > MAX_RANK) {
    throw new UnsupportedError(`Cannot unpool: input has rank ${shape.length}, expected 3 to ${MAX_RANK}`);
  }
  const sizes = perAxis("kernel_shape", kernel, rank, 1, 1);
  const steps = perAxis("strides", strides, rank, 1, 1);
  const around = perAxis("pads", pads, 2 * rank, 0, 0);
  return shape.map((extent, axis) => {
    const at = axis - 2;
    return at < 0 ? extent : (extent - 1) * steps[at]! + sizes[at]! - around[at]! - around[rank + at]!;
  });
}

const infer: OpDef<MaxUnpoolAttributes>["infer"] = ([x, indices, output], attributes) => {
  if (!sameShape(x!.shape, indices!.shape)) {
    throw new ModelError(
      `Cannot unpool: indices are ${formatShape(indices!.shape)}, expected ${formatShape(x!.shape)}`,
    );
  }
  const shape = unpooledShape(x!.shape, attributes);
  if (!output) return [{ dtype: x!.dtype, shape }];
  const wanted = constantOf(output, "output_shape");
  if (wanted.length !== shape.length || wanted.some((extent, axis) => extent < shape[axis]!)) {
    throw new ModelError(
      `Cannot unpool: output_shape is ${formatShape(wanted)}, expected at least ${formatShape(shape)}`,
    );
  }
  return [{ dtype: x!.dtype, shape: wanted }];
};

/** ONNX MaxUnpool: elements back at the places that MaxPool took them from, zeros elsewhere. */
export const maxUnpool = defineOp<MaxUnpoolAttributes>({
  type: "MaxUnpool",
  since: 9,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({
    kernel: raw.numbers("kernel_shape"),
    strides: raw.numbers("strides"),
    pads: raw.numbers("pads"),
  }),
  infer,
  lower: ([x], [y], attributes) => {
    const shape = unpooledShape(x!.shape, attributes);
    const [length, cleared] = [elementCount(x!.shape), elementCount(y!.shape)];
    if (length * cleared === 0) return { dispatches: [] };
    return {
      dispatches: [
        dispatch(fillShader, {
          bindings: ["y0"],
          constants: { WORKGROUP_SIZE },
          uniforms: { length: cleared },
          workgroups: linearGrid(cleared, WORKGROUP_SIZE),
        }),
        dispatch(shader, {
          bindings: ["x0", "x1", "y0"],
          constants: { WORKGROUP_SIZE, RANK: shape.length },
          uniforms: { length, elements: elementCount(shape), shape, strides: stridesOf(y!.shape) },
          workgroups: linearGrid(length, WORKGROUP_SIZE),
        }),
      ],
    };
  },
  reference: (inputs, attributes) => {
    const [x, indices] = [inputs[0]!, inputs[1]!];
    const [{ dtype, shape }] = infer(knownOperands(inputs), attributes) as [TensorType];
    const inferred = unpooledShape(x.shape, attributes);
    const data = allocate(dtype, elementCount(shape));
    x.data.forEach((value, index) => {
      let rest = placeOf(indices.data[index]!, elementCount(inferred));
      const at = inferred.map((_, axis) => {
        const inner = elementCount(inferred.slice(axis + 1));
        const place = Math.floor(rest / inner);
        rest %= inner;
        return place;
      });
      data[at.reduce((offset, place, axis) => offset * shape[axis]! + place, 0)] = value;
    });
    return [{ dtype, shape, data }];
  },
  cases: [
    {
      name: "image",
      inputs: [f32(1, 2, 2, 2), constantI64([0, 3, 8, 14, 16, 18, 29, 31], [1, 2, 2, 2])],
      attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    },
    {
      name: "larger output",
      inputs: [f32(1, 1, 2, 2), constantI64([5, 7, 13, 15], [1, 1, 2, 2]), constantI64([1, 1, 5, 6])],
      attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    },
    {
      name: "one axis, pads",
      inputs: [f32(2, 1, 3), constantI64([0, 2, 4, 5, 7, 9], [2, 1, 3])],
      attributes: { kernel_shape: [3], strides: [2], pads: [1, 1] },
    },
  ],
});
