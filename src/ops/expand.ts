import { broadcastShapes, broadcastStrides, stridesOf } from "../base/shape.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { pick } from "./coordinates.ts";
import { defineOp, type OpDef } from "./op.ts";
import { stridedCopy } from "./strided_copy.ts";

const infer: OpDef<unknown>["infer"] = ([x, shape]) => [{
  dtype: x!.dtype,
  shape: broadcastShapes(x!.shape, constantOf(shape!, "shape")),
}];

/** ONNX Expand: broadcasts the input with a shape, both ways. */
export const expand = defineOp<unknown>({
  type: "Expand",
  since: 8,
  quant: { kind: "agnostic" },
  attributes: () => undefined,
  infer,
  lower: ([x], [y]) => ({
    dispatches: stridedCopy(
      y!.shape,
      { slot: "x0", strides: broadcastStrides(x!.shape, y!.shape) },
      { slot: "y0", strides: stridesOf(y!.shape) },
    ),
  }),
  reference: (inputs, attributes) => {
    const x = inputs[0]!;
    const { shape } = infer(knownOperands(inputs), attributes)[0]!;
    const added = shape.length - x.shape.length;
    return [pick(x, shape, (at) => x.shape.map((extent, axis) => extent === 1 ? 0 : at[axis + added]!))];
  },
  cases: [
    { name: "repeats inner and outer axes", inputs: [f32(3, 1), constantI64([2, 1, 6])] },
    { name: "whole vectors repeat", inputs: [f32(1, 8), constantI64([5, 8])] },
    { name: "shape of lower rank", inputs: [f32(2, 3, 1), constantI64([4])] },
    { name: "rank 0 to rank 2", inputs: [f32(), constantI64([3, 67])] },
    { name: "to rank 0", inputs: [f32(), constantI64([])] },
    { name: "to empty", inputs: [f32(1, 3), constantI64([0, 3])] },
    { name: "bool", inputs: [{ dtype: "bool", shape: [3] }, constantI64([2, 3])] },
  ],
});
