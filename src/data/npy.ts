/** NumPy's .npy files (NEP 1; versions 1 to 3). */
import { DatasetError } from "../base/errors.ts";
import { stridesOf } from "../base/shape.ts";
import { allocate, type DType, elementCount, type HostTensor, type TensorData } from "../base/tensor.ts";
import { bytesPerElement, decodeElements } from "./elements.ts";

/** How the bytes after a header are to be read: of .npy files, and of other files that hold one array. */
export interface ArrayHeader {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly littleEndian: boolean;
  /** Column-major (Fortran) order. */
  readonly columnMajor: boolean;
  /** Where the elements begin, in bytes. */
  readonly offset: number;
}

const MAGIC = "\x93NUMPY";

const DTYPE_OF: Readonly<Record<string, DType>> = {
  b1: "bool",
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  u2: "uint16",
  u4: "uint32",
  u8: "uint64",
  f2: "float16",
  f4: "float32",
  f8: "float64",
};

/** Bytes that surely hold the header of any array that is not nested in records. */
export const NPY_HEADER_BYTES = 4096;

/** Longer headers than NumPy writes for any array of numbers. */
const MAX_HEADER_BYTES = 65536;

/** Parses the header at the start of a .npy file; `what` names the file in errors. */
export function parseNpyHeader(bytes: Uint8Array, what: string): ArrayHeader {
  const magic = String.fromCharCode(...bytes.subarray(0, MAGIC.length));
  if (magic !== MAGIC) {
    throw new DatasetError(`Cannot read ${what}: no NumPy header at the start, expected a .npy file`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[6] ?? 0;
  if (version < 1 || version > 3) throw malformed(what, `format version ${version}, expected 1 to 3`);
  const start = version === 1 ? 10 : 12;
  if (bytes.length < start) throw malformed(what, "it ends inside its length");
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MAX_HEADER_BYTES) {
    throw malformed(what, `it states ${length} bytes, expected ${MAX_HEADER_BYTES} at most`);
  }
  if (start + length > bytes.length) {
    throw malformed(what, `it states ${length} bytes, the file has ${bytes.length - start} left`);
  }
  const text = new TextDecoder().decode(bytes.subarray(start, start + length));
  return { ...parseDictionary(text, what), offset: start + length };
}

/** Decodes a whole .npy file. */
export function decodeNpy(bytes: Uint8Array, what: string): HostTensor {
  return decodeArray(bytes, parseNpyHeader(bytes, what), what);
}

/** Decodes the elements that `header` describes; checks the size before it allocates. The result may share the bytes' memory. */
export function decodeArray(bytes: Uint8Array, header: ArrayHeader, what: string): HostTensor {
  checkArraySize(header, bytes.length, what);
  const { dtype, shape, offset } = header;
  const body = bytes.subarray(offset, offset + bodyBytes(header));
  const data = decodeElements(body, dtype, header.littleEndian, what);
  return { dtype, shape, data: header.columnMajor ? toRowMajor(data, dtype, shape) : data };
}

/** Bytes of the elements that a header describes. */
export function bodyBytes({ shape, dtype }: ArrayHeader): number {
  return elementCount(shape) * bytesPerElement(dtype);
}

/** Refuses a file that is shorter than the shape in its header says. */
export function checkArraySize(header: ArrayHeader, fileBytes: number, what: string): void {
  const expected = bodyBytes(header);
  const found = fileBytes - header.offset;
  if (!Number.isSafeInteger(expected) || expected > found) {
    const shape = header.shape.join(" x ") || "one value";
    throw new DatasetError(
      `Cannot read ${what}: its header says ${shape} of ${header.dtype}, ${expected} bytes, but ${found} follow; the file is truncated`,
    );
  }
}

function parseDictionary(text: string, what: string): Omit<ArrayHeader, "offset"> {
  const descr = /'descr'\s*:\s*'([<>|=]?)([a-zA-Z]\d*)'/.exec(text);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(text);
  const shape = /'shape'\s*:\s*\(([\d\s,L]*)\)/.exec(text);
  if (order === null || shape === null) throw malformed(what, `found ${JSON.stringify(text.trim().slice(0, 80))}`);
  const dtype = descr === null ? undefined : DTYPE_OF[descr[2] ?? ""];
  if (descr === null || dtype === undefined) {
    const found = /'descr'\s*:\s*('[^']*'|\[[^\]]*\])/.exec(text)?.[1] ?? "none";
    throw new DatasetError(`Cannot read ${what}: its element type is ${found}, expected numbers or booleans`);
  }
  const extents = (shape[1] ?? "").split(",").map((part) => part.replace("L", "").trim()).filter((part) => part !== "");
  return {
    dtype,
    shape: extents.map(Number),
    littleEndian: descr[1] !== ">",
    columnMajor: order[1] === "True",
  };
}

function malformed(what: string, found: string): DatasetError {
  return new DatasetError(`Cannot read ${what}: its NumPy header is malformed: ${found}`);
}

function toRowMajor(data: TensorData, dtype: DType, shape: readonly number[]): TensorData {
  if (shape.length < 2) return data;
  const result = allocate(dtype, data.length);
  const sourceStrides = stridesOf([...shape].reverse()).reverse();
  const position = new Array<number>(shape.length).fill(0);
  let source = 0;
  for (let index = 0; index < data.length; index++) {
    result[index] = data[source] ?? 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = sourceStrides[axis] ?? 0;
      const next = (position[axis] ?? 0) + 1;
      if (next < (shape[axis] ?? 0)) {
        position[axis] = next;
        source += stride;
        break;
      }
      source -= (next - 1) * stride;
      position[axis] = 0;
    }
  }
  return result;
}
