/** Cases of operators that read or write where indices say. */
import fc from "fast-check";
import { elementCount, type TensorType } from "../../../src/base/tensor.ts";
import {
  type DrawnCase,
  extentOrNone,
  f32,
  type Families,
  filledShapeOf,
  flag,
  integers,
  known,
  listOf,
  placeIn,
  shapeAndAxis,
  shapeOf,
  smallExtent,
} from "./drawing.ts";

const filledShapeAndAxis = (minRank: number) => shapeAndAxis(minRank).filter(({ shape }) => !shape.includes(0));

/** An operand's shape, and indices that walk over it along an axis, none beyond the others' extents. */
const elementIndices = filledShapeAndAxis(1).chain(({ shape, axis }) =>
  fc.tuple(...shape.map((own, place) => {
    const along = place === (axis + shape.length) % shape.length;
    return along ? fc.integer({ min: 0, max: 9 }) : fc.integer({ min: 1, max: own });
  })).filter((own) => elementCount(own) <= 600).chain((own) =>
    listOf(elementCount(own), placeIn(shape.at(axis)!)).map((places) => ({
      shape,
      axis,
      indices: integers(places, own),
    }))
  )
);

/** Distinct places along the axis for every line: without a reduction the order of writes is open. */
const distinctIndices = filledShapeAndAxis(1).filter(({ shape }) => elementCount(shape) <= 600)
  .chain(({ shape, axis }) => {
    const own = shape.at(axis)!;
    return fc.shuffledSubarray(Array.from({ length: own }, (_, place) => place)).map((places) => {
      const lines = shape.with(axis, places.length);
      const at = (axis + shape.length) % shape.length;
      const inner = elementCount(shape.slice(at + 1));
      const values = Array.from(
        { length: elementCount(lines) },
        (_, index) => places[Math.floor(index / inner) % places.length]!,
      );
      return { shape, axis, lines, indices: integers(values, lines) };
    });
  });

const scattered: fc.Arbitrary<DrawnCase> = distinctIndices.map(({ shape, axis, lines, indices }) => ({
  inputs: [f32(...shape), indices, f32(...lines)],
  attributes: { axis },
}));

/** Tuples of indices into the axes after the batch axes. */
const tuples = (batchAxes: number) =>
  fc.array(smallExtent, { minLength: batchAxes + 1, maxLength: 4 }).chain((shape) =>
    fc.record({
      depth: fc.integer({ min: 1, max: shape.length - batchAxes }),
      count: fc.integer({ min: 0, max: 9 }),
    }).chain(({ depth, count }) => {
      const batch = shape.slice(0, batchAxes);
      const one = fc.tuple(...shape.slice(batchAxes, batchAxes + depth).map(placeIn));
      return listOf(elementCount(batch) * count, one).map((places) => ({
        shape,
        depth,
        count,
        indices: integers(places.flat(), [...batch, count, depth]),
      }));
    })
  );

const REDUCTIONS = ["add", "mul", "min", "max"];

export const INDEXING: Families = {
  gather: {
    operators: ["Gather"],
    draw: () =>
      filledShapeAndAxis(1).chain(({ shape, axis }) =>
        fc.record({ rows: fc.integer({ min: 0, max: 3 }), columns: smallExtent, rank: fc.integer({ min: 0, max: 2 }) })
          .chain(({ rows, columns, rank }) => {
            const own = [rows, columns].slice(2 - rank);
            return listOf(elementCount(own), placeIn(shape.at(axis)!)).map((places) => ({
              inputs: [f32(...shape), integers(places, own)],
              attributes: { axis },
            }));
          })
      ),
  },
  gatherElements: {
    operators: ["GatherElements"],
    draw: () =>
      elementIndices.map(({ shape, axis, indices }) => ({ inputs: [f32(...shape), indices], attributes: { axis } })),
  },
  gatherND: {
    operators: ["GatherND"],
    draw: () =>
      fc.integer({ min: 0, max: 2 }).chain((batchAxes) =>
        tuples(batchAxes).map(({ shape, indices }) => ({
          inputs: [f32(...shape), indices],
          attributes: { batch_dims: batchAxes },
        }))
      ),
  },
  scatter: { operators: ["ScatterElements"], draw: () => scattered },
  oldScatter: { operators: ["Scatter"], draw: () => scattered.map((drawn) => ({ ...drawn, opset: 10 })) },
  scatterReduced: {
    operators: ["ScatterElements"],
    draw: () =>
      fc.record({ one: elementIndices, reduction: fc.constantFrom(...REDUCTIONS) }).map((
        { one: { shape, axis, indices }, reduction },
      ) => ({
        inputs: [f32(...shape), indices, f32(...indices.shape)],
        attributes: { axis, reduction },
        range: [0.5, 1.5],
        tolerance: { relative: 1e-5, reason: "products and sums round in another order" },
      })),
  },
  scatterND: {
    operators: ["ScatterND"],
    draw: () =>
      fc.record({ one: tuples(0), reduction: fc.constantFrom(...REDUCTIONS) }).map((
        { one: { shape, depth, count, indices }, reduction },
      ) => ({
        inputs: [f32(...shape), indices, f32(count, ...shape.slice(depth))],
        attributes: { reduction },
        range: [0.5, 1.5],
        tolerance: { relative: 1e-5, reason: "products and sums round in another order" },
      })),
  },
  scatterNDDistinct: {
    operators: ["ScatterND"],
    draw: () =>
      filledShapeOf(1, 4).chain((shape) =>
        fc.shuffledSubarray(Array.from({ length: shape[0]! }, (_, place) => place)).map((places) => ({
          inputs: [f32(...shape), integers(places, [places.length, 1]), f32(places.length, ...shape.slice(1))],
        }))
      ),
  },
  oneHot: {
    operators: ["OneHot"],
    draw: () =>
      fc.record({ shape: shapeOf(0, 3), depth: fc.integer({ min: 1, max: 9 }) })
        .filter(({ shape }) => elementCount(shape) <= 600).chain(({ shape, depth }) =>
          fc.record({
            axis: placeIn(shape.length + 1),
            places: listOf(elementCount(shape), fc.integer({ min: -depth - 1, max: depth })),
          }).map(({ axis, places }) => ({
            inputs: [integers(places, shape), integers([depth], []), f32(2)],
            attributes: { axis },
          }))
        ),
  },
  compress: {
    operators: ["Compress"],
    draw: () =>
      shapeAndAxis(1).chain(({ shape, axis }) =>
        fc.record({ isFlat: fc.boolean(), holds: fc.array(fc.integer({ min: 0, max: 1 }), { maxLength: 70 }) }).map(
          ({ isFlat, holds }): DrawnCase => {
            const own = holds.slice(0, isFlat ? elementCount(shape) : shape.at(axis)!);
            return { inputs: [f32(...shape), known("bool", own)], attributes: isFlat ? {} : { axis } };
          },
        )
      ),
  },
  nonZero: {
    operators: ["NonZero"],
    draw: () =>
      shapeOf(0, 4).filter((shape) => elementCount(shape) <= 600).chain((shape) =>
        fc.record({
          values: listOf(elementCount(shape), fc.constantFrom(0, 0, -1, 2)),
          dtype: fc.constantFrom("float32" as const, "int64" as const, "uint8" as const),
        }).map(({ values, dtype }) => ({ inputs: [known(dtype, values.map(Math.abs), shape)] }))
      ),
  },
  unique: {
    operators: ["Unique"],
    draw: () =>
      filledShapeAndAxis(1).filter(({ shape }) => elementCount(shape) <= 600).chain(({ shape, axis }) =>
        fc.record({ values: listOf(elementCount(shape), fc.integer({ min: -2, max: 2 })), isFlat: flag, sorted: flag })
          .map(({ values, isFlat, sorted }): DrawnCase => ({
            inputs: [known("float32", values, shape)],
            attributes: { sorted, ...isFlat ? {} : { axis } },
            outputs: 4,
          }))
      ),
  },
  suppression: {
    operators: ["NonMaxSuppression"],
    draw: () =>
      fc.record({
        batch: fc.integer({ min: 1, max: 2 }),
        classes: fc.integer({ min: 1, max: 3 }),
        count: extentOrNone.filter((own) => own <= 33),
        center_point_box: flag,
        most: fc.integer({ min: 0, max: 9 }),
        overlap: fc.constantFrom(0.1, 0.3, 0.5),
      }).chain(({ batch, classes, count, center_point_box, most, overlap }) => {
        const coordinate = fc.integer({ min: 1, max: 99 });
        return fc.record({
          boxes: listOf(batch * count * 4, coordinate),
          // Distinct: whom of equals comes first is open.
          scores: fc.shuffledSubarray(Array.from({ length: batch * classes * count }, (_, rank) => rank), {
            minLength: batch * classes * count,
          }),
        }).map(({ boxes, scores }) => ({
          inputs: [
            known("float32", boxes, [batch, count, 4]),
            known("float32", scores.map((rank) => rank / 200), [batch, classes, count]),
            integers([most]),
            known("float32", [overlap]),
            known("float32", [0.1]),
          ] as TensorType[],
          attributes: { center_point_box },
        }));
      }),
  },
};
