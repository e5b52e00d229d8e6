/** Cases of operators that move elements, or make them by rule. */
import fc from "fast-check";
import { elementCount, hostTensor, type TensorType } from "../../../src/base/tensor.ts";
import {
  axesOf,
  broadcastShapes,
  type DrawnCase,
  extent,
  extentOrNone,
  f32,
  type Families,
  flag,
  integers,
  known,
  LARGEST,
  listOf,
  shapeAndAxis,
  shapeOf,
  smallExtent,
} from "./drawing.ts";

/** A shape whose elements are those of another one, by merging neighbouring axes. */
const merged = (shape: readonly number[]) =>
  listOf(shape.length, fc.boolean()).map((joins) =>
    shape.reduce<number[]>((axes, own, axis) => {
      if (axis > 0 && joins[axis]) axes.push(axes.pop()! * own);
      else axes.push(own);
      return axes;
    }, [])
  );

export const MOVEMENT: Families = {
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
  reshape: {
    operators: ["Reshape"],
    draw: () =>
      shapeOf(0, 4).chain((shape) =>
        fc.record({ target: merged(shape), open: fc.nat(), copies: fc.boolean() }).map(({ target, open, copies }) => {
          const wanted = [...target];
          if (target.length > 0 && !target.includes(0)) wanted[open % target.length] = -1;
          // 0 copies the extent at the same place.
          if (copies && wanted[0] === shape[0] && shape[0] !== undefined) wanted[0] = 0;
          const isLiteral = target.includes(0) && !(copies && wanted[0] === 0 && shape[0] === 0);
          return { inputs: [f32(...shape), integers(wanted)], attributes: { allowzero: Number(isLiteral) } };
        })
      ),
  },
  flatten: {
    operators: ["Flatten"],
    draw: () =>
      shapeOf(0, 4).chain((shape) =>
        fc.integer({ min: -shape.length, max: shape.length }).map((axis) => ({
          inputs: [f32(...shape)],
          attributes: { axis },
        }))
      ),
  },
  squeeze: {
    operators: ["Squeeze"],
    draw: () =>
      shapeOf(1, 4).chain((shape) =>
        fc.record({ axes: axesOf(shape.length), isOld: fc.boolean() }).map(({ axes, isOld }): DrawnCase => {
          const ones = axes.reduce((own, axis) => own.with(axis, 1), shape);
          return isOld
            ? { inputs: [f32(...ones)], attributes: { axes }, opset: 11 }
            : { inputs: [f32(...ones), integers(axes)] };
        })
      ),
  },
  unsqueeze: {
    operators: ["Unsqueeze"],
    draw: () =>
      fc.record({ shape: shapeOf(0, 3), more: fc.integer({ min: 1, max: 2 }) }).chain(({ shape, more }) => {
        const rank = shape.length + more;
        return fc.record({
          axes: fc.shuffledSubarray(Array.from({ length: rank }, (_, axis) => axis), {
            minLength: more,
            maxLength: more,
          }),
          fromEnd: listOf(more, fc.boolean()),
          isOld: fc.boolean(),
        }).map(({ axes, fromEnd, isOld }): DrawnCase => {
          const wanted = axes.map((axis, place) => fromEnd[place] ? axis - rank : axis);
          return isOld
            ? { inputs: [f32(...shape)], attributes: { axes: wanted }, opset: 11 }
            : { inputs: [f32(...shape), integers(wanted)] };
        });
      }),
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
        fc.record({ pads: listOf(2 * shape.length, fc.integer({ min: -1, max: 3 })), value: fc.boolean() })
          .map(({ pads, value }) => ({
            // An axis cannot lose more than it has.
            inputs: [
              f32(...shape.map((own) => Math.max(own, 2))),
              integers(pads),
              value ? known("float32", [1.5], []) : undefined,
            ],
          }))
      ),
  },
  padByNeighbours: {
    operators: ["Pad"],
    draw: () =>
      fc.array(fc.constantFrom(4, 5, 8, 9, 17), { minLength: 1, maxLength: 4 })
        .filter((shape) => elementCount(shape) <= 2000).chain((shape) =>
          fc.record({
            pads: listOf(2 * shape.length, fc.integer({ min: 0, max: 3 })),
            mode: fc.constantFrom("reflect", "edge", "wrap"),
          }).map(({ pads, mode }) => ({ inputs: [f32(...shape), integers(pads)], attributes: { mode } }))
        ),
  },
  centerCropPad: {
    operators: ["CenterCropPad"],
    draw: () =>
      fc.array(smallExtent, { minLength: 1, maxLength: 4 }).chain((shape) =>
        axesOf(shape.length).chain((axes) =>
          listOf(axes.length, smallExtent).map((extents) => ({
            inputs: [f32(...shape), integers(extents)],
            attributes: { axes },
          }))
        )
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
        listOf(shape.length, fc.integer({ min: 0, max: 3 })).map((repeats) => ({
          inputs: [f32(...shape), integers(repeats)],
        }))
      ),
  },
  expand: {
    operators: ["Expand"],
    draw: () => broadcastShapes(2).map(([own, target]) => ({ inputs: [f32(...own!), integers(target!)] })),
  },
  trilu: {
    operators: ["Trilu"],
    draw: () =>
      fc.record({ shape: shapeOf(2, 4), k: fc.integer({ min: -5, max: 5 }), upper: flag }).map((
        { shape, k, upper },
      ) => ({
        inputs: [f32(...shape), integers([k], [])],
        attributes: { upper },
      })),
  },
  depthToSpace: {
    operators: ["DepthToSpace"],
    draw: () =>
      fc.record({ block: fc.integer({ min: 1, max: 3 }), batch: fc.integer({ min: 0, max: 3 }), channels: smallExtent })
        .chain(({ block, batch, channels }) =>
          fc.record({ height: smallExtent, width: smallExtent, mode: fc.constantFrom("DCR", "CRD") }).map((one) => ({
            inputs: [f32(batch, channels * block ** 2, one.height, one.width)],
            attributes: { blocksize: block, mode: one.mode },
          }))
        ),
  },
  spaceToDepth: {
    operators: ["SpaceToDepth"],
    draw: () =>
      fc.record({
        block: fc.integer({ min: 1, max: 3 }),
        batch: fc.integer({ min: 0, max: 3 }),
        channels: smallExtent,
        height: smallExtent,
        width: smallExtent,
      }).map(({ block, batch, channels, height, width }) => ({
        inputs: [f32(batch, channels, height * block, width * block)],
        attributes: { blocksize: block },
      })),
  },
  reverseSequence: {
    operators: ["ReverseSequence"],
    draw: () =>
      fc.record({
        steps: extent,
        batch: smallExtent,
        rest: fc.array(smallExtent, { maxLength: 2 }),
        isBatchFirst: flag,
      })
        .chain(({ steps, batch, rest, isBatchFirst }) =>
          listOf(batch, fc.integer({ min: 0, max: steps })).map((lengths) => ({
            inputs: [f32(...isBatchFirst ? [batch, steps] : [steps, batch], ...rest), integers(lengths)],
            attributes: { time_axis: isBatchFirst, batch_axis: 1 - isBatchFirst },
          }))
        ),
  },
  shapeQuery: {
    operators: ["Shape"],
    draw: () =>
      fc.record({ shape: shapeOf(0, 5), start: fc.integer({ min: -6, max: 6 }), end: fc.integer({ min: -6, max: 6 }) })
        .map(({ shape, start, end }) => ({ inputs: [f32(...shape)], attributes: { start, end } })),
  },
  literal: {
    operators: ["Constant"],
    draw: () =>
      fc.record({ shape: shapeOf(0, 3), value: fc.integer({ min: -9, max: 9 }) }).map(({ shape, value }) => ({
        inputs: [],
        attributes: { value: hostTensor("int32", shape, new Array(elementCount(shape)).fill(value)) },
      })),
  },
  filled: {
    operators: ["ConstantOfShape"],
    draw: () =>
      fc.record({ shape: shapeOf(0, 4), value: fc.constantFrom(-1.5, 0, 3) }).map(({ shape, value }) => ({
        inputs: [integers(shape)],
        attributes: { value: hostTensor("float32", [1], [value]) },
      })),
  },
  diagonal: {
    operators: ["EyeLike"],
    draw: () =>
      fc.record({ shape: shapeOf(2, 2), k: fc.integer({ min: -9, max: 9 }) })
        .map(({ shape, k }) => ({ inputs: [f32(...shape)], attributes: { k } })),
  },
  range: {
    operators: ["Range"],
    draw: () =>
      fc.record({
        start: fc.integer({ min: -70, max: 70 }),
        limit: fc.integer({ min: -70, max: 70 }),
        step: fc.constantFrom(1, 2, 3, -1, -2, 0.5),
      }).map(({ start, limit, step }) => {
        const scalar = (value: number): TensorType =>
          Number.isInteger(step) ? integers([value], []) : known("float32", [value], []);
        return { inputs: [start, limit, step].map(scalar) };
      }),
  },
  cosineWindow: {
    operators: ["HannWindow", "HammingWindow", "BlackmanWindow"],
    draw: () =>
      fc.record({ size: fc.integer({ min: 2, max: 70 }), periodic: flag })
        .map(({ size, periodic }) => ({ inputs: [integers([size], [])], attributes: { periodic } })),
  },
};
