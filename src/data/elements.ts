/** Raw array bytes into host values. */
import { DatasetError } from "../base/errors.ts";
import { allocate, bfloat16FromBits, type DType, type TensorData } from "../base/tensor.ts";

/** Bytes of one element as it lies in a file. */
export function bytesPerElement(dtype: DType): number {
  if (dtype === "float64" || dtype === "int64" || dtype === "uint64") return 8;
  if (dtype === "float32" || dtype === "int32" || dtype === "uint32") return 4;
  return ["float16", "bfloat16", "int16", "uint16"].includes(dtype) ? 2 : 1;
}

/**
 * Decodes packed elements; the result may share the bytes' memory. `what` names the file where 64-bit integers are beyond
 * 2^53, which is an error.
 */
export function decodeElements(bytes: Uint8Array, dtype: DType, littleEndian: boolean, what: string): TensorData {
  const size = bytesPerElement(dtype);
  const length = bytes.byteLength / size;
  const aligned = bytes.byteOffset % size === 0;
  if (size === 1) return dtype === "int8" ? new Int8Array(bytes.buffer, bytes.byteOffset, length) : bytes;
  const view = littleEndian && aligned ? NATIVE_VIEW[dtype]?.(bytes.buffer, bytes.byteOffset, length) : undefined;
  return view ?? decodeEach(bytes, dtype, littleEndian, what);
}

function decodeEach(bytes: Uint8Array, dtype: DType, littleEndian: boolean, what: string): TensorData {
  const size = bytesPerElement(dtype);
  const length = bytes.byteLength / size;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = allocate(dtype, length);
  const get = ELEMENT_READER[dtype];
  for (let index = 0; index < length; index++) values[index] = get(view, index * size, littleEndian);
  const inexact = dtype.endsWith("int64") ? values.findIndex((value) => !Number.isSafeInteger(value)) : -1;
  if (inexact >= 0) {
    throw new DatasetError(
      `Cannot read ${what}: element ${inexact} is about ${values[inexact]}, expected integers below 2^53`,
    );
  }
  return values;
}

type View = (buffer: ArrayBufferLike, offset: number, length: number) => TensorData;

/** Types that lie in a file as in memory; every machine that Deno runs on is little-endian. */
const NATIVE_VIEW: Readonly<Partial<Record<DType, View>>> = {
  float32: (buffer, offset, length) => new Float32Array(buffer, offset, length),
  float64: (buffer, offset, length) => new Float64Array(buffer, offset, length),
  int16: (buffer, offset, length) => new Int16Array(buffer, offset, length),
  int32: (buffer, offset, length) => new Int32Array(buffer, offset, length),
  uint16: (buffer, offset, length) => new Uint16Array(buffer, offset, length),
  uint32: (buffer, offset, length) => new Uint32Array(buffer, offset, length),
};

type ElementReader = (view: DataView, offset: number, littleEndian: boolean) => number;

const ELEMENT_READER: Readonly<Record<DType, ElementReader>> = {
  float32: (view, offset, little) => view.getFloat32(offset, little),
  float64: (view, offset, little) => view.getFloat64(offset, little),
  float16: (view, offset, little) => halfToNumber(view.getUint16(offset, little)),
  bfloat16: (view, offset, little) => bfloat16FromBits(view.getUint16(offset, little)),
  int8: (view, offset) => view.getInt8(offset),
  int16: (view, offset, little) => view.getInt16(offset, little),
  int32: (view, offset, little) => view.getInt32(offset, little),
  int64: (view, offset, little) => Number(view.getBigInt64(offset, little)),
  uint8: (view, offset) => view.getUint8(offset),
  uint16: (view, offset, little) => view.getUint16(offset, little),
  uint32: (view, offset, little) => view.getUint32(offset, little),
  uint64: (view, offset, little) => Number(view.getBigUint64(offset, little)),
  bool: (view, offset) => view.getUint8(offset),
};

/** IEEE 754 binary16, given as its bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
