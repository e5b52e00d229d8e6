/** Operands whose contents decide shapes: axes, extents, pads, repeats. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { type DType, type HostTensor, knownType, storageOf, type TensorType } from "../base/tensor.ts";
import type { Operands } from "./op.ts";

/** Values of an operand that planning needs; throws UnsupportedError where they are known only at run time, ModelError without it. */
export function constantOf(operand: TensorType | undefined, name: string): readonly number[] {
  if (operand === undefined) throw new ModelError(`Cannot read input "${name}": input "${name}" is absent`);
  if (operand.value === undefined) {
    throw new UnsupportedError(
      `Cannot read input "${name}": input "${name}" is computed at run time, expected a constant`,
    );
  }
  return Array.from(operand.value);
}

/** The one value of an operand that planning needs. */
export function constantScalar(operand: TensorType | undefined, name: string): number {
  const values = constantOf(operand, name);
  if (values.length !== 1) {
    throw new ModelError(`Cannot read input "${name}": input "${name}" has ${values.length} values, expected 1`);
  }
  return values[0]!;
}

/** Operands with contents, as `infer` wants them: lets a reference take its shapes from there. */
export function knownOperands(inputs: Operands<HostTensor>): (TensorType | undefined)[] {
  return inputs.map((input) => input && knownType(input));
}

/** The 32-bit word, as an unsigned number, that stands for `value` on the GPU. */
export function wordOf(dtype: DType, value: number): number {
  const storage = storageOf(dtype);
  if (storage === "f32") return new Uint32Array(Float32Array.of(value).buffer)[0]!;
  if (storage === "u32") return Math.min(Math.max(value, 0), 0xffffffff);
  return Math.min(Math.max(value, -0x80000000), 0x7fffffff) >>> 0;
}
