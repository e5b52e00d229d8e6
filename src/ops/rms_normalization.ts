import type { Lowering } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { allocate, elementCount, formatShape } from "../base/tensor.ts";
import { broadcast, combineTensors } from "./binary.ts";
import { f32 } from "./case_types.ts";
import { checkFloat, normalizePasses } from "./normalize.ts";
import { defineOp, type Tolerance } from "./op.ts";
import { eachGroup, floatSum } from "./reduction.ts";

const TOLERANCE: Tolerance = { relative: 1e-4, absolute: 1e-5, reason: "the order of additions is open" };

/** ONNX RMSNormalization: `x / √(mean(x²) + ε) · scale` over all axes from `axis` on. */
export const rmsNormalization = defineOp<{ axis: number; epsilon: number }>({
  type: "RMSNormalization",
  since: 23,
  quant: { kind: "inputs_quantizable", inputs: [0] },
  attributes: (raw) => {
    if (raw.int("stash_type", 1) !== 1) throw new UnsupportedError('Cannot use attribute "stash_type": expected 1');
    return { axis: raw.int("axis", -1), epsilon: Math.fround(raw.float("epsilon", 1e-5)) };
  },
  infer: ([x, scale], { axis }) => {
    checkFloat(x!);
    axesFrom(x!.shape, axis);
    if (broadcast(x!.shape, scale!.shape).join() !== x!.shape.join()) {
      throw new ModelError(`Cannot broadcast ${formatShape(scale!.shape)} to ${formatShape(x!.shape)}`);
    }
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x, scale], _outputs, { axis, epsilon }): Lowering =>
    normalizePasses({
      shape: x!.shape,
      axes: axesFrom(x!.shape, axis),
      fold: floatSum("x * x"),
      expression: "x / sqrt(a / params.count + params.epsilon) * scale",
      epsilon,
      scale: { slot: "x1", shape: scale!.shape },
    }),
  reference: ([x, scale], { axis, epsilon }) => {
    const data = allocate(x!.dtype, elementCount(x!.shape));
    eachGroup(x!, axesFrom(x!.shape, axis), (values, places) => {
      const squares = values.reduce((sum, value) => sum + value * value, 0);
      const root = Math.sqrt(squares / values.length + epsilon);
      places.forEach((place, index) => data[place] = values[index]! / root);
    });
    return [combineTensors({ ...x!, data }, scale!, x!.dtype, (value, factor) => value * factor)];
  },
  cases: [
    { name: "last axis", inputs: [f32(3, 65), f32(65)], tolerance: TOLERANCE },
    { name: "in vectors", inputs: [f32(5, 3, 8), f32(8)], tolerance: TOLERANCE },
    {
      name: "axis 1, epsilon",
      inputs: [f32(2, 5, 7), f32(5, 7)],
      attributes: { axis: 1, epsilon: 0.1 },
      tolerance: TOLERANCE,
    },
    { name: "axis 0, shared scale", inputs: [f32(3, 5), f32(1)], attributes: { axis: 0 }, tolerance: TOLERANCE },
    { name: "long rows", inputs: [f32(2, 3000), f32(3000)], tolerance: TOLERANCE },
    { name: "empty", inputs: [f32(0, 5), f32(5)] },
  ],
});

function axesFrom(shape: readonly number[], axis: number): number[] {
  const first = normalizeAxis(axis, shape.length);
  return shape.flatMap((_, place) => place >= first ? [place] : []);
}
