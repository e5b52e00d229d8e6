/** Cases of matrix products, recurrent cells, and operators on 8-bit codes. */
import fc from "fast-check";
import { type DType, elementCount, type TensorType } from "../../../src/base/tensor.ts";
import {
  broadcastShapes,
  type DrawnCase,
  extent,
  extentOrNone,
  f32,
  type Families,
  filledShapeOf,
  flag,
  known,
  LARGEST,
  shapeOf,
  smallExtent,
  typed,
} from "./drawing.ts";
import { windows } from "./windows.ts";

const CODE = fc.constantFrom("uint8" as const, "int8" as const);

/** Few enough that references and sums of products stay quick. */
const isSmall = ({ inputs }: DrawnCase) => inputs.every((one) => elementCount(one?.shape ?? []) <= 4 * LARGEST);

/** Powers of two: their products and quotients are exact, so that no rounding decides between two codes. */
const powers = (count: number, first: number) =>
  known("float32", Array.from({ length: count }, (_, place) => first * 2 ** -(place % 3)));

const zeros = (dtype: DType, count: number): TensorType =>
  known(dtype, Array.from({ length: count }, (_, place) => (dtype === "uint8" ? 3 : -2) + place % 4));

export const PRODUCTS: Families = {
  matmul: {
    operators: ["MatMul"],
    draw: () =>
      fc.record({ m: extent, k: extentOrNone, n: extent, batches: broadcastShapes(2) })
        .map(({ m, k, n, batches: [a, b] }) => ({ inputs: [f32(...a!, m, k), f32(...b!, k, n)] }))
        .filter(isSmall),
  },
  vectors: {
    operators: ["MatMul"],
    draw: () =>
      fc.record({ k: extentOrNone, n: extent, more: shapeOf(0, 1), isLeft: fc.boolean(), both: fc.boolean() })
        .map(({ k, n, more, isLeft, both }) => ({
          inputs: both ? [f32(k), f32(k)] : isLeft ? [f32(k), f32(...more, k, n)] : [f32(...more, n, k), f32(k)],
        })).filter(isSmall),
  },
  gemm: {
    operators: ["Gemm"],
    draw: () =>
      fc.record({
        m: extent,
        k: extentOrNone,
        n: extent,
        transA: flag,
        transB: flag,
        alpha: fc.constantFrom(1, 0.5),
        beta: fc.constantFrom(1, 0.25),
        bias: fc.constantFrom("none", "scalar", "row", "column", "whole"),
      }).map(({ m, k, n, transA, transB, alpha, beta, bias }) => {
        const c = { none: [], scalar: [f32()], row: [f32(n)], column: [f32(m, 1)], whole: [f32(m, n)] }[bias]!;
        const [a, b] = [transA ? f32(k, m) : f32(m, k), transB ? f32(n, k) : f32(k, n)];
        const scales = { ...alpha === 1 ? {} : { alpha }, ...beta === 1 ? {} : { beta } };
        return { inputs: [a, b, ...c], attributes: { transA, transB, ...scales } };
      }),
  },
  ...Object.fromEntries(
    Object.entries({ RNN: 1, GRU: 3, LSTM: 4 }).map((
      [type, gates],
    ) => [type, { operators: [type], draw: () => cell(gates) }]),
  ),
  matmulInteger: {
    operators: ["MatMulInteger"],
    draw: () =>
      fc.record({
        m: smallExtent,
        k: extent,
        n: smallExtent,
        batches: broadcastShapes(2),
        a: CODE,
        b: CODE,
        zeros: flag,
      })
        .map(({ m, k, n, batches: [left, right], a, b, zeros: count }): DrawnCase => ({
          inputs: [
            typed(a, ...left!, m, k),
            typed(b, ...right!, k, n),
            ...count ? [typed(a), typed(b, n)] : [],
          ],
          range: [0, 120],
        })).filter(isSmall),
  },
  quantizedMatmul: {
    operators: ["QLinearMatMul"],
    draw: () =>
      fc.record({ m: smallExtent, k: extent, n: smallExtent, dtype: CODE, isPerColumn: fc.boolean() })
        .map(({ m, k, n, dtype, isPerColumn }): DrawnCase => ({
          inputs: [
            typed(dtype, m, k),
            powers(1, 1 / 8),
            zeros(dtype, 1),
            typed(dtype, k, n),
            powers(isPerColumn ? n : 1, 1 / 16),
            zeros(dtype, isPerColumn ? n : 1),
            powers(1, 4),
            zeros(dtype, 1),
          ],
          range: [0, 120],
        })),
  },
  integerConv: {
    operators: ["ConvInteger"],
    draw: () =>
      integerWindows.map(({ attributes, x, w, a, b, hasZeros }): DrawnCase => ({
        inputs: [typed(a, ...x), typed(b, ...w), ...hasZeros ? [typed(a), typed(b, w[0]!)] : []],
        attributes,
        range: [0, 120],
      })),
  },
  quantizedConv: {
    operators: ["QLinearConv"],
    draw: () =>
      integerWindows.map(({ attributes, x, w, a, b, hasZeros, hasBias }): DrawnCase => ({
        inputs: [
          typed(a, ...x),
          powers(1, 1 / 8),
          zeros(a, 1),
          typed(b, ...w),
          powers(hasZeros ? w[0]! : 1, 1 / 16),
          zeros(b, hasZeros ? w[0]! : 1),
          powers(1, 4),
          zeros(a, 1),
          ...hasBias ? [typed("int32", w[0]!)] : [],
        ],
        attributes,
        range: [0, 120],
      })),
  },
  quantize: {
    operators: ["QuantizeLinear"],
    draw: () =>
      scaled.map(({ shape, axis, layout, dtype }): DrawnCase => ({
        inputs: [f32(...shape), ...layout(dtype)],
        attributes: { axis },
        range: [-40, 40],
      })),
  },
  dequantize: {
    operators: ["DequantizeLinear"],
    draw: () =>
      scaled.map(({ shape, axis, layout, dtype }): DrawnCase => ({
        inputs: [typed(dtype, ...shape), ...layout(dtype)],
        attributes: { axis },
        range: dtype === "uint8" ? [0, 255] : [-128, 127],
      })),
  },
  quantizeBlocks: {
    operators: ["QuantizeLinear", "DequantizeLinear"],
    draw: (first) =>
      fc.record({ shape: filledShapeOf(1, 4), at: fc.nat(), block: fc.integer({ min: 1, max: 5 }) })
        .filter(({ shape }) => elementCount(shape) <= 600).map(({ shape, at, block }): DrawnCase => {
          const axis = at % shape.length;
          const scales = shape.with(axis, Math.ceil(shape[axis]! / block));
          const count = elementCount(scales);
          return {
            inputs: [
              typed(first === "float32" ? "float32" : "int8", ...shape),
              { ...powers(count, 1 / 2), shape: scales },
              { ...zeros("int8", count), shape: scales },
            ],
            attributes: { axis, block_size: block },
            range: [-40, 40],
          };
        }),
  },
  dynamicQuantize: {
    operators: ["DynamicQuantizeLinear"],
    draw: () =>
      fc.record({ shape: filledShapeOf(0, 4), range: fc.constantFrom<[number, number]>([-4, 4], [1, 9], [-9, -1]) })
        .map(({ shape, range }) => ({
          inputs: [f32(...shape)],
          outputs: 3,
          range,
          tolerance: { relative: 1e-6, reason: "WGSL's quotients may be off by 2.5 units in the last place" },
        })),
  },
};

/** A recurrent cell with so many gates: directions, layouts, lengths, initial states. */
function cell(gates: number): fc.Arbitrary<DrawnCase> {
  return fc.record({
    direction: fc.constantFrom("forward", "reverse", "bidirectional"),
    steps: fc.integer({ min: 1, max: 9 }),
    batch: fc.integer({ min: 1, max: 3 }),
    depth: fc.constantFrom(1, 3, 8, 17),
    hidden: fc.constantFrom(1, 3, 8, 17),
    given: fc.record({ bias: flag, lengths: flag, state: flag, variant: flag }),
    layout: flag,
    drops: fc.integer({ min: 0, max: 8 }),
  }).map(({ direction, steps, batch, depth, hidden, given, layout, drops }) => {
    const directions = direction === "bidirectional" ? 2 : 1;
    const state = layout ? f32(batch, directions, hidden) : f32(directions, batch, hidden);
    const lengths = Array.from({ length: batch }, (_, one) => Math.max(1, steps - one * drops));
    return {
      inputs: [
        layout ? f32(batch, steps, depth) : f32(steps, batch, depth),
        f32(directions, gates * hidden, depth),
        f32(directions, gates * hidden, hidden),
        given.bias ? f32(directions, 2 * gates * hidden) : undefined,
        given.lengths ? known("int32", lengths) : undefined,
        ...given.state ? [state] : [],
        ...given.state && gates === 4 ? [state] : [],
      ],
      attributes: {
        hidden_size: hidden,
        direction,
        layout,
        ...gates === 3 ? { linear_before_reset: given.variant } : gates === 4 ? { input_forget: given.variant } : {},
      },
      outputs: gates === 4 ? 3 : 2,
    };
  });
}

/** Convolutions of codes. */
const integerWindows = fc.record({
  at: windows({ dilates: true }),
  group: fc.constantFrom(1, 2),
  from: fc.constantFrom(1, 3, 4),
  to: fc.constantFrom(1, 3, 5),
  a: CODE,
  b: CODE,
  hasZeros: fc.boolean(),
  hasBias: fc.boolean(),
}).map(({ at, group, from, to, ...rest }) => ({
  ...rest,
  x: [at.batch, group * from, ...at.spatial],
  w: [group * to, from, ...at.kernel],
  attributes: { group, strides: at.strides, dilations: at.dilations, pads: at.pads },
}));

/** A tensor with one scale in all, or one for each index of an axis. */
const scaled = fc.record({
  shape: filledShapeOf(1, 4),
  at: fc.nat(),
  fromEnd: fc.boolean(),
  isPerAxis: fc.boolean(),
  dtype: CODE,
})
  .map(({ shape, at, fromEnd, isPerAxis, dtype }) => {
    const axis = at % shape.length;
    const one = isPerAxis ? shape[axis]! : 1;
    return {
      shape,
      dtype,
      axis: fromEnd ? axis - shape.length : axis,
      layout: (type: DType) =>
        isPerAxis
          ? [powers(one, 1 / 2), zeros(type, one)]
          : [{ ...powers(1, 1 / 2), shape: [] }, { ...zeros(type, 1), shape: [] }],
    };
  });
