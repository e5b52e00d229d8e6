/** Softmax and LogSoftmax: over one axis, or before opset 13 over all axes from one on. */
import { UnsupportedError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { allocate, isFloat } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { defineOp, type OpCase, type OpDef } from "./op.ts";
import { normalizePasses } from "./normalize.ts";
import { LOG_SUM_EXP } from "./reduce.ts";
import { eachGroup } from "./reduction.ts";

/** Which axes a softmax sums over. */
export interface SoftmaxAttributes {
  readonly axis: number;
  /** Whether all axes behind `axis` count with it, as before opset 13. */
  readonly flattens: boolean;
}

/** Axes that sum to one. */
export function softmaxAxes(shape: readonly number[], { axis, flattens }: SoftmaxAttributes): number[] {
  const first = flattens && axis === shape.length ? axis : normalizeAxis(axis, shape.length);
  return flattens ? shape.flatMap((_, place) => place >= first ? [place] : []) : [first];
}

function softmaxOp(type: string, expression: string, value: (x: number, top: number, sum: number) => number): OpDef {
  return defineOp<SoftmaxAttributes>({
    type,
    since: 1,
    quant: { kind: "non_quantizable" },
    attributes: (raw, { opset }) => ({ axis: raw.int("axis", opset < 13 ? 1 : -1), flattens: opset < 13 }),
    infer: ([x], attributes) => {
      if (!isFloat(x!.dtype)) throw new UnsupportedError(`Cannot use element type ${x!.dtype} in ${type}`);
      softmaxAxes(x!.shape, attributes);
      return [{ dtype: x!.dtype, shape: x!.shape }];
    },
    lower: ([x], _outputs, attributes) =>
      normalizePasses({ shape: x!.shape, axes: softmaxAxes(x!.shape, attributes), fold: LOG_SUM_EXP, expression }),
    reference: ([x], attributes) => {
      const data = allocate(x!.dtype, x!.data.length);
      eachGroup(x!, softmaxAxes(x!.shape, attributes), (values, places) => {
        const top = values.reduce((most, one) => Math.max(most, one), -Infinity);
        const sum = values.reduce((so, one) => so + Math.exp(one - top), 0);
        places.forEach((place, index) => data[place] = value(values[index]!, top, sum));
      });
      return [{ ...x!, data }];
    },
    cases: CASES.map((one) => ({ ...one, tolerance: TOLERANCE })),
  });
}

const TOLERANCE = { relative: 2e-5, absolute: 2e-6, reason: "exp and log differ by several units in the last place" };

const CASES: readonly OpCase[] = [
  { name: "last axis", inputs: [f32(3, 65)] },
  { name: "in vectors", inputs: [f32(3, 68)] },
  { name: "first axis", inputs: [f32(5, 65)], attributes: { axis: 0 } },
  { name: "middle axis", inputs: [f32(2, 33, 5)], attributes: { axis: -2 } },
  { name: "large values", inputs: [f32(4, 7)], range: [-10000, 10000] },
  { name: "long", inputs: [f32(2, 5000)] },
  { name: "many rows", inputs: [f32(1100, 300)] },
  { name: "opset 11 flattens", inputs: [f32(2, 3, 5)], attributes: { axis: 1 }, opset: 11 },
  { name: "opset 11 default axis", inputs: [f32(2, 3, 5)], opset: 11 },
  { name: "opset 11 axis 0", inputs: [f32(2, 3)], attributes: { axis: 0 }, opset: 11 },
  { name: "opset 11 negative axis", inputs: [f32(2, 3, 5)], attributes: { axis: -1 }, opset: 11 },
  { name: "empty", inputs: [f32(0, 3)] },
];

/** Softmax and LogSoftmax. */
export const SOFTMAX_OPERATORS: readonly OpDef[] = [
  softmaxOp("Softmax", "exp(x - a.x) / a.y", (x, top, sum) => Math.exp(x - top) / sum),
  softmaxOp("LogSoftmax", "x - a.x - log(a.y)", (x, top, sum) => x - top - Math.log(sum)),
];
