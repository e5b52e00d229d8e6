/** The operators that rename the axes of unchanged memory. */
import { ModelError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { elementCount, formatShape, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { defineOp, type OpCase, type OpDef, type Operands } from "./op.ts";

/** An operator whose output is its first input under another shape. */
function defineReshape<A>(
  definition: Pick<OpDef<A>, "type" | "attributes" | "cases"> & {
    readonly shapeOf: (inputs: Operands<TensorType>, attributes: A) => number[];
  },
): OpDef {
  const { shapeOf, ...rest } = definition;
  const infer: OpDef<A>["infer"] = (inputs, attributes) => [{
    dtype: inputs[0]!.dtype,
    shape: shapeOf(inputs, attributes),
  }];
  return defineOp<A>({
    ...rest,
    since: 1,
    quant: { kind: "agnostic" },
    infer,
    lower: () => ({ dispatches: [], aliasOf: 0 }),
    reference: (inputs, attributes) => [{
      ...inputs[0]!,
      shape: infer(knownOperands(inputs), attributes)[0]!.shape,
    }],
  });
}

/** ONNX Reshape: 0 copies the extent of the same axis (unless allowzero), -1 takes what is left. */
const reshape = defineReshape<{ shape: readonly number[] | undefined; allowZero: boolean }>({
  type: "Reshape",
  attributes: (raw, { opset }) => {
    raw.ignore("consumed_inputs");
    return { shape: opset < 5 ? raw.numbers("shape") ?? [] : undefined, allowZero: raw.int("allowzero", 0) !== 0 };
  },
  shapeOf: ([x, target], { shape, allowZero }) =>
    resolveShape(x!.shape, shape ?? constantOf(target!, "shape"), allowZero),
  cases: [
    { name: "extents given", inputs: [f32(2, 3, 4), constantI64([4, 6])] },
    { name: "0 copies, -1 is left over", inputs: [f32(2, 3, 4), constantI64([0, -1, 2, 1])] },
    {
      name: "allowzero",
      inputs: [f32(0, 3, 4), constantI64([3, 4, 0])],
      attributes: { allowzero: 1 },
    },
    { name: "to rank 0", inputs: [f32(1, 1), constantI64([])] },
    { name: "int64", inputs: [{ dtype: "int64", shape: [6] }, constantI64([2, -1])] },
    { name: "shape attribute", inputs: [f32(2, 6)], attributes: { shape: [3, -1] }, opset: 4 },
  ],
});

function resolveShape(from: readonly number[], wanted: readonly number[], allowZero: boolean): number[] {
  const shape = wanted.map((extent, axis) => {
    if (extent !== 0 || allowZero) return extent;
    const copied = from[axis];
    if (copied === undefined) {
      throw new ModelError(
        `Cannot reshape: axis ${axis} of target ${formatShape(wanted)} copies no axis of input ${formatShape(from)}`,
      );
    }
    return copied;
  });
  const open = shape.indexOf(-1);
  if (open >= 0) {
    const known = elementCount(shape.filter((_, axis) => axis !== open));
    shape[open] = known === 0 ? 0 : elementCount(from) / known;
  }
  const valid = shape.every((extent) => Number.isInteger(extent) && extent >= 0);
  if (!valid || elementCount(shape) !== elementCount(from)) {
    throw new ModelError(
      `Cannot reshape: input ${formatShape(from)} has ${elementCount(from)} elements, expected those of ${
        formatShape(wanted)
      }`,
    );
  }
  return shape;
}

/** ONNX Flatten: the axes before `axis` become the first extent, the others the second. */
const flatten = defineReshape<{ axis: number }>({
  type: "Flatten",
  attributes: (raw) => ({ axis: raw.int("axis", 1) }),
  shapeOf: ([x], { axis }) => {
    const { shape } = x!;
    const at = axis === shape.length ? axis : shape.length === 0 ? 0 : normalizeAxis(axis, shape.length);
    return [elementCount(shape.slice(0, at)), elementCount(shape.slice(at))];
  },
  cases: [
    { name: "default axis", inputs: [f32(2, 3, 5)] },
    { name: "axis 0", inputs: [f32(2, 3)], attributes: { axis: 0 } },
    { name: "axis at the end", inputs: [f32(2, 3)], attributes: { axis: 2 } },
    { name: "negative axis", inputs: [f32(2, 3, 5, 1)], attributes: { axis: -3 } },
    { name: "empty", inputs: [f32(2, 0, 5)] },
  ],
});

/** Axes from the attribute (opset below 13) or from input 1; undefined where neither is given. */
interface Axes {
  readonly axes: readonly number[] | undefined;
}

function axesOf(input: TensorType | undefined, { axes }: Axes): readonly number[] | undefined {
  return axes ?? (input && constantOf(input, "axes"));
}

function axesCases(name: string, shape: readonly number[], axes: readonly number[]): OpCase[] {
  return [
    { name, inputs: [f32(...shape), constantI64(axes)] },
    { name: `${name}, as attribute`, inputs: [f32(...shape)], attributes: { axes }, opset: 11 },
  ];
}

/** ONNX Squeeze: drops axes of extent 1, those given or all. */
const squeeze = defineReshape<Axes>({
  type: "Squeeze",
  attributes: (raw, { opset }) => ({ axes: opset < 13 ? raw.numbers("axes") : undefined }),
  shapeOf: ([x, input], attributes) => {
    const { shape } = x!;
    const axes = axesOf(input, attributes)?.map((axis) => normalizeAxis(axis, shape.length));
    const wide = axes?.find((axis) => shape[axis] !== 1);
    if (wide !== undefined) {
      throw new ModelError(
        `Cannot squeeze: axis ${wide} of input ${formatShape(shape)} has extent ${shape[wide]}, expected 1`,
      );
    }
    return shape.filter((extent, axis) => axes ? !axes.includes(axis) : extent !== 1);
  },
  cases: [
    { name: "all axes of extent 1", inputs: [f32(1, 3, 1, 5)] },
    { name: "all axes, opset 11", inputs: [f32(1, 3, 1, 5)], opset: 11 },
    ...axesCases("given axes", [1, 3, 1, 5], [0, -2]),
    { name: "to rank 0", inputs: [f32(1, 1)] },
  ],
});

/** ONNX Unsqueeze: puts axes of extent 1 at the given places of the output. */
const unsqueeze = defineReshape<Axes>({
  type: "Unsqueeze",
  attributes: (raw, { opset }) => ({ axes: opset < 13 ? raw.numbers("axes") : undefined }),
  shapeOf: ([x, input], attributes) => {
    const wanted = axesOf(input, attributes) ?? [];
    const rank = x!.shape.length + wanted.length;
    const axes = new Set(wanted.map((axis) => normalizeAxis(axis, rank)));
    if (axes.size !== wanted.length) {
      throw new ModelError(`Cannot unsqueeze: axes ${formatShape(wanted)} name one of the ${rank} output axes twice`);
    }
    const rest = [...x!.shape];
    return Array.from({ length: rank }, (_, axis) => axes.has(axis) ? 1 : rest.shift()!);
  },
  cases: [
    ...axesCases("unsorted axes", [3, 5], [3, 0, -1]),
    { name: "rank 0", inputs: [f32(), constantI64([0])] },
  ],
});

export const reshapes: readonly OpDef[] = [reshape, flatten, squeeze, unsqueeze];
