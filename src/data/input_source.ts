/** The samples of one network input. */
import { DatasetError } from "../base/errors.ts";
import { allocate, elementCount, type HostTensor, isFloat, type TensorData } from "../base/tensor.ts";
import type { ArrayRows } from "./array_rows.ts";
import type { ContentHash } from "./content_hash.ts";
import type { Normalization, Placement, SampleInput } from "./dataset.ts";
import type { ChannelAffine } from "./preprocessing.ts";
import type { Layout } from "./pixels.ts";

/** Reads samples of one input, decoded and preprocessed up to the affine map. */
export interface InputSource {
  readonly input: SampleInput;
  readonly length: number;
  /** Undefined where samples have no names of their own. */
  readonly names: readonly string[] | undefined;
  /** Values of the samples, packed in the order of `indices`. */
  read(indices: readonly number[], signal: AbortSignal | undefined): Promise<TensorData>;
  /** Where a sample lies in its picture; absent where it is no picture or is taken as it lies on disk. */
  placement?(index: number): Promise<Placement>;
  /** Feeds whatever decides the values into the hash. */
  hashInto(hash: ContentHash): Promise<void>;
  close(): void;
}

/** An input whose samples are the rows of an array, as they are; reading one with a NaN throws DatasetError. */
export function arrayInput(
  rows: ArrayRows,
  options: { name: string | undefined; layout: Layout; affine: ChannelAffine | undefined; what: string },
): InputSource {
  const shape = rows.shape.slice(1);
  const narrowed = rows.dtype === "float16" || rows.dtype === "float64";
  const input: SampleInput = {
    name: options.name,
    dtype: narrowed ? "float32" : rows.dtype,
    shape,
    normalization: normalizationOf(options.affine, shape, options.layout, options.what),
  };
  const length = rows.shape[0] ?? 0;
  return {
    input,
    length,
    names: undefined,
    async read(indices) {
      const values = await rows.rows(indices);
      if (isFloat(rows.dtype)) refuseNaN(values, indices, elementCount(shape), options.what);
      return narrowed && !(values instanceof Float32Array) ? Float32Array.from(values) : values;
    },
    async hashInto(hash) {
      hash.text(`${rows.dtype} ${rows.shape.join(" ")}`);
      for (let start = 0; start < length; start += HASHED_ROWS) {
        const count = Math.min(HASHED_ROWS, length - start);
        hash.values(await rows.rows(Array.from({ length: count }, (_, place) => start + place)));
      }
    },
    close: () => rows.close(),
  };
}

/** A value that is missing would be left out of every range and then quantized to whatever the runtime likes. */
function refuseNaN(values: TensorData, indices: readonly number[], stride: number, what: string): void {
  const broken = values.findIndex(Number.isNaN);
  if (broken < 0) return;
  const sample = indices[Math.floor(broken / stride)];
  throw new DatasetError(
    `Cannot use sample ${sample} of ${what}: element ${broken % stride} is NaN, expected a number`,
  );
}

/** Rows per step of hashing: enough to be fast, little enough not to copy a large file at once. */
const HASHED_ROWS = 64;

/** One mean and one std per channel, whatever the configuration gave. */
export function normalizationOf(
  affine: ChannelAffine | undefined,
  shape: readonly number[],
  layout: Layout,
  what: string,
): Normalization | undefined {
  if (affine === undefined) return undefined;
  const channelAxis = layout === "NCHW" ? 0 : Math.max(0, shape.length - 1);
  const channels = shape[channelAxis] ?? 1;
  return {
    mean: perChannel(affine.mean, channels, "mean", what),
    std: perChannel(affine.std, channels, "std", what),
    channelAxis,
  };
}

function perChannel(values: readonly number[], channels: number, key: string, what: string): readonly number[] {
  const [only] = values;
  if (values.length === 1 && only !== undefined) return new Array<number>(channels).fill(only);
  if (values.length !== channels || values.some(Number.isNaN)) {
    throw new DatasetError(
      `Cannot normalize ${what}: ${key} has ${values.length} values, expected 1 or ${channels}, one per channel`,
    );
  }
  return values;
}

/** One batch of an input as a tensor. */
export async function readInput(
  source: InputSource,
  indices: readonly number[],
  signal: AbortSignal | undefined,
): Promise<HostTensor> {
  const { dtype, shape } = source.input;
  const data = indices.length === 0 ? allocate(dtype, 0) : await source.read(indices, signal);
  return { dtype, shape: [indices.length, ...shape], data };
}
