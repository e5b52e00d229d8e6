/** Samples on their way to the GPU: kept there as they are stored while they fit, else streamed from the dataset. */
import { elementCount, type HostTensor } from "../base/tensor.ts";
import type { Dataset } from "../data/dataset.ts";
import { createStorage, wordsOf, writeWords } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Session } from "../run/session.ts";
import type { FeedInput } from "./feed.ts";

/** Bytes of one buffer of resident samples. */
const CHUNK_BYTES = 64 * 1024 * 1024;

/** Feeds batches of a dataset into a session. Dispose it to free what is resident. */
export class SampleStore {
  readonly #gpu: Gpu;
  readonly #dataset: Dataset;
  readonly #inputs: readonly FeedInput[];
  /** Per input: buffers of `samplesPerChunk` samples each; undefined while samples are streamed. */
  readonly #resident:
    | readonly { readonly samplesPerChunk: number; readonly chunks: Map<number, GPUBuffer> }[]
    | undefined;
  readonly #loaded: Uint8Array;

  /** Keeps all samples on the GPU if they take at most `memoryBudget` bytes. */
  constructor(gpu: Gpu, dataset: Dataset, inputs: readonly FeedInput[], memoryBudget: number) {
    this.#gpu = gpu;
    this.#dataset = dataset;
    this.#inputs = inputs;
    const sampleBytes = inputs.reduce((sum, input) => sum + 4 * input.sampleWords, 0);
    const fits = sampleBytes * dataset.length <= memoryBudget;
    this.#resident = fits
      ? inputs.map((input) => ({
        samplesPerChunk: Math.max(1, Math.floor(CHUNK_BYTES / (4 * input.sampleWords))),
        chunks: new Map(),
      }))
      : undefined;
    this.#loaded = new Uint8Array(dataset.length);
  }

  /** Whether samples stay on the GPU once they were loaded. */
  get isResident(): boolean {
    return this.#resident !== undefined;
  }

  /** Makes a batch ready for `encodeCopies`; streamed batches go straight into the session's inputs. */
  async load(indices: readonly number[], session: Session, signal?: AbortSignal): Promise<void> {
    const missing = this.#resident ? indices.filter((index) => !this.#loaded[index]) : indices;
    if (missing.length === 0) return;
    const tensors = await this.#dataset.read(missing, signal);
    tensors.forEach((tensor, place) => {
      const input = this.#inputs[place]!;
      const words = packedWords(tensor, input);
      if (!this.#resident) {
        writeWords(this.#gpu, session.inputBuffer(input.name), words);
        return;
      }
      missing.forEach((index, row) => {
        const { buffer, byteOffset } = this.#location(place, index);
        const sample = words.subarray(row * input.sampleWords, (row + 1) * input.sampleWords);
        writeWords(this.#gpu, buffer, sample, byteOffset);
      });
    });
    this.#gpu.device.queue.submit([]);
    if (this.#resident) { for (const index of missing) this.#loaded[index] = 1; }
  }

  /** Encodes the copies of resident samples into the session's inputs. */
  encodeCopies(encoder: GPUCommandEncoder, indices: readonly number[], session: Session): void {
    if (!this.#resident) return;
    this.#inputs.forEach((input, place) => {
      const byteLength = 4 * input.sampleWords;
      const target = session.inputBuffer(input.name);
      for (let row = 0; row < indices.length;) {
        const from = this.#location(place, indices[row]!);
        let count = 1;
        // Neighbours that lie together are copied together.
        while (row + count < indices.length && indices[row + count] === indices[row]! + count) {
          if (this.#location(place, indices[row + count]!).buffer !== from.buffer) break;
          count++;
        }
        encoder.copyBufferToBuffer(from.buffer, from.byteOffset, target, row * byteLength, count * byteLength);
        row += count;
      }
    });
  }

  [Symbol.dispose](): void {
    for (const { chunks } of this.#resident ?? []) for (const buffer of chunks.values()) buffer.destroy();
  }

  #location(place: number, index: number): { buffer: GPUBuffer; byteOffset: number } {
    const { samplesPerChunk, chunks } = this.#resident![place]!;
    const number = Math.floor(index / samplesPerChunk);
    let buffer = chunks.get(number);
    if (!buffer) {
      const samples = Math.min(samplesPerChunk, this.#dataset.length - number * samplesPerChunk);
      buffer = createStorage(this.#gpu, 4 * samples * this.#inputs[place]!.sampleWords, `samples ${number}`);
      chunks.set(number, buffer);
    }
    return { buffer, byteOffset: 4 * (index % samplesPerChunk) * this.#inputs[place]!.sampleWords };
  }
}

/** A batch as words; bytes lie four to a word, each sample starting at a word. */
function packedWords(tensor: HostTensor, input: FeedInput): Uint32Array<ArrayBuffer> {
  if (!input.packsBytes) return wordsOf(tensor);
  const sampleBytes = elementCount(tensor.shape.slice(1));
  const padded = new Uint8Array(tensor.shape[0]! * input.sampleWords * 4);
  for (let row = 0; row < tensor.shape[0]!; row++) {
    padded.set(tensor.data.subarray(row * sampleBytes, (row + 1) * sampleBytes), row * input.sampleWords * 4);
  }
  return new Uint32Array(padded.buffer);
}
