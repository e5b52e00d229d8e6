import type { Lowering } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { allocate, elementCount, formatShape, type HostTensor, type TensorType } from "../base/tensor.ts";
import { broadcast } from "./binary.ts";
import { f32 } from "./case_types.ts";
import { checkFloat, MOMENTS, normalizePasses, STANDARDIZE, standardize } from "./normalize.ts";
import { defineOp, type Tolerance } from "./op.ts";
import { finishStates, reducedShape } from "./reduction.ts";

const TOLERANCE: Tolerance = { relative: 1e-4, absolute: 1e-4, reason: "the order of additions is open" };

/** ONNX LayerNormalization over all axes from `axis` on; outputs 1 and 2 are the mean and 1 / √(var + ε). */
export const layerNormalization = defineOp<{ axis: number; epsilon: number; outputs: number }>({
  type: "LayerNormalization",
  since: 17,
  quant: { kind: "inputs_quantizable", inputs: [0] },
  attributes: (raw, { outputs }) => {
    if (raw.int("stash_type", 1) !== 1) throw new UnsupportedError('Cannot use attribute "stash_type": expected 1');
    return { axis: raw.int("axis", -1), epsilon: Math.fround(raw.float("epsilon", 1e-5)), outputs: outputs.length };
  },
  infer: ([x, scale, bias], { axis, outputs }) => {
    checkFloat(x!);
    const axes = axesFrom(x!.shape, axis);
    for (const operand of [scale, bias]) {
      if (operand && broadcast(x!.shape, operand.shape).join() !== x!.shape.join()) {
        throw new ModelError(`Cannot broadcast ${formatShape(operand.shape)} to ${formatShape(x!.shape)}`);
      }
    }
    const statistics: TensorType = { dtype: "float32", shape: reducedShape(x!.shape, axes, true) };
    return [{ dtype: x!.dtype, shape: x!.shape }, statistics, statistics].slice(0, Math.max(1, outputs));
  },
  lower: ([x, scale, bias], outputs, { axis, epsilon }): Lowering => {
    const axes = axesFrom(x!.shape, axis);
    const count = elementCount(axes.map((one) => x!.shape[one]!));
    const passes = normalizePasses({
      shape: x!.shape,
      axes,
      fold: MOMENTS,
      expression: `${STANDARDIZE} * scale${bias ? " + bias" : ""}`,
      epsilon,
      scale: { slot: "x1", shape: scale!.shape },
      ...(bias ? { bias: { slot: "x2" as const, shape: bias.shape } } : {}),
    });
    const statistics = ["a.mean", "1.0 / sqrt(a.deviations / a.count + params.alpha)"];
    const groups = elementCount(reducedShape(x!.shape, axes, true));
    const more = statistics.flatMap((expression, place) => {
      if (!outputs[place + 1]) return [];
      const finish = { slot: `y${place + 1}`, storage: "f32", expression } as const;
      return [finishStates(passes.states, groups, count, MOMENTS, finish, epsilon)];
    });
    return { dispatches: [...passes.dispatches, ...more], temporaries: passes.temporaries };
  },
  reference: ([x, scale, bias], { axis, epsilon, outputs }) => {
    const axes = axesFrom(x!.shape, axis);
    const shape = reducedShape(x!.shape, axes, true);
    const data = allocate(x!.dtype, x!.data.length);
    const means = allocate("float32", elementCount(shape));
    const inverses = allocate("float32", elementCount(shape));
    const scales = broadcastData(scale!, x!.shape);
    const biases = bias && broadcastData(bias, x!.shape);
    standardize(
      x!,
      x!.shape,
      axes,
      epsilon,
      (place, value) => data[place] = value * scales(place) + (biases?.(place) ?? 0),
      (output, mean, variance) => {
        means[output] = mean;
        inverses[output] = 1 / Math.sqrt(variance + epsilon);
      },
    );
    const all: HostTensor[] = [{ ...x!, data }, { dtype: "float32", shape, data: means }, {
      dtype: "float32",
      shape,
      data: inverses,
    }];
    return all.slice(0, Math.max(1, outputs));
  },
  cases: [
    { name: "last axis, all outputs", inputs: [f32(3, 65), f32(65), f32(65)], outputs: 3, tolerance: TOLERANCE },
    { name: "in vectors", inputs: [f32(5, 3, 8), f32(8), f32(1)], tolerance: TOLERANCE },
    { name: "without bias", inputs: [f32(2, 5, 7), f32(7)], tolerance: TOLERANCE },
    {
      name: "axis 1, epsilon",
      inputs: [f32(2, 5, 7), f32(5, 7), f32(5, 7)],
      attributes: { axis: 1, epsilon: 0.1 },
      outputs: 3,
      tolerance: TOLERANCE,
    },
    { name: "axis 0", inputs: [f32(3, 5), f32(3, 5), f32(3, 5)], attributes: { axis: 0 }, tolerance: TOLERANCE },
    { name: "shared scale", inputs: [f32(3, 5), f32(1), f32(5)], outputs: 2, tolerance: TOLERANCE },
    { name: "long rows", inputs: [f32(2, 3000), f32(3000), f32(3000)], outputs: 3, tolerance: TOLERANCE },
    { name: "empty", inputs: [f32(0, 5), f32(5), f32(5)] },
  ],
});

function axesFrom(shape: readonly number[], axis: number): number[] {
  const first = normalizeAxis(axis, shape.length);
  return shape.flatMap((_, place) => place >= first ? [place] : []);
}

/** Reads a tensor as if broadcast to `shape`, by flat index there. */
function broadcastData(x: HostTensor, shape: readonly number[]): (index: number) => number {
  const extents = [...new Array<number>(shape.length - x.shape.length).fill(1), ...x.shape];
  return (index) => {
    let rest = index;
    let offset = 0;
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      offset += Math.min(rest % shape[axis]!, extents[axis]! - 1) * stride;
      stride *= extents[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    return x.data[offset]!;
  };
}
