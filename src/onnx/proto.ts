/** The ONNX schema (IR 8) as onnx-proto ships it; the only importer of that package. */
import pkg from "onnx-proto";

/** Message classes of the ONNX schema. */
export const onnx: typeof pkg.onnx = pkg.onnx;
export type ModelProto = pkg.onnx.ModelProto;
export type GraphProto = pkg.onnx.GraphProto;
export type NodeProto = pkg.onnx.NodeProto;
export type FunctionProto = pkg.onnx.FunctionProto;
export type AttributeProto = pkg.onnx.AttributeProto;
export type TensorProto = pkg.onnx.TensorProto;
export type ValueInfoProto = pkg.onnx.ValueInfoProto;

/** Fields as messages give them: int64 is a number where small, else an object with `toNumber`. */
export type Int64 = number | { toNumber(): number } | null | undefined;

/** A 64-bit field as a number; exact to ±2^53. */
export function toNumber(value: Int64): number {
  return typeof value === "number" ? value : value?.toNumber() ?? 0;
}
