/** Normalizations by mean and deviation over axes of each sample. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { allocate, elementCount, formatShape, type TensorType } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { checkFloat, MOMENTS, momentsOf, normalizePasses, STANDARDIZE, standardize } from "./normalize.ts";
import { defineOp, type OpDef, type QuantTrait, type Tolerance } from "./op.ts";
import { ascendingAxes } from "./reduce.ts";
import { eachGroup } from "./reduction.ts";

const FIRST_INPUT: QuantTrait = { kind: "inputs_quantizable", inputs: [0] };
const TOLERANCE: Tolerance = { relative: 1e-4, absolute: 1e-4, reason: "the order of additions is open" };

/** A per-channel operand of shape [C], laid along axis 1 of a tensor of this rank. */
function alongChannels(operand: Pick<TensorType, "shape">, channels: number, rank: number, name: string): number[] {
  if (operand.shape.length !== 1 || operand.shape[0] !== channels) {
    throw new ModelError(`Cannot use ${name} of shape ${formatShape(operand.shape)}: expected [${channels}]`);
  }
  return [channels, ...new Array<number>(rank - 2).fill(1)];
}

/** ONNX InstanceNormalization: each channel of each sample by its own mean and deviation. */
const instanceNormalization = defineOp<{ epsilon: number }>({
  type: "InstanceNormalization",
  since: 1,
  quant: FIRST_INPUT,
  attributes: (raw) => {
    raw.ignore("consumed_inputs");
    return { epsilon: Math.fround(raw.float("epsilon", 1e-5)) };
  },
  infer: ([x, scale, bias]) => {
    checkFloat(x!);
    if (x!.shape.length < 3) throw new ModelError(`Cannot normalize rank ${x!.shape.length}: expected 3 or more`);
    alongChannels(scale!, x!.shape[1]!, x!.shape.length, "scale");
    alongChannels(bias!, x!.shape[1]!, x!.shape.length, "B");
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x], _outputs, { epsilon }) => {
    const { shape } = x!;
    const channels = [shape[1]!, ...new Array<number>(shape.length - 2).fill(1)];
    return normalizePasses({
      shape,
      axes: shape.map((_, axis) => axis).slice(2),
      fold: MOMENTS,
      expression: `${STANDARDIZE} * scale + bias`,
      epsilon,
      scale: { slot: "x1", shape: channels },
      bias: { slot: "x2", shape: channels },
    });
  },
  reference: ([x, scale, bias], { epsilon }) => {
    const data = allocate(x!.dtype, x!.data.length);
    const inner = elementCount(x!.shape.slice(2));
    standardize(x!, x!.shape, x!.shape.map((_, axis) => axis).slice(2), epsilon, (place, value) => {
      const channel = Math.floor(place / inner) % x!.shape[1]!;
      data[place] = value * scale!.data[channel]! + bias!.data[channel]!;
    });
    return [{ ...x!, data }];
  },
  cases: [
    { name: "in vectors", inputs: [f32(2, 3, 6, 6), f32(3), f32(3)], tolerance: TOLERANCE },
    { name: "rank 4", inputs: [f32(2, 3, 9, 9), f32(3), f32(3)], tolerance: TOLERANCE },
    {
      name: "rank 3, epsilon",
      inputs: [f32(2, 5, 300), f32(5), f32(5)],
      attributes: { epsilon: 0.1 },
      tolerance: TOLERANCE,
    },
    { name: "long", inputs: [f32(1, 2, 100, 101), f32(2), f32(2)], tolerance: TOLERANCE },
    { name: "empty", inputs: [f32(0, 2, 3), f32(2), f32(2)] },
  ],
});

/** ONNX GroupNormalization: scale and bias per group (opset 18) or per channel (opset 21). */
const groupNormalization = defineOp<{ epsilon: number; groups: number; perChannel: boolean }>({
  type: "GroupNormalization",
  since: 18,
  quant: FIRST_INPUT,
  attributes: (raw, { opset }) => {
    if (raw.int("stash_type", 1) !== 1) throw new UnsupportedError('Cannot use attribute "stash_type": expected 1');
    return {
      epsilon: Math.fround(raw.float("epsilon", 1e-5)),
      groups: raw.int("num_groups", 0),
      perChannel: opset >= 21,
    };
  },
  infer: ([x, scale, bias], { groups, perChannel }) => {
    checkFloat(x!);
    const [, channels] = x!.shape;
    if (channels === undefined || groups < 1 || channels % groups !== 0) {
      throw new ModelError(`Cannot normalize ${channels} channels in ${groups} groups`);
    }
    alongChannels(scale!, perChannel ? channels : groups, 2, "scale");
    alongChannels(bias!, perChannel ? channels : groups, 2, "bias");
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x], _outputs, { epsilon, groups, perChannel }) => {
    const shape = groupedShape(x!.shape, groups);
    const affine = [1, groups, perChannel ? shape[2]! : 1, 1];
    return normalizePasses({
      shape,
      axes: [2, 3],
      fold: MOMENTS,
      expression: `${STANDARDIZE} * scale + bias`,
      epsilon,
      scale: { slot: "x1", shape: affine },
      bias: { slot: "x2", shape: affine },
    });
  },
  reference: ([x, scale, bias], { epsilon, groups, perChannel }) => {
    const data = allocate(x!.dtype, x!.data.length);
    const channels = x!.shape[1]!;
    const inner = elementCount(x!.shape.slice(2));
    standardize(x!, groupedShape(x!.shape, groups), [2, 3], epsilon, (place, value) => {
      const channel = Math.floor(place / inner) % channels;
      const at = perChannel ? channel : Math.floor(channel / (channels / groups));
      data[place] = value * scale!.data[at]! + bias!.data[at]!;
    });
    return [{ ...x!, data }];
  },
  cases: [
    {
      name: "per channel",
      inputs: [f32(2, 6, 5, 3), f32(6), f32(6)],
      attributes: { num_groups: 3 },
      tolerance: TOLERANCE,
    },
    {
      name: "per group, epsilon",
      inputs: [f32(2, 6, 65), f32(2), f32(2)],
      attributes: { num_groups: 2, epsilon: 0.1 },
      opset: 18,
      tolerance: TOLERANCE,
    },
  ],
});

function groupedShape(shape: readonly number[], groups: number): number[] {
  return [shape[0]!, groups, shape[1]! / groups, elementCount(shape.slice(2))];
}

/** ONNX MeanVarianceNormalization: `(x - mean) / (deviation + 1e-9)`, over batch and space unless axes are given. */
const meanVarianceNormalization = defineOp<{ axes: readonly number[] }>({
  type: "MeanVarianceNormalization",
  since: 9,
  quant: FIRST_INPUT,
  attributes: (raw) => ({ axes: raw.numbers("axes") ?? [0, 2, 3] }),
  infer: ([x], { axes }) => {
    checkFloat(x!);
    ascendingAxes(axes, x!.shape.length);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x], _outputs, { axes }) =>
    normalizePasses({
      shape: x!.shape,
      axes: ascendingAxes(axes, x!.shape.length),
      fold: MOMENTS,
      expression: "(x - a.mean) / (sqrt(a.deviations / a.count) + params.epsilon)",
      epsilon: 1e-9,
    }),
  reference: ([x], { axes }) => {
    const data = allocate(x!.dtype, x!.data.length);
    eachGroup(x!, ascendingAxes(axes, x!.shape.length), (values, places) => {
      const { mean, variance } = momentsOf(values);
      values.forEach((value, index) => data[places[index]!] = (value - mean) / (Math.sqrt(variance) + 1e-9));
    });
    return [{ ...x!, data }];
  },
  cases: [
    { name: "groups of one element", inputs: [f32(3, 1)], attributes: { axes: [1] } },
    { name: "default axes", inputs: [f32(3, 3, 5, 7)], tolerance: TOLERANCE },
    { name: "given axes", inputs: [f32(3, 5, 7)], attributes: { axes: [-1, 1] }, tolerance: TOLERANCE },
  ],
});

/** InstanceNormalization, GroupNormalization and MeanVarianceNormalization. */
export const NORMALIZATION_OPERATORS: readonly OpDef[] = [
  groupNormalization,
  instanceNormalization,
  meanVarianceNormalization,
];
