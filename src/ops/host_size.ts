/** How much the host computes before anything runs: a few bytes of a file can ask for any amount of it. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { elementCount, formatShape, type TensorType } from "../base/tensor.ts";
import type { Operands } from "./op.ts";

/** Elements of a result, unless its operands have as many. */
const MOST_ELEMENTS = 2 ** 26;

/** Multiply-accumulates of a result; plain loops take some ten seconds for them. */
const MOST_MACS = 2 ** 30;

/** Whether the host computes a result whose operands it knows; a device can compute the others as it computes everything. */
export function isForHost(inputs: Operands<TensorType>, outputs: readonly TensorType[], macs: number): boolean {
  const count = (types: Operands<TensorType>) =>
    types.reduce((sum, type) => sum + (type ? elementCount(type.shape) : 0), 0);
  return macs <= MOST_MACS && count(outputs) <= Math.max(MOST_ELEMENTS, count(inputs));
}

/** Throws for a shape that is none, or too large to be filled by rule. */
export function checkFilled(shape: readonly number[]): void {
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 0)) {
    throw new ModelError(`Cannot fill tensor of shape ${formatShape(shape)}: expected extents of at least 0`);
  }
  if (elementCount(shape) <= MOST_ELEMENTS) return;
  throw new UnsupportedError(
    `Cannot fill tensor of shape ${formatShape(shape)}: ${
      elementCount(shape)
    } elements, expected ${MOST_ELEMENTS} at most`,
  );
}
