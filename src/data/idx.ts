/** IDX files, the format of MNIST: http://yann.lecun.com/exdb/mnist, "the IDX file format". */
import { DatasetError } from "../base/errors.ts";
import type { DType } from "../base/tensor.ts";
import type { ArrayHeader } from "./npy.ts";

const DTYPE_OF: Readonly<Record<number, DType>> = {
  0x08: "uint8",
  0x09: "int8",
  0x0b: "int16",
  0x0c: "int32",
  0x0d: "float32",
  0x0e: "float64",
};

/** Bytes that hold the longest header. */
export const IDX_HEADER_BYTES: number = 4 + 4 * 255;

/** Parses the header at the start of an IDX file; `what` names the file in errors. */
export function parseIdxHeader(bytes: Uint8Array, what: string): ArrayHeader {
  const dtype = DTYPE_OF[bytes[2] ?? -1];
  const rank = bytes[3] ?? 0;
  if (bytes[0] !== 0 || bytes[1] !== 0 || dtype === undefined || rank === 0) {
    throw new DatasetError(
      `Cannot read ${what}: no IDX header at the start, expected two zero bytes, a type and a rank`,
    );
  }
  const offset = 4 + 4 * rank;
  if (bytes.length < offset) throw new DatasetError(`Cannot read ${what}: it ends inside its IDX header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  return { dtype, shape, littleEndian: false, columnMajor: false, offset };
}
