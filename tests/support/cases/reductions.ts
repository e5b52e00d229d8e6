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
};
