/** Cases of operators by the thousand, family by family, drawn and shrunk by fast-check. Knows forms of operands, no kernel. */
import fc from "fast-check";
import { elementCount, hostTensor, knownType, type TensorType } from "../../src/base/tensor.ts";
import type { OpCase } from "../../src/ops/op.ts";

/** What is drawn of a case; range and tolerance are the operator's own. */
export type DrawnCase = Pick<OpCase, "inputs" | "attributes" | "outputs">;

/** Operators whose operands have the same form. */
export interface Family {
  readonly operators: readonly string[];
  /** `dtype` is that of the operator's first listed case. */
  draw(dtype: TensorType["dtype"]): fc.Arbitrary<DrawnCase>;
}

/** Extents: small, odd, multiples of a vector, and one past tiles and workgroups. Shrinks to the first. */
const extent: fc.Arbitrary<number> = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 64, 65);
/** Mostly not empty: an empty tensor tells little. */
const extentOrNone = fc.oneof({ weight: 15, arbitrary: extent }, { weight: 1, arbitrary: fc.constant(0) });
const LARGEST = 6000;

const shapeOf = (minRank: number, maxRank: number) =>
  fc.array(extentOrNone, { minLength: minRank, maxLength: maxRank }).filter((shape) => elementCount(shape) <= LARGEST);

const f32 = (...shape: number[]): TensorType => ({ dtype: "float32", shape });
const integers = (values: readonly number[]) => knownType(hostTensor("int64", [values.length], values));

/** A shape and one of its axes, counted from either end. */
const shapeAndAxis = (minRank: number) =>
  shapeOf(minRank, 4).chain((shape) =>
    fc.record({ shape: fc.constant(shape), axis: fc.integer({ min: -shape.length, max: shape.length - 1 }) })
  );

/** Shapes that broadcast to one: leading axes missing, others of extent 1. */
const broadcastShapes = (count: number) =>
  shapeOf(0, 4).chain((shape) =>
    fc.tuple(
      ...Array.from({ length: count }, () =>
        fc.record({
          skipped: fc.integer({ min: 0, max: shape.length }),
          ones: fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }),
        }).map(({ skipped, ones }) => shape.map((own, axis) => ones[axis] ? 1 : own).slice(skipped))),
    )
  );

/** A picture or its like (one or two spatial axes), with windows that fit. */
const windows = (options: { readonly dilates: boolean }) =>
  fc.integer({ min: 1, max: 2 }).chain((rank) => {
    const each = <T>(one: fc.Arbitrary<T>) => fc.array(one, { minLength: rank, maxLength: rank });
    return fc.record({
      batch: fc.integer({ min: 1, max: 3 }),
      spatial: each(fc.constantFrom(5, 6, 7, 8, 9, 13, 16, 17)),
      kernel: each(fc.integer({ min: 1, max: 4 })),
      strides: each(fc.integer({ min: 1, max: 3 })),
      dilations: options.dilates ? each(fc.constantFrom(1, 1, 2)) : fc.constant(Array<number>(rank).fill(1)),
      begin: each(fc.integer({ min: 0, max: 2 })),
      end: each(fc.integer({ min: 0, max: 2 })),
    });
  }).filter(({ spatial, kernel, dilations }) =>
    spatial.every((length, axis) => (kernel[axis]! - 1) * dilations[axis]! < length)
  ).map(({ begin, end, kernel, ...rest }) => ({
    ...rest,
    kernel,
    // No window may lie in the padding alone.
    pads: [...begin, ...end].map((pad, place) => Math.min(pad, kernel[place % kernel.length]! - 1)),
  }));

const axesOf = (rank: number) =>
  fc.record({
    axes: fc.subarray(Array.from({ length: rank }, (_, axis) => axis), { minLength: Math.min(1, rank) }),
    fromEnd: fc.boolean(),
  }).map(({ axes, fromEnd }) => fromEnd ? axes.map((axis) => axis - rank) : axes);

export const FAMILIES: Readonly<Record<string, Family>> = {
  unary: {
    operators: [
      ...[
        "Relu",
        "LeakyRelu",
        "Elu",
        "Selu",
        "Celu",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Tanh",
        "Gelu",
        "Softplus",
      ],
      ...["Softsign", "ThresholdedRelu", "Mish", "Abs", "Neg", "Sign", "Floor", "Ceil", "Round", "Sqrt", "Reciprocal"],
      ...["Exp", "Log", "Erf", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"],
      ...["Not", "IsNaN", "Identity", "Clip"],
    ],
    draw: (dtype) => shapeOf(0, 4).map((shape) => ({ inputs: [{ dtype, shape }] })),
  },
  binary: {
    operators: [
      ...["Add", "Sub", "Mul", "Div", "Pow", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or"],
      ...["Xor", "Max", "Min", "Sum", "Mean"],
    ],
    draw: (dtype) => broadcastShapes(2).map((shapes) => ({ inputs: shapes.map((shape) => ({ dtype, shape })) })),
  },
  where: {
    operators: ["Where"],
    draw: () =>
      broadcastShapes(3).map(([condition, a, b]) => ({
        inputs: [{ dtype: "bool", shape: condition! }, f32(...a!), f32(...b!)],
      })),
  },
  reduce: {
    operators: [
      ...["ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"],
      ...["ReduceMax", "ReduceMin"],
    ],
    draw: () =>
      shapeOf(1, 4).filter((shape) => !shape.includes(0)).chain((shape) =>
        fc.record({ axes: axesOf(shape.length), keepdims: fc.constantFrom(0, 1) }).map(({ axes, keepdims }) => ({
          inputs: [f32(...shape), integers(axes)],
          attributes: { keepdims },
        }))
      ),
  },
  axis: {
    operators: ["Softmax", "LogSoftmax", "Hardmax"],
    draw: () => shapeAndAxis(1).map(({ shape, axis }) => ({ inputs: [f32(...shape)], attributes: { axis } })),
  },
  argExtreme: {
    operators: ["ArgMax", "ArgMin"],
    draw: () =>
      fc.record({ at: shapeAndAxis(1), keepdims: fc.constantFrom(0, 1), last: fc.constantFrom(0, 1) })
        .filter(({ at }) => !at.shape.includes(0)).map(({ at: { shape, axis }, keepdims, last }) => ({
          inputs: [f32(...shape)],
          attributes: { axis, keepdims, select_last_index: last },
        })),
  },
  cumSum: {
    operators: ["CumSum"],
    draw: () =>
      fc.record({ at: shapeAndAxis(1), exclusive: fc.constantFrom(0, 1), reverse: fc.constantFrom(0, 1) }).map((
        one,
      ) => ({
        inputs: [f32(...one.at.shape), knownType(hostTensor("int64", [], [one.at.axis]))],
        attributes: { exclusive: one.exclusive, reverse: one.reverse },
      })),
  },
  topK: {
    operators: ["TopK"],
    draw: () =>
      shapeAndAxis(1).chain(({ shape, axis }) =>
        fc.record({ k: fc.integer({ min: 0, max: shape.at(axis)! }), largest: fc.constantFrom(0, 1) }).map((one) => ({
          inputs: [f32(...shape), integers([one.k])],
          attributes: { axis, largest: one.largest },
          outputs: 2,
        }))
      ),
  },
  transpose: {
    operators: ["Transpose"],
    draw: () =>
      shapeOf(0, 5).chain((shape) =>
        fc.shuffledSubarray(shape.map((_, axis) => axis), { minLength: shape.length }).map((perm) => ({
          inputs: [f32(...shape)],
          attributes: perm.length === 0 ? {} : { perm },
        }))
      ),
  },
  slice: {
    operators: ["Slice"],
    draw: () =>
      shapeAndAxis(1).chain(({ shape, axis }) =>
        fc.record({
          start: fc.integer({ min: -70, max: 70 }),
          end: fc.integer({ min: -70, max: 70 }),
          step: fc.constantFrom(1, 2, 3, -1, -2),
        }).map(({ start, end, step }) => ({
          inputs: [f32(...shape), integers([start]), integers([end]), integers([axis]), integers([step])],
        }))
      ),
  },
  pad: {
    operators: ["Pad"],
    draw: () =>
      shapeOf(1, 4).filter((shape) => elementCount(shape) <= 600).chain((shape) =>
        fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 2 * shape.length, maxLength: 2 * shape.length })
          .map((pads) => ({ inputs: [f32(...shape), integers(pads)] }))
      ),
  },
  concat: {
    operators: ["Concat"],
    draw: () =>
      shapeAndAxis(1).chain(({ shape, axis }) =>
        fc.array(extentOrNone, { minLength: 1, maxLength: 5 }).map((extents) => ({
          inputs: extents.map((own) => f32(...shape.with(axis, own))),
          attributes: { axis },
        }))
      ).filter(({ inputs }) => inputs.every(({ shape }) => elementCount(shape) <= LARGEST)),
  },
  split: {
    operators: ["Split"],
    draw: () =>
      shapeAndAxis(1).chain(({ shape, axis }) =>
        fc.array(extentOrNone, { minLength: 1, maxLength: 4 }).map((parts) => ({
          inputs: [f32(...shape.with(axis, parts.reduce((sum, part) => sum + part, 0))), integers(parts)],
          attributes: { axis },
          outputs: parts.length,
        }))
      ).filter(({ inputs }) => elementCount(inputs[0]!.shape) <= LARGEST),
  },
  tile: {
    operators: ["Tile"],
    draw: () =>
      shapeOf(1, 3).filter((shape) => elementCount(shape) <= 600).chain((shape) =>
        fc.array(fc.integer({ min: 1, max: 3 }), { minLength: shape.length, maxLength: shape.length })
          .map((repeats) => ({ inputs: [f32(...shape), integers(repeats)] }))
      ),
  },
  expand: {
    operators: ["Expand"],
    draw: () => broadcastShapes(2).map(([own, target]) => ({ inputs: [f32(...own!), integers(target!)] })),
  },
  gather: {
    operators: ["Gather"],
    draw: () =>
      shapeAndAxis(1).filter(({ shape }) => !shape.includes(0)).chain(({ shape, axis }) => {
        const own = shape.at(axis)!;
        return fc.array(fc.integer({ min: -own, max: own - 1 }), { maxLength: 9 }).map((places) => ({
          inputs: [f32(...shape), integers(places)],
          attributes: { axis },
        }));
      }),
  },
  trilu: {
    operators: ["Trilu"],
    draw: () =>
      fc.record({ shape: shapeOf(2, 4), k: fc.integer({ min: -5, max: 5 }), upper: fc.constantFrom(0, 1) }).map((
        one,
      ) => ({
        inputs: [f32(...one.shape), knownType(hostTensor("int64", [], [one.k]))],
        attributes: { upper: one.upper },
      })),
  },
  matmul: {
    operators: ["MatMul"],
    draw: () =>
      fc.record({ m: extent, k: extentOrNone, n: extent, batches: broadcastShapes(2) })
        .map(({ m, k, n, batches: [a, b] }) => ({ inputs: [f32(...a!, m, k), f32(...b!, k, n)] }))
        .filter(({ inputs }) => inputs.every(({ shape }) => elementCount(shape) <= 4 * LARGEST)),
  },
  gemm: {
    operators: ["Gemm"],
    draw: () =>
      fc.record({
        m: extent,
        k: extentOrNone,
        n: extent,
        transA: fc.constantFrom(0, 1),
        transB: fc.constantFrom(0, 1),
        alpha: fc.constantFrom(1, 0.5),
        bias: fc.constantFrom("none", "scalar", "row", "column", "whole"),
      }).map(({ m, k, n, transA, transB, alpha, bias }) => {
        const c = { none: [], scalar: [f32()], row: [f32(n)], column: [f32(m, 1)], whole: [f32(m, n)] }[bias]!;
        const [a, b] = [transA ? f32(k, m) : f32(m, k), transB ? f32(n, k) : f32(k, n)];
        return { inputs: [a, b, ...c], attributes: { transA, transB, ...(alpha === 1 ? {} : { alpha }) } };
      }),
  },
  conv: {
    operators: ["Conv"],
    draw: () =>
      fc.record({ at: windows({ dilates: true }), ...channels() }).map(({ at, group, from, to, hasBias }) => ({
        inputs: [
          f32(at.batch, group * from, ...at.spatial),
          f32(group * to, from, ...at.kernel),
          ...hasBias ? [f32(group * to)] : [],
        ],
        attributes: { group, strides: at.strides, dilations: at.dilations, pads: at.pads },
      })),
  },
  convTranspose: {
    operators: ["ConvTranspose"],
    draw: () =>
      fc.record({ at: windows({ dilates: false }), ...channels() }).map(({ at, group, from, to, hasBias }) => ({
        inputs: [
          f32(at.batch, group * from, ...at.spatial),
          f32(group * from, to, ...at.kernel),
          ...hasBias ? [f32(group * to)] : [],
        ],
        attributes: { group, strides: at.strides, pads: at.pads },
      })),
  },
  pool: {
    operators: ["MaxPool", "AveragePool", "LpPool"],
    draw: () =>
      fc.record({ at: windows({ dilates: false }), channels: fc.constantFrom(1, 3, 4, 5), ceil: fc.constantFrom(0, 1) })
        .map(({ at, channels, ceil }) => ({
          inputs: [f32(at.batch, channels, ...at.spatial)],
          attributes: { kernel_shape: at.kernel, strides: at.strides, pads: at.pads, ceil_mode: ceil },
        })),
  },
  globalPool: {
    operators: ["GlobalAveragePool", "GlobalMaxPool"],
    draw: () => pictures().map((shape) => ({ inputs: [f32(...shape)] })),
  },
  channelNormalization: {
    operators: ["InstanceNormalization"],
    draw: () => pictures().map((shape) => ({ inputs: [f32(...shape), f32(shape[1]!), f32(shape[1]!)] })),
  },
  layerNormalization: {
    operators: ["LayerNormalization"],
    draw: () =>
      shapeAndAxis(1).filter(({ shape }) => elementCount(shape) > 0).map(({ shape, axis }) => {
        const normalized = shape.slice(axis);
        return { inputs: [f32(...shape), f32(...normalized), f32(...normalized)], attributes: { axis } };
      }),
  },
  blocks: {
    operators: ["DepthToSpace"],
    draw: () =>
      fc.record({
        block: fc.integer({ min: 1, max: 3 }),
        batch: extentOrNone,
        channels: fc.integer({ min: 1, max: 5 }),
      })
        .chain(({ block, batch, channels }) =>
          fc.record({ height: extent, width: extent, mode: fc.constantFrom("DCR", "CRD") }).map((one) => ({
            inputs: [f32(Math.min(batch, 3), channels * block ** 2, Math.min(one.height, 9), Math.min(one.width, 9))],
            attributes: { blocksize: block, mode: one.mode },
          }))
        ),
  },
  resize: {
    operators: ["Resize"],
    draw: () =>
      fc.record({
        shape: pictures(),
        sizes: fc.tuple(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 })),
        mode: fc.constantFrom("nearest", "linear", "cubic"),
        coordinates: fc.constantFrom("half_pixel", "asymmetric", "align_corners"),
      }).filter(({ shape }) => shape.length === 4).map(({ shape, sizes, mode, coordinates }) => ({
        inputs: [f32(...shape), undefined, undefined, integers([shape[0]!, shape[1]!, ...sizes])],
        attributes: { mode, coordinate_transformation_mode: coordinates },
      })),
  },
};

function channels() {
  return {
    group: fc.constantFrom(1, 2, 3),
    from: fc.constantFrom(1, 3, 4, 5, 8, 17),
    to: fc.constantFrom(1, 3, 4, 5, 8, 17),
    hasBias: fc.boolean(),
  };
}

function pictures() {
  return fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.constantFrom(1, 3, 4, 5),
    fc.array(fc.constantFrom(1, 2, 3, 5, 7, 8, 9, 17), { minLength: 1, maxLength: 2 }),
  ).map(([batch, count, spatial]) => [batch, count, ...spatial]);
}
