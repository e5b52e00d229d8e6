/** Cases of operators that reduce, sort or accumulate along axes. */
import fc from "fast-check";
import {
  axesOf,
  eachOf,
  f32,
  type Families,
  filledShapeOf,
  flag,
  integers,
  known,
  pictures,
  shapeAndAxis,
  shapeOf,
  smallExtent,
} from "./drawing.ts";
import { elementCount } from "../../../src/base/tensor.ts";

const REDUCTIONS = [
  ...["ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"],
  ...["ReduceMax", "ReduceMin", "ReduceProd"],
];

/** Terms of equations; a label has one extent in all of them. */
const EQUATIONS = [
  ...[
    "ij,jk->ik",
    "bij,bjk->bik",
    "bhid,bhjd->bhij",
    "bqhd,bkhd->bhqk",
    "i,j->ij",
    "ij->ji",
    "ij->",
    "ii->i",
    "bii->b",
  ],
  ...["abc,cad->bd", "ij,ij->", "ijk->kj", "bi,oij,bj->bo", "bchw,bkc->bkhw", "ab,ab->a", "a,a"],
];

export const REDUCING: Families = {
  reduce: {
    operators: REDUCTIONS,
    draw: () =>
      filledShapeOf(1, 4).chain((shape) =>
        fc.record({ axes: axesOf(shape.length), keepdims: flag }).map(({ axes, keepdims }) => ({
          inputs: [f32(...shape), integers(axes)],
          attributes: { keepdims },
        }))
      ),
  },
  reduceByAttribute: {
    operators: REDUCTIONS,
    draw: () =>
      filledShapeOf(0, 5).chain((shape) =>
        fc.record({ axes: axesOf(shape.length), keepdims: flag }).map(({ axes, keepdims }) => ({
          inputs: [f32(...shape)],
          attributes: { keepdims, ...axes.length > 0 ? { axes } : {} },
          opset: 12,
        }))
      ),
  },
  axis: {
    operators: ["Softmax", "LogSoftmax", "Hardmax"],
    draw: () => shapeAndAxis(1).map(({ shape, axis }) => ({ inputs: [f32(...shape)], attributes: { axis } })),
  },
  flattenedAxis: {
    operators: ["Softmax", "LogSoftmax", "Hardmax"],
    draw: () =>
      shapeAndAxis(1).map(({ shape, axis }) => ({ inputs: [f32(...shape)], attributes: { axis }, opset: 11 })),
  },
  argExtreme: {
    operators: ["ArgMax", "ArgMin"],
    draw: () =>
      fc.record({ at: shapeAndAxis(1), keepdims: flag, last: flag })
        .filter(({ at }) => !at.shape.includes(0)).map(({ at: { shape, axis }, keepdims, last }) => ({
          inputs: [f32(...shape)],
          attributes: { axis, keepdims, select_last_index: last },
        })),
  },
  cumSum: {
    operators: ["CumSum"],
    draw: () =>
      fc.record({ at: shapeAndAxis(1), exclusive: flag, reverse: flag }).map((
        { at: { shape, axis }, ...attributes },
      ) => ({
        inputs: [f32(...shape), integers([axis], [])],
        attributes,
      })),
  },
  topK: {
    operators: ["TopK"],
    draw: () =>
      shapeAndAxis(1).chain(({ shape, axis }) =>
        fc.record({ k: fc.integer({ min: 0, max: shape.at(axis)! }), largest: flag }).map(({ k, largest }) => ({
          inputs: [f32(...shape), integers([k])],
          attributes: { axis, largest },
          outputs: 2,
        }))
      ),
  },
  einsum: {
    operators: ["Einsum"],
    draw: () =>
      fc.constantFrom(...EQUATIONS).chain((equation) => {
        const labels = [...new Set(equation.match(/[a-z]/g))];
        return eachOf(labels, () => smallExtent).map((extents) => ({
          inputs: equation.split("->")[0]!.split(",").map((term) =>
            f32(...[...term].map((label) => extents[labels.indexOf(label)]!))
          ),
          attributes: { equation },
        }));
      }).filter(({ inputs }) => inputs.every(({ shape }) => elementCount(shape) <= 600)),
  },
  determinant: {
    operators: ["Det"],
    draw: () =>
      fc.record({ batches: shapeOf(0, 2), order: fc.integer({ min: 1, max: 9 }) })
        .filter(({ batches }) => elementCount(batches) <= 70)
        .map(({ batches, order }) => ({
          inputs: [f32(...batches, order, order)],
          range: [-1, 1],
          tolerance: { relative: 1e-3, absolute: 1e-3, reason: "elimination rounds at every step" },
        })),
  },
  globalPool: {
    operators: ["GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"],
    draw: () => pictures().map((shape) => ({ inputs: [f32(...shape)] })),
  },
  sampleStatistics: {
    domain: "holdfast",
    operators: ["SampleRange"],
    draw: () => filledShapeOf(1, 4).map((shape) => ({ inputs: [f32(...shape)] })),
  },
  sampleError: {
    domain: "holdfast",
    operators: ["SampleError"],
    draw: () =>
      filledShapeOf(1, 4).map((shape) => ({
        inputs: [f32(...shape), f32(...shape)],
        tolerance: { relative: 1e-6, absolute: 1e-4, reason: "float32 sums in another order" },
      })),
  },
  sampleHistogram: {
    domain: "holdfast",
    operators: ["SampleHistogram"],
    draw: () =>
      fc.record({ shape: filledShapeOf(1, 4), bins: fc.constantFrom(1, 7, 64, 2048), low: fc.constantFrom(-4.5, 0.5) })
        .map(({ shape, bins, low }) => ({ inputs: [f32(...shape)], attributes: { low, high: 4.5, bins } })),
  },
  channelQuantile: {
    domain: "holdfast",
    operators: ["ChannelQuantile"],
    draw: () =>
      fc.record({
        shape: filledShapeOf(2, 4),
        axis: fc.constantFrom(1, -1),
        q: fc.constantFrom(0, 0.25, 0.5, 0.999, 1),
      })
        .map(({ shape, ...attributes }) => ({ inputs: [f32(...shape)], attributes })),
  },
  channelMean: {
    domain: "holdfast",
    operators: ["ChannelMean"],
    draw: () =>
      filledShapeOf(2, 4).chain((shape) =>
        fc.constantFrom(1, -1).map((axis) => ({ inputs: [f32(...shape)], attributes: { axis } }))
      ),
  },
  fourier: {
    operators: ["DFT"],
    draw: () =>
      fc.record({
        shape: filledShapeOf(1, 3),
        kind: fc.constantFrom("real", "complex", "oneSided", "inverse", "realInverse"),
        size: fc.constantFrom(undefined, 1, 6, 9),
        at: fc.nat(),
      }).map(({ shape, kind, size, at }) => {
        const axis = at % shape.length;
        const isComplex = kind !== "real" && kind !== "oneSided";
        // Half a spectrum of one element would be that of no signal.
        const length = size ?? (kind === "realInverse" && shape[axis] === 1 ? 2 : undefined);
        return {
          inputs: [
            f32(...shape, isComplex ? 2 : 1),
            length === undefined ? undefined : integers([length], []),
            integers([axis - shape.length - 1], []),
          ],
          attributes: {
            inverse: kind === "inverse" || kind === "realInverse" ? 1 : 0,
            onesided: kind === "oneSided" || kind === "realInverse" ? 1 : 0,
          },
          range: [-1, 1],
          tolerance: { absolute: 1e-3, reason: "sums of many terms in another order" },
        };
      }),
  },
  frames: {
    operators: ["STFT"],
    draw: () =>
      fc.record({
        batch: fc.integer({ min: 1, max: 3 }),
        size: fc.constantFrom(1, 4, 7, 16, 33),
        more: fc.integer({ min: 0, max: 40 }),
        step: fc.integer({ min: 1, max: 9 }),
        onesided: flag,
        hasWindow: fc.boolean(),
      }).map(({ batch, size, more, step, onesided, hasWindow }) => ({
        inputs: [
          f32(batch, size + more, 1),
          integers([step], []),
          hasWindow ? f32(size) : undefined,
          integers([size], []),
        ],
        attributes: { onesided },
        range: [-1, 1],
      })),
  },
  melBands: {
    operators: ["MelWeightMatrix"],
    draw: () =>
      fc.record({
        bands: fc.integer({ min: 1, max: 40 }),
        length: fc.constantFrom(8, 33, 512),
        low: fc.constantFrom(0, 60),
        high: fc.constantFrom(3000, 4000),
      }).map(({ bands, length, low, high }) => ({
        inputs: [
          ...[bands, length, 8000].map((one) => integers([one], [])),
          ...[low, high].map((one) => known("float32", [one], [])),
        ],
      })),
  },
};
