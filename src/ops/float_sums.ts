/** What operators that sum float products have in common. */
import { UnsupportedError } from "../base/errors.ts";
import { isFloat, type TensorType } from "../base/tensor.ts";
import type { Tolerance } from "./op.ts";

/** How far a sum in single precision may be from the same sum in double precision. */
export const SUM_TOLERANCE: Tolerance = {
  relative: 1e-5,
  absolute: 1e-4,
  reason: "terms up to 16 are summed in single precision in another order: some 2^-24 of the terms' magnitudes each",
};

/** Throws where an operand is of an integer type: the kernels multiply float32. */
export function requireFloat(...operands: readonly (TensorType | undefined)[]): void {
  for (const operand of operands) {
    if (operand && !isFloat(operand.dtype)) {
      throw new UnsupportedError(`Cannot multiply tensors: element type is ${operand.dtype}, expected a float type`);
    }
  }
}
