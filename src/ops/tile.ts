import { ModelError } from "../base/errors.ts";
import { normalizeAxis, stridesOf } from "../base/shape.ts";
import { formatShape, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantOf, constantScalar, knownOperands } from "./constant_operand.ts";
import { pick } from "./coordinates.ts";
import { defineOp, type OpDef, type Operands } from "./op.ts";
import { stridedCopy } from "./strided_copy.ts";

interface TileAttributes {
  /** Opset 1 tiles one axis: inputs are the count and the axis. */
  readonly oneAxis: boolean;
}

const infer: OpDef<TileAttributes>["infer"] = (inputs, attributes) => {
  const [x] = inputs;
  const repeats = repeatsOf(inputs, attributes);
  return [{ dtype: x!.dtype, shape: x!.shape.map((extent, axis) => extent * repeats[axis]!) }];
};

/** ONNX Tile: the input repeated along every axis. */
export const tile = defineOp<TileAttributes>({
  type: "Tile",
  since: 1,
  quant: { kind: "agnostic" },
  attributes: (_raw, { opset }) => ({ oneAxis: opset < 6 }),
  infer,
  lower: (inputs, _outputs, attributes) => {
    const { shape } = inputs[0]!;
    const own = stridesOf(shape);
    const repeats = repeatsOf(inputs, attributes);
    const walked = shape.flatMap((extent, axis) => [repeats[axis]!, extent]);
    return {
      dispatches: stridedCopy(
        walked,
        { slot: "x0", strides: own.flatMap((stride) => [0, stride]) },
        { slot: "y0", strides: stridesOf(walked) },
      ),
    };
  },
  reference: (inputs, attributes) => {
    const x = inputs[0]!;
    const { shape } = infer(knownOperands(inputs), attributes)[0]!;
    return [pick(x, shape, (at) => at.map((place, axis) => place % x.shape[axis]!))];
  },
  cases: [
    { name: "every axis", inputs: [f32(2, 3, 5), constantI64([2, 1, 3])] },
    { name: "whole vectors repeat", inputs: [f32(3, 8), constantI64([4, 1])] },
    { name: "not at all", inputs: [f32(2, 3), constantI64([1, 1])] },
    { name: "zero times", inputs: [f32(2, 3), constantI64([0, 2])] },
    { name: "rank 5", inputs: [f32(2, 3, 2, 3, 2), constantI64([2, 2, 2, 2, 2])] },
    { name: "rank 0", inputs: [f32(), constantI64([])] },
    { name: "int64", inputs: [{ dtype: "int64", shape: [3] }, constantI64([4])] },
    { name: "one axis, opset 1", inputs: [f32(2, 3), constantI64([2]), constantI64([1])], opset: 1 },
  ],
});

function repeatsOf([x, input, axis]: Operands<TensorType>, { oneAxis }: TileAttributes): readonly number[] {
  const { shape } = x!;
  if (oneAxis) {
    const tiled = normalizeAxis(constantScalar(axis!, "axis"), shape.length);
    return shape.map((_, place) => place === tiled ? constantScalar(input!, "tiles") : 1);
  }
  const repeats = constantOf(input!, "repeats");
  if (repeats.length !== shape.length || repeats.some((count) => count < 0)) {
    throw new ModelError(`Cannot tile: repeats are ${formatShape(repeats)}, expected ${shape.length} counts`);
  }
  return repeats;
}
