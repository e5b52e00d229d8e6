/** What families of cases are drawn from: extents, shapes, axes, indices. Knows no operator. */
import fc from "fast-check";
import { type DType, elementCount, hostTensor, knownType, type TensorType } from "../../../src/base/tensor.ts";
import type { OpCase } from "../../../src/ops/op.ts";

/** What is drawn of a case; range and tolerance are the operator's own unless they are drawn too. */
export type DrawnCase = Omit<OpCase, "name">;

/** Operators whose operands have the same form. */
export interface Family {
  /** "" unless stated. */
  readonly domain?: string;
  readonly operators: readonly string[];
  /** `dtype` is that of the operator's first listed case. */
  draw(dtype: DType): fc.Arbitrary<DrawnCase>;
}

/** Families by name, which tells those of one operator apart. */
export type Families = Readonly<Record<string, Family>>;

/** Extents: small, odd, multiples of a vector, and one past tiles and workgroups. Shrinks to the first. */
export const extent: fc.Arbitrary<number> = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 64, 65);
/** Extents of what has several axes of them. */
export const smallExtent: fc.Arbitrary<number> = fc.constantFrom(1, 2, 3, 4, 5, 7, 8, 9);
/** Mostly not empty: an empty tensor tells little. */
export const extentOrNone: fc.Arbitrary<number> = fc.oneof(
  { weight: 15, arbitrary: extent },
  { weight: 1, arbitrary: fc.constant(0) },
);
/** Elements of a drawn tensor. */
export const LARGEST = 6000;
/** 0 or 1, as attributes have flags. */
export const flag: fc.Arbitrary<number> = fc.constantFrom(0, 1);

/** Shapes of a range of ranks. */
export function shapeOf(minRank: number, maxRank: number): fc.Arbitrary<number[]> {
  return fc.array(extentOrNone, { minLength: minRank, maxLength: maxRank })
    .filter((shape) => elementCount(shape) <= LARGEST);
}

/** Shapes of a range of ranks that have elements. */
export function filledShapeOf(minRank: number, maxRank: number): fc.Arbitrary<number[]> {
  return shapeOf(minRank, maxRank).filter((shape) => !shape.includes(0));
}

/** An operand of a type. */
export function typed(dtype: DType, ...shape: number[]): TensorType {
  return { dtype, shape };
}

/** A float32 operand. */
export function f32(...shape: number[]): TensorType {
  return typed("float32", ...shape);
}

/** A constant operand; one-dimensional unless a shape is given. */
export function known(dtype: DType, values: readonly number[], shape: readonly number[] = [values.length]): TensorType {
  return knownType(hostTensor(dtype, shape, values));
}

/** A constant int64 operand; one-dimensional unless a shape is given. */
export function integers(values: readonly number[], shape: readonly number[] = [values.length]): TensorType {
  return known("int64", values, shape);
}

/** A list of one length. */
export function listOf<T>(length: number, one: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(one, { minLength: length, maxLength: length });
}

/** One arbitrary for each place. */
export function eachOf<S, T>(items: readonly S[], arbitraryOf: (item: S) => fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.tuple(...items.map(arbitraryOf));
}

/** A shape and one of its axes, counted from either end. */
export function shapeAndAxis(minRank: number): fc.Arbitrary<{ shape: number[]; axis: number }> {
  return shapeOf(minRank, 4).chain((shape) =>
    fc.record({ shape: fc.constant(shape), axis: fc.integer({ min: -shape.length, max: shape.length - 1 }) })
  );
}

/** Shapes that broadcast to one: leading axes missing, others of extent 1. */
export function broadcastShapes(count: number): fc.Arbitrary<number[][]> {
  return shapeOf(0, 4).chain((shape) =>
    listOf(
      count,
      fc.record({ skipped: fc.integer({ min: 0, max: shape.length }), ones: listOf(shape.length, fc.boolean()) })
        .map(({ skipped, ones }) => shape.map((own, axis) => ones[axis] ? 1 : own).slice(skipped)),
    )
  );
}

/** Some axes of a rank, all counted from one end. */
export function axesOf(rank: number): fc.Arbitrary<number[]> {
  return fc.record({
    axes: fc.subarray(Array.from({ length: rank }, (_, axis) => axis), { minLength: Math.min(1, rank) }),
    fromEnd: fc.boolean(),
  }).map(({ axes, fromEnd }) => fromEnd ? axes.map((axis) => axis - rank) : axes);
}

/** A place along an axis, counted from either end. */
export function placeIn(length: number): fc.Arbitrary<number> {
  return fc.integer({ min: -length, max: length - 1 });
}

/** Batches of one or two spatial axes: [N, C, D1, …]. */
export function pictures(): fc.Arbitrary<number[]> {
  return fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.constantFrom(1, 3, 4, 5),
    fc.array(fc.constantFrom(1, 2, 3, 5, 7, 8, 9, 17), { minLength: 1, maxLength: 2 }),
  ).map(([batch, count, spatial]) => [batch, count, ...spatial]);
}
