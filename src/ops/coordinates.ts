/** Plain iteration over coordinates, for references. */
import { stridesOf } from "../base/shape.ts";
import { allocate, elementCount, type HostTensor } from "../base/tensor.ts";

/** Visits every coordinate of `shape` in row-major order; the array is the same one throughout. */
export function eachCoordinate(
  shape: readonly number[],
  visit: (at: readonly number[], index: number) => void,
): void {
  const at = new Array<number>(shape.length).fill(0);
  const length = elementCount(shape);
  for (let index = 0; index < length; index++) {
    visit(at, index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at[axis] = at[axis]! + 1;
      if (at[axis]! < shape[axis]!) break;
      at[axis] = 0;
    }
  }
}

/** Offset of a coordinate in a row-major tensor with these strides. */
export function offsetOf(at: readonly number[], strides: readonly number[]): number {
  let offset = 0;
  for (let axis = 0; axis < at.length; axis++) offset += at[axis]! * strides[axis]!;
  return offset;
}

/** The tensor of `shape` whose element at each coordinate is the element of `x` at the coordinate that `source` names. */
export function pick(
  x: HostTensor,
  shape: readonly number[],
  source: (at: readonly number[]) => readonly number[],
): HostTensor {
  const data = allocate(x.dtype, elementCount(shape));
  const strides = stridesOf(x.shape);
  eachCoordinate(shape, (at, index) => {
    data[index] = x.data[offsetOf(source(at), strides)]!;
  });
  return { dtype: x.dtype, shape, data };
}
