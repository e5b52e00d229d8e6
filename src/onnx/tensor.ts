/** TensorProto ⇄ host tensors: every storage form of the schema, and data in external files. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import {
  allocate,
  bfloat16Bits,
  bfloat16FromBits,
  type DType,
  elementCount,
  formatShape,
  type HostTensor,
  type TensorData,
} from "../base/tensor.ts";
import { onnx, type TensorProto, toNumber } from "./proto.ts";

/** Element types by their number in the schema. */
const DTYPE_OF: Readonly<Record<number, DType>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  16: "bfloat16",
};
const NUMBER_OF = new Map(Object.entries(DTYPE_OF).map(([number, dtype]) => [dtype, Number(number)]));
const NAME_OF: Readonly<Record<number, string>> = {
  0: "undefined",
  8: "string",
  14: "complex64",
  15: "complex128",
  17: "float8e4m3fn",
  18: "float8e4m3fnuz",
  19: "float8e5m2",
  20: "float8e5m2fnuz",
  21: "uint4",
  22: "int4",
  23: "float4e2m1",
};
const BYTES_OF: Readonly<Record<DType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float64: 8,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
};

/** Reads bytes of an external data file, given its location relative to the model; throws ModelError where it has not as many. */
export type ReadExternal = (location: string, offset: number, byteLength: number) => Uint8Array;

/** The element type behind the schema's number; throws UnsupportedError for strings, complex and sub-byte types. */
export function dtypeOf(number: number | null | undefined): DType {
  const dtype = DTYPE_OF[number ?? 0];
  if (!dtype) throw new UnsupportedError(`Cannot use element type ${NAME_OF[number ?? 0] ?? number}`);
  return dtype;
}

/** The schema's number of an element type. */
export function dataTypeNumber(dtype: DType): number {
  return NUMBER_OF.get(dtype)!;
}

/** Decodes a TensorProto; checks that extents and stored data agree before anything is allocated. */
export function tensorFromProto(proto: TensorProto, readExternal?: ReadExternal): HostTensor {
  const name = proto.name || "(unnamed)";
  const dtype = dtypeOf(proto.dataType);
  const shape = (proto.dims ?? []).map((dim) => toNumber(dim));
  const length = elementCount(shape);
  const isNegative = shape.some((extent) => extent < 0);
  if (isNegative || !Number.isSafeInteger(length)) {
    throw new ModelError(
      `Cannot read tensor "${name}": found shape ${formatShape(shape)}, expected ${
        isNegative ? "extents of at least 0" : "as many elements as memory can hold"
      }`,
    );
  }
  const raw = rawBytes(proto, { name, byteLength: length * BYTES_OF[dtype], readExternal });
  const data = raw ? fromRaw(raw, dtype, length, name) : fromFields(proto, dtype, length, name);
  return { dtype, shape, data };
}

/** Encodes a host tensor with its values in raw_data. */
export function tensorToProto(tensor: HostTensor, name: string): TensorProto {
  return onnx.TensorProto.create({
    name,
    dataType: dataTypeNumber(tensor.dtype),
    dims: [...tensor.shape],
    rawData: toRaw(tensor),
  }) as TensorProto;
}

function rawBytes(
  proto: TensorProto,
  { name, byteLength, readExternal }: {
    readonly name: string;
    readonly byteLength: number;
    readonly readExternal: ReadExternal | undefined;
  },
): Uint8Array | undefined {
  if (proto.dataLocation !== onnx.TensorProto.DataLocation.EXTERNAL) {
    return proto.rawData && proto.rawData.length > 0 ? proto.rawData : undefined;
  }
  const entries = new Map((proto.externalData ?? []).map((entry) => [entry.key ?? "", entry.value ?? ""]));
  const location = entries.get("location");
  if (!location) throw new ModelError(`Cannot read tensor "${name}": external data without a location`);
  if (!readExternal) {
    throw new ModelError(
      `Cannot read tensor "${name}": its data lie in "${location}", expected the file beside the model`,
    );
  }
  const offset = placeIn(entries, "offset", name) ?? 0;
  const found = placeIn(entries, "length", name);
  if (found !== undefined && found !== byteLength) {
    throw new ModelError(`Cannot read tensor "${name}": found ${found} bytes of data, expected ${byteLength}`);
  }
  return readExternal(location, offset, byteLength);
}

/** An offset or a length as external data state it: a text of digits. */
function placeIn(entries: ReadonlyMap<string, string>, key: string, name: string): number | undefined {
  const text = entries.get(key);
  if (text === undefined) return undefined;
  const place = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(place)) return place;
  throw new ModelError(`Cannot read tensor "${name}": its data have ${key} "${text}", expected a number of bytes`);
}

function fromRaw(raw: Uint8Array, dtype: DType, length: number, name: string): TensorData {
  const expected = length * BYTES_OF[dtype];
  if (raw.length !== expected) {
    throw new ModelError(`Cannot read tensor "${name}": found ${raw.length} bytes of data, expected ${expected}`);
  }
  // A copy: the view into the file has no alignment.
  const buffer = raw.slice().buffer;
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer);
    case "float64":
      return new Float64Array(buffer);
    case "float16":
      return new Float32Array(new Float16Array(buffer));
    case "bfloat16":
      return Float32Array.from(new Uint16Array(buffer), bfloat16FromBits);
    case "int64":
      return Float64Array.from(new BigInt64Array(buffer), Number);
    case "uint64":
      return Float64Array.from(new BigUint64Array(buffer), Number);
    case "int32":
      return new Int32Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "uint16":
      return new Uint16Array(buffer);
    case "int8":
      return new Int8Array(buffer);
    case "uint8":
    case "bool":
      return new Uint8Array(buffer);
  }
}

function fromFields(proto: TensorProto, dtype: DType, length: number, name: string): TensorData {
  const values = fieldOf(proto, dtype);
  if (values.length !== length) {
    throw new ModelError(`Cannot read tensor "${name}": found ${values.length} values, expected ${length}`);
  }
  const data = allocate(dtype, length);
  for (let index = 0; index < length; index++) data[index] = toNumber(values[index]);
  if (dtype === "bfloat16") return data.map(bfloat16FromBits);
  return dtype === "float16" ? halvesFromBits(data) : data;
}

function fieldOf(proto: TensorProto, dtype: DType): readonly (number | { toNumber(): number })[] {
  switch (dtype) {
    case "float32":
      return proto.floatData ?? [];
    case "float64":
      return proto.doubleData ?? [];
    case "int64":
      return proto.int64Data ?? [];
    case "uint32":
    case "uint64":
      return proto.uint64Data ?? [];
    default:
      return proto.int32Data ?? [];
  }
}

/** int32_data carries float16 and bfloat16 as bit patterns. */
function halvesFromBits(bits: TensorData): Float32Array {
  return new Float32Array(new Float16Array(Uint16Array.from(bits).buffer));
}

function toRaw(tensor: HostTensor): Uint8Array {
  const { data, dtype } = tensor;
  switch (dtype) {
    case "float16":
      return new Uint8Array(Float16Array.from(data).buffer);
    case "bfloat16":
      return new Uint8Array(Uint16Array.from(data, bfloat16Bits).buffer);
    case "int64":
      return new Uint8Array(
        BigInt64Array.from(data, (value) => clampBigInt(value, -(2n ** 63n), 2n ** 63n - 1n)).buffer,
      );
    case "uint64":
      return new Uint8Array(BigUint64Array.from(data, (value) => clampBigInt(value, 0n, 2n ** 64n - 1n)).buffer);
    default:
      return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice();
  }
}

/** INT64_MAX, the usual stand-in for "to the end", is held as 2^63 and must come back as what it was. */
function clampBigInt(value: number, low: bigint, high: bigint): bigint {
  const exact = BigInt(value);
  return exact < low ? low : exact > high ? high : exact;
}
