/** Short spellings of the operand types that conformance cases are made of. */
import { hostTensor, knownType, type TensorType } from "../base/tensor.ts";

/** A float32 operand. */
export function f32(...shape: number[]): TensorType {
  return { dtype: "float32", shape };
}

/** An int64 operand. */
export function i64(...shape: number[]): TensorType {
  return { dtype: "int64", shape };
}

/** A constant int64 operand; one-dimensional unless a shape is given. */
export function constantI64(values: readonly number[], shape: readonly number[] = [values.length]): TensorType {
  return knownType(hostTensor("int64", shape, values));
}

/** A constant float32 operand; one-dimensional unless a shape is given. */
export function constantF32(values: readonly number[], shape: readonly number[] = [values.length]): TensorType {
  return knownType(hostTensor("float32", shape, values));
}

/** A constant bool operand; one-dimensional unless a shape is given. */
export function constantBool(values: readonly number[], shape: readonly number[] = [values.length]): TensorType {
  return knownType(hostTensor("bool", shape, values));
}
