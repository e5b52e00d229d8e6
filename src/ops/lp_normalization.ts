import { ModelError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { allocate } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { normalizePasses } from "./normalize.ts";
import { defineOp } from "./op.ts";
import { eachGroup, floatSum, type Fold } from "./reduction.ts";

function normFold(power: number): Fold {
  return floatSum(power === 1 ? "abs(x)" : "x * x");
}

const TOLERANCE = { relative: 1e-5, reason: "the order of additions is open" };

/** ONNX LpNormalization: x divided by its 1- or 2-norm along an axis; where the norm is 0, so is the result. */
export const lpNormalization = defineOp<{ axis: number; power: number }>({
  type: "LpNormalization",
  since: 1,
  quant: { kind: "inputs_quantizable", inputs: [0] },
  attributes: (raw) => {
    const power = raw.int("p", 2);
    if (power !== 1 && power !== 2) throw new ModelError(`Cannot use attribute "p": found ${power}, expected 1 or 2`);
    return { axis: raw.int("axis", -1), power };
  },
  infer: ([x], { axis }) => {
    normalizeAxis(axis, x!.shape.length);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x], _outputs, { axis, power }) =>
    normalizePasses({
      shape: x!.shape,
      axes: [normalizeAxis(axis, x!.shape.length)],
      fold: normFold(power),
      expression: power === 1 ? "select(x / a, 0.0, a == 0.0)" : "select(x / sqrt(a), 0.0, a == 0.0)",
    }),
  reference: ([x], { axis, power }) => {
    const data = allocate(x!.dtype, x!.data.length);
    eachGroup(x!, [normalizeAxis(axis, x!.shape.length)], (values, places) => {
      const norm = values.reduce((sum, value) => sum + Math.abs(value) ** power, 0) ** (1 / power);
      places.forEach((place, index) => data[place] = norm === 0 ? 0 : values[index]! / norm);
    });
    return [{ ...x!, data }];
  },
  cases: [
    { name: "2-norm", inputs: [f32(3, 65)], tolerance: TOLERANCE },
    { name: "1-norm along axis 1", inputs: [f32(2, 5, 7)], attributes: { axis: 1, p: 1 }, tolerance: TOLERANCE },
    { name: "zeros", inputs: [f32(2, 5)], range: [0, 0] },
    { name: "empty", inputs: [f32(0, 3)] },
  ],
});
