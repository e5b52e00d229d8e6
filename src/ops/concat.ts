import { ModelError } from "../base/errors.ts";
import { normalizeAxis, sameShape, stridesOf } from "../base/shape.ts";
import { allocate, elementCount, formatShape, type TensorType } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { knownOperands } from "./constant_operand.ts";
import { defineOp, type OpDef, type Operands } from "./op.ts";
import { stridedCopy } from "./strided_copy.ts";

interface ConcatAttributes {
  readonly axis: number;
}

const infer: OpDef<ConcatAttributes>["infer"] = (inputs, { axis }) => {
  const [first, ...others] = present(inputs);
  const at = normalizeAxis(axis, first!.shape.length);
  const without = (shape: readonly number[]) => shape.filter((_, place) => place !== at);
  for (const other of others) {
    if (other.shape.length !== first!.shape.length || !sameShape(without(other.shape), without(first!.shape))) {
      throw new ModelError(
        `Cannot concatenate: inputs ${formatShape(first!.shape)} and ${
          formatShape(other.shape)
        } differ beside axis ${at}`,
      );
    }
  }
  const extent = present(inputs).reduce((sum, input) => sum + input.shape[at]!, 0);
  return [{ dtype: first!.dtype, shape: first!.shape.map((own, place) => place === at ? extent : own) }];
};

/** ONNX Concat: inputs one after another along `axis`, which was 1 by default before opset 4. */
export const concat = defineOp<ConcatAttributes>({
  type: "Concat",
  since: 1,
  isVariadic: true,
  quant: { kind: "concat" },
  attributes: (raw, { opset }) => {
    if (opset >= 4 && !raw.has("axis")) throw new ModelError(`Cannot use attributes: "axis" is missing`);
    return { axis: raw.int("axis", 1) };
  },
  infer,
  lower: (inputs, [y], { axis }) => {
    const strides = stridesOf(y!.shape);
    const stride = strides[normalizeAxis(axis, y!.shape.length)]!;
    let offset = 0;
    const dispatches = inputs.flatMap((input, index) => {
      if (!input) return [];
      const copy = stridedCopy(
        input.shape,
        { slot: `x${index}`, strides: stridesOf(input.shape) },
        { slot: "y0", offset, strides },
      );
      offset += input.shape[normalizeAxis(axis, y!.shape.length)]! * stride;
      return copy;
    });
    return { dispatches };
  },
  reference: (inputs, attributes) => {
    const [{ dtype, shape }] = infer(knownOperands(inputs), attributes) as [TensorType];
    const axis = normalizeAxis(attributes.axis, shape.length);
    const data = allocate(dtype, elementCount(shape));
    let written = 0;
    for (let block = 0; block < elementCount(shape.slice(0, axis)); block++) {
      for (const { shape: own, data: source } of present(inputs)) {
        const run = elementCount(own.slice(axis));
        data.set(source.subarray(block * run, (block + 1) * run), written);
        written += run;
      }
    }
    return [{ dtype, shape, data }];
  },
  cases: [
    { name: "channels", inputs: [f32(2, 3, 4, 5), f32(2, 1, 4, 5), f32(2, 7, 4, 5)], attributes: { axis: 1 } },
    { name: "aligned to vectors", inputs: [f32(2, 4, 8), f32(2, 12, 8)], attributes: { axis: 1 } },
    { name: "negative axis", inputs: [f32(2, 3), f32(2, 2)], attributes: { axis: -1 } },
    {
      name: "axis 0, int64",
      inputs: [{ dtype: "int64", shape: [1] }, { dtype: "int64", shape: [3] }],
      attributes: { axis: 0 },
    },
    { name: "bool", inputs: [{ dtype: "bool", shape: [2] }, { dtype: "bool", shape: [5] }], attributes: { axis: 0 } },
    { name: "one input", inputs: [f32(3, 2)], attributes: { axis: 0 } },
    { name: "one of them empty", inputs: [f32(2, 0), f32(2, 3)], attributes: { axis: 1 } },
    { name: "all empty", inputs: [f32(2, 0), f32(2, 0)], attributes: { axis: 1 } },
    { name: "nine inputs", inputs: Array.from({ length: 9 }, () => f32(2, 3)), attributes: { axis: 0 } },
    { name: "default axis of opset 1", inputs: [f32(2, 3), f32(2, 1)], opset: 1 },
  ],
});

function present<T>(inputs: Operands<T>): T[] {
  return inputs.filter((input) => input !== undefined);
}
