/**
 * Tensors as the project sees them: an element type, a static shape, and values in row-major order.
 *
 * On the host every element is a JavaScript number. On the GPU every element is one 32-bit word (see `storageOf`), so
 * that a tensor of any type has `4 * elementCount` bytes there.
 */

/** Element types, spelled as in ONNX. */
export type DType =
  | "float32"
  | "float16"
  | "bfloat16"
  | "float64"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "bool";

/** How an element lies in GPU memory, and the WGSL type that computes on it. */
export type Storage = "f32" | "i32" | "u32";

/**
 * Host values. `float16` and `bfloat16` are held as float32; `int64` and `uint64` as float64, exact to ±2^53, which covers every index
 * and extent; `bool` as 0 and 1 in bytes.
 */
export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array;

/** Element type and static shape of a value, and its contents where they are known before anything runs. */
export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Present for initializers and for whatever follows from them or from shapes alone. */
  readonly value?: TensorData;
}

/** A tensor whose values lie in host memory, row-major. */
export interface HostTensor {
  /** Element type. */
  readonly dtype: DType;
  /** Extents, from the first axis on. */
  readonly shape: readonly number[];
  /** Elements in row-major order. */
  readonly data: TensorData;
  /** Set where the elements were dequantized from codes. Tensors made of this one do not have it. */
  readonly steps?: CodeSteps;
}

/** Codes behind float elements: every element is a whole number of steps. */
export interface CodeSteps {
  /** Element type of the codes. */
  readonly dtype: DType;
  /** One for all elements, or one per index of `axis`. */
  readonly scale: Float32Array;
  /** Not negative; undefined where one scale serves all elements. */
  readonly axis: number | undefined;
}

const ARRAY_OF = {
  float32: Float32Array,
  float16: Float32Array,
  bfloat16: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: Float64Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: Float64Array,
  bool: Uint8Array,
} as const;

/** The WGSL type that stands for `dtype` in kernels; 64-bit integers saturate to 32 bits on their way to the GPU. */
export function storageOf(dtype: DType): Storage {
  if (isFloat(dtype)) return "f32";
  return dtype === "uint32" || dtype === "uint64" ? "u32" : "i32";
}

/** Whether `dtype` is a floating-point type. */
export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float16" || dtype === "bfloat16" || dtype === "float64";
}

const WORD = new DataView(new ArrayBuffer(4));

/** The bfloat16 next to a number, halves to the even one: the upper half of a float32, as bits. */
export function bfloat16Bits(value: number): number {
  WORD.setFloat32(0, value);
  const bits = WORD.getUint32(0);
  // The carry of rounding would turn a NaN into a number.
  if (Number.isNaN(value)) return bits >>> 16 | 0x40;
  return (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16;
}

/** The number that 16 bits are as bfloat16. */
export function bfloat16FromBits(bits: number): number {
  WORD.setUint32(0, bits << 16);
  return WORD.getFloat32(0);
}

/** A value of a float type as it is handed out, whatever it is computed in. */
export function roundTo(dtype: DType, value: number): number {
  if (dtype === "float16") return Math.f16round(value);
  return dtype === "bfloat16" ? bfloat16FromBits(bfloat16Bits(value)) : value;
}

/** Number of elements of a tensor of this shape; 1 for rank 0. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const extent of shape) count *= extent;
  return count;
}

/** Allocates zeroed host storage for `length` elements of `dtype`. */
export function allocate(dtype: DType, length: number): TensorData {
  return new ARRAY_OF[dtype](length);
}

/** The typed array that holds values of `dtype` on the host. */
export function arrayOf(dtype: DType): (typeof ARRAY_OF)[DType] {
  return ARRAY_OF[dtype];
}

/** Builds a host tensor from numbers, converting them to `dtype` as typed arrays do. */
export function hostTensor(dtype: DType, shape: readonly number[], values: ArrayLike<number>): HostTensor {
  const length = elementCount(shape);
  if (values.length !== length) {
    throw new RangeError(
      `Cannot build tensor of shape ${formatShape(shape)}: found ${values.length} values, expected ${length}`,
    );
  }
  const Constructor = ARRAY_OF[dtype];
  const data = values instanceof Constructor ? values : Constructor.from(values as ArrayLike<number>);
  return { dtype, shape, data };
}

/** The tensor behind a type whose value is known. */
export function knownTensor(type: TensorType): HostTensor | undefined {
  return type.value === undefined ? undefined : { dtype: type.dtype, shape: type.shape, data: type.value };
}

/** The type of a host tensor, its contents known. */
export function knownType(tensor: HostTensor): TensorType {
  return { dtype: tensor.dtype, shape: tensor.shape, value: tensor.data };
}

/** Shape as messages show it: `[1, 3, 224, 224]`. */
export function formatShape(shape: readonly (number | string)[]): string {
  return `[${shape.join(", ")}]`;
}

/**
 * What is wrong with a tensor that typed callers cannot make and others will, as the rest of a sentence: 64-bit integers of JavaScript,
 * or data of another length than the shape's. Undefined where nothing is.
 */
export function misfitOf({ shape, data }: HostTensor): string | undefined {
  const given: unknown = data;
  if (given instanceof BigInt64Array || given instanceof BigUint64Array) {
    return `is a ${given.constructor.name}, expected numbers, as in an Int32Array or Float64Array`;
  }
  const expected = elementCount(shape);
  if (data.length === expected) return undefined;
  return `has ${data.length} elements, expected ${expected} for shape ${formatShape(shape)}`;
}
