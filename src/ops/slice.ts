import { ModelError } from "../base/errors.ts";
import { normalizeAxis, stridesOf } from "../base/shape.ts";
import type { TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { pick } from "./coordinates.ts";
import { defineOp, type OpDef, type Operands } from "./op.ts";
import { stridedCopy } from "./strided_copy.ts";

interface SliceAttributes {
  /** The attributes of opsets below 10; undefined where the inputs say it. */
  readonly bounds:
    | { starts: readonly number[]; ends: readonly number[]; axes: readonly number[] | undefined }
    | undefined;
}

/** What is taken of an axis. */
interface Range {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

const infer: OpDef<SliceAttributes>["infer"] = (inputs, attributes) => [{
  dtype: inputs[0]!.dtype,
  shape: rangesOf(inputs, attributes).map((range) => range.count),
}];

/** ONNX Slice: start, end and step per axis; attributes before opset 10, then inputs. */
export const slice = defineOp<SliceAttributes>({
  type: "Slice",
  since: 1,
  quant: { kind: "agnostic" },
  attributes: (raw, { opset }) => {
    if (opset >= 10) return { bounds: undefined };
    const [starts, ends, axes] = [raw.numbers("starts"), raw.numbers("ends"), raw.numbers("axes")];
    if (!starts || !ends) throw new ModelError(`Cannot use attributes: "starts" or "ends" is missing`);
    return { bounds: { starts, ends, axes } };
  },
  infer,
  lower: (inputs, [y], attributes) => {
    const own = stridesOf(inputs[0]!.shape);
    const ranges = rangesOf(inputs, attributes);
    const offset = ranges.reduce((sum, { start }, axis) => sum + start * own[axis]!, 0);
    const strides = ranges.map(({ step }, axis) => step * own[axis]!);
    return {
      dispatches: stridedCopy(y!.shape, { slot: "x0", offset, strides }, { slot: "y0", strides: stridesOf(y!.shape) }),
    };
  },
  reference: (inputs, attributes) => {
    const ranges = rangesOf(knownOperands(inputs), attributes);
    const shape = ranges.map((range) => range.count);
    return [
      pick(inputs[0]!, shape, (at) => at.map((place, axis) => ranges[axis]!.start + place * ranges[axis]!.step)),
    ];
  },
  cases: [
    sliceCase("starts and ends", [4, 6], [1, 2], [3, 5]),
    sliceCase("negative, out of range", [4, 6], [-3, -100], [100, -1]),
    sliceCase("axes", [3, 4, 5], [1, 0], [3, 2], [-1, 0]),
    sliceCase("steps", [7, 9], [0, 1], [7, 9], [0, 1], [3, 2]),
    sliceCase("negative steps", [7, 9], [-1, 7], [-1000, 1], [0, 1], [-2, -3]),
    sliceCase("reversed from beyond the end", [5], [100], [-9007199254740991], [0], [-1]),
    sliceCase("open end", [3, 8, 4], [4], [9007199254740991], [1]),
    sliceCase("nothing left", [4, 5], [3], [1], [0]),
    sliceCase("empty input, backwards", [0, 3], [-1], [-100], [0], [-1]),
    { name: "attributes", inputs: [f32(4, 6)], attributes: { starts: [1, -2], ends: [3, 10], axes: [0, 1] }, opset: 9 },
    { name: "attributes without axes", inputs: [f32(4, 6)], attributes: { starts: [1], ends: [-1] }, opset: 1 },
    { name: "int64", inputs: [{ dtype: "int64", shape: [6] }, constantI64([1]), constantI64([4])] },
  ],
});

function sliceCase(name: string, shape: readonly number[], ...operands: (readonly number[])[]) {
  return { name, inputs: [f32(...shape), ...operands.map((values) => constantI64(values))] };
}

function rangesOf([x, ...operands]: Operands<TensorType>, { bounds }: SliceAttributes): Range[] {
  const read = (index: number, name: string) => operands[index] && constantOf(operands[index], name);
  const starts = bounds?.starts ?? read(0, "starts") ?? [];
  const ends = bounds?.ends ?? read(1, "ends") ?? [];
  const axes = (bounds ? bounds.axes : read(2, "axes")) ?? starts.map((_, axis) => axis);
  const steps = (bounds ? undefined : read(3, "steps")) ?? starts.map(() => 1);
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
    throw new ModelError(
      `Cannot slice: found ${starts.length} starts, ${ends.length} ends, ${axes.length} axes, ${steps.length} steps`,
    );
  }
  const ranges: Range[] = x!.shape.map((extent) => ({ start: 0, step: 1, count: extent }));
  axes.forEach((axis, place) => {
    const at = normalizeAxis(axis, ranges.length);
    ranges[at] = rangeOf(x!.shape[at]!, starts[place]!, ends[place]!, steps[place]!);
  });
  return ranges;
}

/** Bounds count from the end where negative and are clamped to the axis, as the specification of opset 10 says. */
function rangeOf(extent: number, start: number, end: number, step: number): Range {
  if (step === 0) throw new ModelError("Cannot slice: a step is 0, expected any other");
  const place = (bound: number, low: number, high: number) =>
    Math.min(Math.max(bound < 0 ? bound + extent : bound, low), high);
  const [low, high] = step > 0 ? [0, extent] : [-1, extent - 1];
  const first = place(start, Math.max(low, 0), Math.max(high, 0));
  const count = extent === 0 ? 0 : Math.max(0, Math.ceil((place(end, low, high) - first) / step));
  return { start: count === 0 ? 0 : first, step, count };
}
