/** Arithmetic on shapes: strides, axes, broadcasting. */
import { formatShape } from "./tensor.ts";

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** Maps a possibly negative axis into `0..rank-1`; throws RangeError outside `-rank..rank-1`. */
export function normalizeAxis(axis: number, rank: number): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new RangeError(`Cannot use axis ${axis}: expected -${rank} to ${rank - 1} for rank ${rank}`);
  }
  return axis < 0 ? axis + rank : axis;
}

/** NumPy broadcasting of any number of shapes; throws RangeError where extents disagree. */
export function broadcastShapes(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let axis = 0; axis < shape.length; axis++) {
      const at = rank - shape.length + axis;
      const extent = shape[axis]!;
      if (extent === 1 || extent === result[at]) continue;
      if (result[at] !== 1) throw new RangeError(`Cannot broadcast ${shapes.map(formatShape).join(" with ")}`);
      result[at] = extent;
    }
  }
  return result;
}

/** Strides of a tensor of `shape` read as if broadcast to `target`: 0 along every axis that repeats. */
export function broadcastStrides(shape: readonly number[], target: readonly number[]): number[] {
  const own = stridesOf(shape);
  const lead = target.length - shape.length;
  return target.map((_, axis) => (axis < lead || shape[axis - lead] === 1) ? 0 : own[axis - lead]!);
}

/** Whether two shapes are the same. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}
