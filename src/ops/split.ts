import { ModelError } from "../base/errors.ts";
import { normalizeAxis, stridesOf } from "../base/shape.ts";
import { formatShape, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { pick } from "./coordinates.ts";
import { defineOp, type OpDef } from "./op.ts";
import { stridedCopy } from "./strided_copy.ts";

interface SplitAttributes {
  readonly axis: number;
  readonly split: readonly number[] | undefined;
  /** Which outputs somebody asked for. */
  readonly outputs: readonly boolean[];
  /** Since opset 18 the last part may be smaller. */
  readonly uneven: boolean;
}

const infer: OpDef<SplitAttributes>["infer"] = ([x, input], attributes) => {
  const axis = normalizeAxis(attributes.axis, x!.shape.length);
  return partsOf(x!, input, attributes, axis).map((part) => ({
    dtype: x!.dtype,
    shape: x!.shape.map((extent, place) => place === axis ? part : extent),
  }));
};

/** ONNX Split: the input cut along `axis` into the parts given (attribute before opset 13, then input) or equal ones. */
export const split = defineOp<SplitAttributes>({
  type: "Split",
  since: 1,
  quant: { kind: "agnostic" },
  attributes: (raw, { opset, outputs }) => {
    const count = raw.int("num_outputs", outputs.length);
    if (count !== outputs.length) {
      throw new ModelError(`Cannot use attributes: "num_outputs" is ${count}, expected ${outputs.length}`);
    }
    return {
      axis: raw.int("axis", 0),
      split: opset < 13 ? raw.numbers("split") : undefined,
      outputs,
      uneven: opset >= 18,
    };
  },
  infer,
  lower: ([x], outputs, attributes) => {
    const strides = stridesOf(x!.shape);
    const axis = normalizeAxis(attributes.axis, x!.shape.length);
    let offset = 0;
    const dispatches = outputs.flatMap(({ shape }, index) => {
      const source = { slot: "x0", offset, strides } as const;
      offset += shape[axis]! * strides[axis]!;
      return attributes.outputs[index]
        ? stridedCopy(shape, source, { slot: `y${index}`, strides: stridesOf(shape) })
        : [];
    });
    return { dispatches };
  },
  reference: (inputs, attributes) => {
    const axis = normalizeAxis(attributes.axis, inputs[0]!.shape.length);
    let first = 0;
    return infer(knownOperands(inputs), attributes).map(({ shape }) => {
      const from = first;
      first += shape[axis]!;
      return pick(inputs[0]!, shape, (at) => at.map((place, own) => own === axis ? place + from : place));
    });
  },
  cases: [
    { name: "equal parts", inputs: [f32(2, 6, 3)], attributes: { axis: 1 }, outputs: 3, opset: 13 },
    { name: "parts given", inputs: [f32(2, 7), constantI64([2, 4, 1])], attributes: { axis: -1 }, outputs: 3 },
    { name: "parts as attribute", inputs: [f32(7, 2)], attributes: { split: [2, 5] }, outputs: 2, opset: 11 },
    { name: "aligned to vectors", inputs: [f32(3, 16)], attributes: { axis: 1, num_outputs: 2 }, outputs: 2 },
    { name: "smaller last part", inputs: [f32(7, 3)], attributes: { num_outputs: 4 }, outputs: 4 },
    { name: "part of extent 0", inputs: [f32(2), constantI64([0, 2])], outputs: 2 },
    { name: "int64", inputs: [{ dtype: "int64", shape: [4] }], attributes: { num_outputs: 2 }, outputs: 2 },
  ],
});

function partsOf(
  { shape }: TensorType,
  input: TensorType | undefined,
  { split, outputs, uneven }: SplitAttributes,
  axis: number,
): readonly number[] {
  const extent = shape[axis]!;
  const given = split ?? (input && constantOf(input, "split"));
  if (given) {
    const total = given.reduce((sum, part) => sum + part, 0);
    if (given.length !== outputs.length || total !== extent || given.some((part) => part < 0)) {
      throw new ModelError(
        `Cannot split: parts are ${formatShape(given)}, expected ${outputs.length} that fill axis ${axis} of ${
          formatShape(shape)
        }`,
      );
    }
    return given;
  }
  if (!uneven && extent % outputs.length !== 0) {
    throw new ModelError(`Cannot split: axis ${axis} of ${formatShape(shape)} has no ${outputs.length} equal parts`);
  }
  const part = Math.ceil(extent / outputs.length);
  return outputs.map((_, index) => Math.min(part, Math.max(0, extent - index * part)));
}
