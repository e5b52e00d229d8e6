import { ModelError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { formatShape, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { defineOp, type Operands } from "./op.ts";
import { type AxisPads, paddedShape, padDispatches, padReference } from "./padding.ts";

interface CenterCropPadAttributes {
  readonly axes: readonly number[] | undefined;
}

/** ONNX CenterCropPad: cropped or padded with zeros around the middle to the given extents. */
export const centerCropPad = defineOp<CenterCropPadAttributes>({
  type: "CenterCropPad",
  since: 18,
  quant: { kind: "agnostic" },
  attributes: (raw) => ({ axes: raw.numbers("axes") }),
  infer: (inputs, attributes) => [{
    dtype: inputs[0]!.dtype,
    shape: paddedShape(inputs[0]!.shape, padsOf(inputs, attributes), "constant"),
  }],
  lower: (inputs, _outputs, attributes) => ({
    dispatches: padDispatches(inputs[0]!, padsOf(inputs, attributes), "constant", 0),
  }),
  reference: (inputs, attributes) => [
    padReference(inputs[0]!, padsOf(knownOperands(inputs), attributes), "constant", 0),
  ],
  cases: [
    { name: "crop and pad", inputs: [f32(7, 4, 3), constantI64([4, 7, 3])] },
    { name: "axes", inputs: [f32(5, 6, 3), constantI64([8, 3])], attributes: { axes: [-2, 0] } },
  ],
});

function padsOf([x, target]: Operands<TensorType>, attributes: CenterCropPadAttributes): AxisPads[] {
  const { shape } = x!;
  const extents = constantOf(target!, "shape");
  const axes = (attributes.axes ?? shape.map((_, axis) => axis)).map((axis) => normalizeAxis(axis, shape.length));
  if (extents.length !== axes.length) {
    throw new ModelError(`Cannot crop: shape is ${formatShape(extents)}, expected ${axes.length} extents`);
  }
  const pads = shape.map(() => ({ before: 0, after: 0 }));
  axes.forEach((axis, place) => {
    const missing = extents[place]! - shape[axis]!;
    const before = Math.trunc(missing / 2);
    pads[axis] = { before, after: missing - before };
  });
  return pads;
}
