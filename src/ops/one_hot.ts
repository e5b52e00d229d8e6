import code from "../../shaders/one_hot.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { allocate, elementCount, formatShape, storageOf, type TensorType } from "../base/tensor.ts";
import { constantF32, constantI64, f32 } from "./case_types.ts";
import { constantScalar, knownOperands } from "./constant_operand.ts";
import { eachCoordinate } from "./coordinates.ts";
import { defineOp, type OpDef } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE", "length" | "depth" | "inner"> = {
  name: "one_hot",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "depth", "inner"],
};

interface OneHotAttributes {
  readonly axis: number;
}

const infer: OpDef<OneHotAttributes>["infer"] = ([indices, depth, values], attributes) => {
  const { shape } = indices!;
  const axis = normalizeAxis(attributes.axis, shape.length + 1);
  if (elementCount(values!.shape) !== 2) {
    throw new ModelError(`Cannot encode: values are ${formatShape(values!.shape)}, expected [2]`);
  }
  const extent = Math.trunc(constantScalar(depth!, "depth"));
  return [{ dtype: values!.dtype, shape: [...shape.slice(0, axis), extent, ...shape.slice(axis)] }];
};

/** ONNX OneHot: a new axis of extent `depth` that holds the on-value at the index and the off-value elsewhere. */
export const oneHot = defineOp<OneHotAttributes>({
  type: "OneHot",
  since: 9,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ axis: raw.int("axis", -1) }),
  infer,
  lower: ([indices], [y], attributes) => {
    const axis = normalizeAxis(attributes.axis, y!.shape.length);
    const length = elementCount(y!.shape);
    if (length === 0) return { dispatches: [] };
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "x2", "y0"],
        constants: { WORKGROUP_SIZE },
        uniforms: { length, depth: y!.shape[axis]!, inner: elementCount(y!.shape.slice(axis + 1)) },
        aliases: { I: storageOf(indices!.dtype) },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: (inputs, attributes) => {
    const [indices, , values] = inputs;
    const [{ dtype, shape }] = infer(knownOperands(inputs), attributes) as [TensorType];
    const axis = normalizeAxis(attributes.axis, shape.length);
    const data = allocate(dtype, elementCount(shape)).fill(values!.data[0]!);
    const inner = elementCount(shape.slice(axis + 1));
    eachCoordinate(indices!.shape, (_, read) => {
      const wanted = Math.trunc(indices!.data[read]!);
      const place = wanted < 0 ? wanted + shape[axis]! : wanted;
      if (place < 0 || place >= shape[axis]!) return;
      data[(Math.floor(read / inner) * shape[axis]! + place) * inner + read % inner] = values!.data[1]!;
    });
    return [{ dtype, shape, data }];
  },
  cases: [
    {
      name: "default axis, negative and out of range",
      inputs: [constantI64([0, 6, -1, 7, -8]), constantI64([7], []), f32(2)],
    },
    {
      name: "axis 1, float indices",
      inputs: [constantF32([1, 9, 2, 4], [2, 2]), constantF32([10], []), constantF32([1, 3])],
      attributes: { axis: 1 },
    },
    {
      name: "axis 0, int64 values",
      inputs: [constantI64([2, 0, 1], [3]), constantI64([3]), constantI64([5, -5])],
      attributes: { axis: 0 },
    },
    { name: "rank 0", inputs: [constantI64([1], []), constantI64([4]), f32(2)] },
  ],
});
