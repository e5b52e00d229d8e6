/** A network input whose samples are picture files. */
import { join } from "node:path";
import { DatasetError } from "../base/errors.ts";
import { sameShape } from "../base/shape.ts";
import { elementCount } from "../base/tensor.ts";
import type { Placement } from "./dataset.ts";
import { type DecodePool, undecodable } from "./decode_pool.ts";
import { type InputSource, normalizationOf } from "./input_source.ts";
import { parsePictureHeader } from "./picture_header.ts";
import { type Layout, sampleShape } from "./pixels.ts";
import { type PictureSize, placementOf, preprocessedSize, type Preprocessing } from "./preprocessing.ts";
import { readDataFile } from "./read_file.ts";
import { createSampleCache, type SampleCache } from "./sample_cache.ts";

/** What a picture input is made of. */
export interface PictureInputOptions {
  readonly name: string | undefined;
  readonly folder: string;
  /** Paths relative to `folder`; at least one. */
  readonly files: readonly string[];
  readonly preprocessing: Preprocessing;
  readonly layout: Layout;
  readonly pool: DecodePool;
  /** Bytes of decoded samples to keep. */
  readonly memoryBudget: number;
}

/** Opens the input; the shape of its samples is that of the first picture, and all others must agree with it. */
export async function openPictureInput(options: PictureInputOptions): Promise<InputSource> {
  const { name, folder, files, preprocessing, layout, pool } = options;
  const first = files[0];
  if (first === undefined) throw new DatasetError(`Cannot open dataset "${folder}": it has no pictures`);
  const size = await probe(join(folder, first), preprocessing);
  const shape = sampleShape(size, layout);
  const normalization = normalizationOf(preprocessing.affine, shape, layout, `"${folder}"`);
  const samples = new PictureSamples(options, size, shape);
  return {
    input: { name, dtype: "uint8", shape, normalization },
    length: files.length,
    names: files,
    read: (indices, signal) => samples.read(indices, signal),
    ...(preprocessing.steps.some(({ type }) => type === "resize" || type === "crop")
      ? { placement: (index) => placementIn(join(folder, files[index] ?? ""), preprocessing) }
      : {}),
    async hashInto(hash) {
      hash.text(JSON.stringify([preprocessing.steps, layout]));
      for (let start = 0; start < files.length; start += HASHED_AT_ONCE) {
        const some = files.slice(start, start + HASHED_AT_ONCE);
        const digests = await Promise.all(some.map((file) => pool.run("digest", join(folder, file))));
        digests.forEach((digest, place) => {
          hash.text(some[place] ?? "");
          hash.bytes(digest.data);
        });
      }
    },
    close: () => {},
  };
}

/** Files under way at once while hashing. */
const HASHED_AT_ONCE = 256;

async function probe(path: string, { steps }: Preprocessing): Promise<PictureSize> {
  return await withSizeOf(path, (size) => preprocessedSize(size, steps));
}

async function placementIn(path: string, { steps }: Preprocessing): Promise<Placement> {
  return await withSizeOf(path, (size) => placementOf(size, steps));
}

/** What follows from a picture's size; of the file only the head is decoded. */
async function withSizeOf<T>(path: string, use: (size: PictureSize) => T): Promise<T> {
  const bytes = await readDataFile(path);
  try {
    const { width, height } = parsePictureHeader(bytes);
    return use({ width, height, channels: 3 });
  } catch (cause) {
    throw undecodable(path, cause instanceof Error ? cause.message : String(cause));
  }
}

/** Decodes samples once each as far as the budget goes, and those that will be wanted next while nobody waits. */
class PictureSamples {
  readonly #cache: SampleCache;
  readonly #underWay = new Map<number, Promise<Uint8Array>>();
  readonly #ahead = new Map<number, Promise<Uint8Array>>();

  constructor(
    readonly options: PictureInputOptions,
    readonly size: PictureSize,
    readonly shape: readonly number[],
  ) {
    this.#cache = createSampleCache(options.files.length, options.memoryBudget);
  }

  async read(indices: readonly number[], signal: AbortSignal | undefined): Promise<Uint8Array> {
    signal?.throwIfAborted();
    const wanted = indices.map((index) => this.#sample(index));
    this.#readAhead(indices);
    const outcomes = await unlessAborted(Promise.allSettled(wanted), signal);
    const stride = elementCount(this.shape);
    const batch = new Uint8Array(indices.length * stride);
    outcomes.forEach((outcome, place) => {
      if (outcome.status === "rejected") throw outcome.reason;
      batch.set(outcome.value, place * stride);
    });
    return batch;
  }

  #sample(index: number): Promise<Uint8Array> {
    const ahead = this.#ahead.get(index);
    this.#ahead.delete(index);
    const kept = this.#cache.get(index);
    return kept === undefined ? ahead ?? this.#decode(index) : Promise.resolve(kept);
  }

  /** One decoding of a sample at a time, however many wait for it. */
  #decode(index: number): Promise<Uint8Array> {
    const pending = this.#underWay.get(index);
    if (pending !== undefined) return pending;
    const decoding = this.#decodeFile(index).finally(() => this.#underWay.delete(index));
    this.#underWay.set(index, decoding);
    return decoding;
  }

  async #decodeFile(index: number): Promise<Uint8Array> {
    const { folder, files, layout, pool } = this.options;
    const path = join(folder, files[index] ?? "");
    const { size, data } = await pool.run("sample", path);
    if (!sameShape(sampleShape(size, layout), this.shape)) {
      throw new DatasetError(
        `Cannot read picture "${path}": it is ${size.width}x${size.height} after preprocessing, ` +
          `expected ${this.size.width}x${this.size.height} as "${files[0]}" is; add a resize or crop step`,
      );
    }
    this.#cache.offer(index, data);
    return data;
  }

  /** Evaluations go through samples in order, so as many as were just asked for will be wanted next. */
  #readAhead(indices: readonly number[]): void {
    if (!this.options.pool.concurrent) return;
    const first = (indices[indices.length - 1] ?? 0) + 1;
    const end = Math.min(first + indices.length, this.options.files.length);
    for (const index of this.#ahead.keys()) if (index < first || index >= end) this.#ahead.delete(index);
    for (let index = first; index < end; index++) {
      if (this.#cache.has(index) || this.#ahead.has(index)) continue;
      const decoding = this.#decode(index);
      // A failure is told to whoever asks for the sample.
      decoding.catch(() => {});
      this.#ahead.set(index, decoding);
    }
  }
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
