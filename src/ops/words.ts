/** Narrow integers in 32-bit words: what kernels do so that results stay in their type's range. */
import { type DType, isFloat } from "../base/tensor.ts";

const NARROW: readonly DType[] = ["int8", "int16", "uint8", "uint16"];

/** Whether `dtype` is an integer type; `bool` is none. */
export function isInteger(dtype: DType): boolean {
  return dtype !== "bool" && !isFloat(dtype);
}

/** Whether `dtype` is a number; `bool` is none. */
export function isNumber(dtype: DType): boolean {
  return dtype !== "bool";
}

/** The WGSL expression, wrapped around where `dtype` is narrower than its word. */
export function wrapped(expression: string, dtype: DType): string {
  return NARROW.includes(dtype) ? `wrap_${dtype}(${expression})` : expression;
}

/** Lowest and highest value of an integer type, as far as 32-bit words hold it. */
export function integerRange(dtype: DType): readonly [number, number] {
  switch (dtype) {
    case "int8":
      return [-128, 127];
    case "uint8":
      return [0, 255];
    case "int16":
      return [-32768, 32767];
    case "uint16":
      return [0, 65535];
    case "uint32":
    case "uint64":
      return [0, 4294967295];
    case "bool":
      return [0, 1];
    default:
      return [-2147483648, 2147483647];
  }
}

/** Rounds to the nearest integer, halves to the even one, as ONNX and WGSL do. */
export function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest < 0.5) return below;
  if (rest > 0.5) return below + 1;
  return below % 2 === 0 ? below : below + 1;
}
