import { ModelError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import type { TensorType } from "../base/tensor.ts";
import { constantF32, constantI64, f32 } from "./case_types.ts";
import { constantOf, constantScalar, knownOperands } from "./constant_operand.ts";
import { defineOp, type Operands } from "./op.ts";
import { type AxisPads, PAD_MODES, paddedShape, padDispatches, type PadMode, padReference } from "./padding.ts";

interface PadAttributes {
  readonly mode: PadMode;
  /** The attributes of opsets below 11; undefined where the inputs say it. */
  readonly fixed: { readonly pads: readonly number[]; readonly value: number } | undefined;
}

/** ONNX Pad: attributes before opset 11, then inputs; axes since 18, wrap since 19. */
export const pad = defineOp<PadAttributes>({
  type: "Pad",
  since: 1,
  quant: { kind: "agnostic" },
  attributes: (raw, { opset }) => {
    const mode = raw.string<PadMode>("mode", "constant", Object.keys(PAD_MODES) as PadMode[]);
    if (opset >= 11) return { mode, fixed: undefined };
    const pads = raw.numbers(opset < 2 ? "paddings" : "pads");
    if (!pads) throw new ModelError(`Cannot use attributes: "pads" is missing`);
    return { mode, fixed: { pads, value: raw.float("value", 0) } };
  },
  infer: (inputs, attributes) => [{
    dtype: inputs[0]!.dtype,
    shape: paddedShape(inputs[0]!.shape, padsOf(inputs, attributes), attributes.mode),
  }],
  lower: (inputs, _outputs, attributes) => ({
    dispatches: padDispatches(
      inputs[0]!,
      padsOf(inputs, attributes),
      attributes.mode,
      valueOf(inputs, attributes),
    ),
  }),
  reference: (inputs, attributes) => {
    const known = knownOperands(inputs);
    return [padReference(inputs[0]!, padsOf(known, attributes), attributes.mode, valueOf(known, attributes))];
  },
  cases: [
    { name: "constant", inputs: [f32(2, 3, 4, 5), constantI64([0, 0, 1, 2, 0, 0, 3, 4])] },
    { name: "constant value", inputs: [f32(3, 5), constantI64([1, 0, 2, 3]), constantF32([1.5], [])] },
    { name: "axes", inputs: [f32(2, 3, 5), constantI64([1, 2, 3, 0]), undefined, constantI64([-1, 0])] },
    { name: "negative pads", inputs: [f32(5, 6), constantI64([-1, 2, 1, -3])] },
    { name: "int64", inputs: [{ dtype: "int64", shape: [3] }, constantI64([1, 2]), constantI64([-7], [])] },
    { name: "empty input", inputs: [f32(0, 2), constantI64([1, 1, 1, 1])] },
    { name: "rank 5", inputs: [f32(2, 3, 2, 3, 2), constantI64([0, 1, 0, 1, 0, 1, 0, 1, 0, 1])] },
    ...(["reflect", "edge", "wrap"] as const).flatMap((mode) => [
      { name: mode, inputs: [f32(2, 3, 4, 5), constantI64([0, 0, 2, 3, 0, 0, 1, 4])], attributes: { mode } },
      {
        name: `${mode}, further than the extent`,
        inputs: [f32(2, 3), constantI64([3, 7, 4, 8])],
        attributes: { mode },
      },
      { name: `${mode}, negative pads`, inputs: [f32(6, 7), constantI64([-2, 2, 3, -3])], attributes: { mode } },
    ]),
    {
      name: "attributes",
      inputs: [f32(2, 3)],
      attributes: { mode: "constant", pads: [1, 0, 0, 2], value: 0.5 },
      opset: 10,
    },
    { name: "attributes of opset 1", inputs: [f32(2, 3)], attributes: { paddings: [0, 1, 0, 2] }, opset: 1 },
  ],
});

function padsOf([x, input, , axesInput]: Operands<TensorType>, { fixed }: PadAttributes): AxisPads[] {
  const pads = fixed?.pads ?? constantOf(input!, "pads");
  const rank = x!.shape.length;
  const axes = axesInput ? constantOf(axesInput, "axes") : x!.shape.map((_, axis) => axis);
  if (pads.length !== 2 * axes.length) {
    throw new ModelError(`Cannot pad: found ${pads.length} pads, expected ${2 * axes.length}`);
  }
  const result = x!.shape.map(() => ({ before: 0, after: 0 }));
  axes.forEach((axis, place) => {
    result[normalizeAxis(axis, rank)] = { before: pads[place]!, after: pads[axes.length + place]! };
  });
  return result;
}

function valueOf([, , input]: Operands<TensorType>, { fixed }: PadAttributes): number {
  return fixed?.value ?? (input ? constantScalar(input, "constant_value") : 0);
}
