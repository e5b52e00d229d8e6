/** Arrays whose first axis counts samples, wherever they lie. */
import { DatasetError } from "../base/errors.ts";
import { allocate, type DType, elementCount, type HostTensor, type TensorData } from "../base/tensor.ts";
import { bytesPerElement, decodeElements } from "./elements.ts";
import { IDX_HEADER_BYTES, parseIdxHeader } from "./idx.ts";
import { type ArrayHeader, bodyBytes, checkArraySize, decodeArray, NPY_HEADER_BYTES, parseNpyHeader } from "./npy.ts";
import { readDataFile, unreadable } from "./read_file.ts";

/** Random access to the rows of an array. */
export interface ArrayRows {
  readonly dtype: DType;
  /** Of the whole array: rows first. */
  readonly shape: readonly number[];
  /** The rows asked for, packed in that order. */
  rows(indices: readonly number[]): Promise<TensorData>;
  close(): void;
}

/** Files above this stay on disk and are read row by row. */
const MAX_LOADED_BYTES = 2 ** 30;

/** How an array file is laid out. */
export type ArrayFormat = "npy" | "idx";

const FORMATS = {
  npy: { parse: parseNpyHeader, headBytes: NPY_HEADER_BYTES },
  idx: { parse: parseIdxHeader, headBytes: IDX_HEADER_BYTES },
} as const;

/** Opens a .npy or IDX file, plain or .gz. */
export async function openArrayFile(
  path: string,
  format: ArrayFormat,
  maxLoadedBytes: number = MAX_LOADED_BYTES,
): Promise<ArrayRows> {
  let size: number;
  try {
    size = (await Deno.stat(path)).size;
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (size > maxLoadedBytes && !path.endsWith(".gz")) return openOnDisk(path, format, size);
  return inMemory(await readArrayFile(path, format), `"${path}"`);
}

/** Reads a whole .npy or IDX file, plain or .gz; of the latter no more is inflated than its header says. */
export async function readArrayFile(path: string, format: ArrayFormat): Promise<HostTensor> {
  const what = `"${path}"`;
  const { parse, headBytes } = FORMATS[format];
  const bytes = await readDataFile(path, {
    headBytes,
    needed: (head) => {
      const header = parse(head, what);
      return header.offset + bodyBytes(header);
    },
  });
  return decodeArray(bytes, parse(bytes, what), what);
}

/** Rows of a tensor that is held anyway. */
export function inMemory(tensor: HostTensor, what: string): ArrayRows {
  const { dtype, shape, data } = tensor;
  const stride = rowLength(shape, what);
  return {
    dtype,
    shape,
    rows(indices) {
      const result = allocate(dtype, indices.length * stride);
      indices.forEach((index, place) =>
        result.set(data.subarray(index * stride, (index + 1) * stride), place * stride)
      );
      return Promise.resolve(result);
    },
    close() {},
  };
}

function openOnDisk(path: string, format: ArrayFormat, size: number): ArrayRows {
  const { parse, headBytes } = FORMATS[format];
  const file = Deno.openSync(path);
  try {
    const header = parse(readAt(file, 0, Math.min(headBytes, size), path), `"${path}"`);
    checkArraySize(header, size, `"${path}"`);
    if (header.columnMajor && header.shape.length > 1) {
      throw new DatasetError(
        `Cannot read "${path}": it is in Fortran order and too large to reorder in memory, expected C order (numpy.ascontiguousarray)`,
      );
    }
    return rowsOnDisk(file, header, path);
  } catch (error) {
    file.close();
    throw error;
  }
}

function rowsOnDisk(file: Deno.FsFile, header: ArrayHeader, path: string): ArrayRows {
  const { dtype, shape, littleEndian, offset } = header;
  const stride = rowLength(shape, `"${path}"`);
  const rowBytes = stride * bytesPerElement(dtype);
  return {
    dtype,
    shape,
    rows(indices) {
      const packed = new Uint8Array(indices.length * rowBytes);
      indices.forEach((index, place) => {
        packed.set(readAt(file, offset + index * rowBytes, rowBytes, path), place * rowBytes);
      });
      return Promise.resolve(decodeElements(packed, dtype, littleEndian, `"${path}"`));
    },
    close: () => file.close(),
  };
}

function readAt(file: Deno.FsFile, position: number, length: number, path: string): Uint8Array {
  const bytes = new Uint8Array(length);
  file.seekSync(position, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < length) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) throw new DatasetError(`Cannot read "${path}": it ends at byte ${position + filled}`);
    filled += count;
  }
  return bytes;
}

function rowLength(shape: readonly number[], what: string): number {
  if (shape.length === 0) {
    throw new DatasetError(`Cannot read ${what}: it holds a single value, expected an axis of samples`);
  }
  return elementCount(shape.slice(1));
}
