/** Runs samples through a session batch by batch, reading results back seldom: every mapping costs milliseconds. */
import { ModelError } from "../base/errors.ts";
import { elementCount, formatShape, type HostTensor } from "../base/tensor.ts";
import { createStorage, readBuffers, tensorFromWords } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { StagingBuffers } from "../gpu/staging.ts";
import type { PlanOutput } from "../plan/plan.ts";
import type { Session } from "../run/session.ts";
import type { SampleStore } from "./sample_store.ts";

/** Bytes of results gathered on the GPU before they are read. */
const RESULT_BYTES = 48 * 1024 * 1024;

/** Time between read-backs, in ms: short enough for progress and interruption, long against the cost of a mapping. */
const READ_INTERVAL_MS = 400;

/**
 * Encodes the computation of one batch, the `batch`-th from 0; `collect(lane)` puts the outputs of the moment aside as results of a lane.
 */
export type EncodeBatch = (encoder: GPUCommandEncoder, collect: (lane: number) => void, batch: number) => void;

/** One way of all batches through the session. */
export interface BatchPass {
  /** Result sets that `encode` collects of each batch; 1 unless stated. */
  readonly lanes?: number;
  /** Whether the network's inputs must be there; they are unless stated. */
  readonly readsInputs?: boolean;
  readonly encode: EncodeBatch;
}

/** Takes the outputs of one sample in one lane; tensors have no batch axis. */
export type TakeRow = (lane: number, position: number, outputs: readonly HostTensor[]) => void;

/** What becomes of results. */
export interface BatchResults {
  /** Lanes are counted through all passes. Hears of the samples of a lane in order. */
  readonly take: TakeRow;
  /** Waited for whenever results were taken. */
  readonly afterRead?: () => Promise<void>;
  readonly signal?: AbortSignal | undefined;
  /** Hears of samples done, those of every lane counted. */
  readonly onProgress?: (done: number) => void;
}

/** Results of one batch in one pass, on the GPU. */
interface PendingResults {
  readonly lane: number;
  readonly lanes: number;
  readonly start: number;
  readonly rows: number;
}

/** Runs a session over samples of a store. Dispose it to free its result buffers. */
export class BatchRunner {
  readonly #gpu: Gpu;
  readonly #session: Session;
  readonly #store: SampleStore;
  readonly #outputs: readonly { readonly output: PlanOutput; readonly slot: number; readonly rowBytes: number }[];
  readonly #rowsPerBatch: number;
  readonly #batchBytes: number;
  readonly #staging: StagingBuffers;
  #results: GPUBuffer | undefined;

  /** Collects the outputs named in `outputs`, in that order; all of the plan unless stated. */
  constructor(gpu: Gpu, session: Session, store: SampleStore, batch: number, outputs?: readonly string[]) {
    this.#gpu = gpu;
    this.#staging = new StagingBuffers(gpu.device);
    this.#session = session;
    this.#store = store;
    this.#rowsPerBatch = batch;
    const wanted = outputs?.flatMap((name) => session.plan.outputs.filter((output) => output.name === name));
    this.#outputs = (wanted ?? session.plan.outputs).map((output) => {
      if (output.type.shape[0] !== batch) {
        throw new ModelError(
          `Cannot evaluate network: output "${output.name}" has shape ${
            formatShape(output.type.shape)
          }, expected the batch of ${batch} first`,
        );
      }
      if (output.slot === undefined) {
        throw new ModelError(`Cannot evaluate network: output "${output.name}" is constant`);
      }
      return { output, slot: output.slot, rowBytes: 4 * elementCount(output.type.shape.slice(1)) };
    });
    this.#batchBytes = this.#outputs.reduce((sum, { rowBytes }) => sum + rowBytes * batch, 0);
  }

  /** Bytes that the outputs of one sample take as tensors, at most: an int64 element takes two words of the GPU's. */
  get sampleBytes(): number {
    return 2 * this.#outputs.reduce((sum, { rowBytes }) => sum + rowBytes, 0);
  }

  /** Runs `indices` in batches once. */
  run(indices: readonly number[], { encode, ...results }: BatchResults & Pick<BatchPass, "encode">): Promise<void> {
    return this.runPasses(indices, [{ encode }], results);
  }

  /** Runs `indices` in batches, once for each pass. */
  async runPasses(indices: readonly number[], passes: readonly BatchPass[], results: BatchResults): Promise<void> {
    const { take, afterRead, signal, onProgress } = results;
    const laneBytes = Math.max(4, this.#batchBytes);
    const lanes = passes.reduce((sum, pass) => sum + lanesOf(pass), 0);
    const capacity = Math.max(...passes.map(lanesOf), Math.floor(RESULT_BYTES / laneBytes));
    this.#reserve(Math.min(capacity, lanes * Math.ceil(indices.length / this.#rowsPerBatch)) * laneBytes);
    let pending: PendingResults[] = [];
    let [waiting, lanesPerRead, done, readAt] = [0, 1, 0, performance.now()];
    const read = async () => {
      if (waiting === 0) return;
      await this.#read(pending, { count: waiting, laneBytes, take });
      const elapsed = performance.now() - readAt;
      readAt = performance.now();
      lanesPerRead = Math.max(1, Math.round(waiting * READ_INTERVAL_MS / Math.max(elapsed, 1)));
      done += pending.reduce((sum, batch) => sum + batch.rows * batch.lanes, 0);
      [pending, waiting] = [[], 0];
      await afterRead?.();
      onProgress?.(done);
    };
    let lane = 0;
    for (const pass of passes) {
      for (let start = 0; start < indices.length; start += this.#rowsPerBatch) {
        signal?.throwIfAborted();
        if (waiting + lanesOf(pass) > capacity) await read();
        const batch = indices.slice(start, start + this.#rowsPerBatch);
        await this.#submit(batch, pass, { number: start / this.#rowsPerBatch, at: waiting * laneBytes, signal });
        pending.push({ lane, lanes: lanesOf(pass), start, rows: batch.length });
        waiting += lanesOf(pass);
        if (waiting >= lanesPerRead) await read();
      }
      lane += lanesOf(pass);
    }
    await read();
  }

  [Symbol.dispose](): void {
    this.#staging[Symbol.dispose]();
    this.#results?.destroy();
  }

  #reserve(byteLength: number): void {
    if (this.#results && this.#results.size >= byteLength) return;
    this.#results?.destroy();
    this.#results = createStorage(this.#gpu, byteLength, "results");
  }

  async #submit(
    batch: readonly number[],
    { readsInputs = true, encode }: BatchPass,
    { number, at, signal }: { readonly number: number; readonly at: number; readonly signal: AbortSignal | undefined },
  ): Promise<void> {
    const { device } = this.#gpu;
    if (readsInputs) await this.#store.load(batch, this.#session, signal);
    const encoder = device.createCommandEncoder();
    if (readsInputs) this.#store.encodeCopies(encoder, batch, this.#session);
    encode(encoder, (lane) => this.#collect(encoder, at + lane * Math.max(4, this.#batchBytes)), number);
    device.queue.submit([encoder.finish()]);
  }

  #collect(encoder: GPUCommandEncoder, offset: number): void {
    let at = offset;
    for (const { slot, rowBytes } of this.#outputs) {
      const byteLength = rowBytes * this.#rowsPerBatch;
      if (byteLength > 0) {
        const { buffer, offset: from } = this.#session.slotPart(slot);
        encoder.copyBufferToBuffer(buffer, from, this.#results!, at, byteLength);
      }
      at += byteLength;
    }
  }

  async #read(
    pending: readonly PendingResults[],
    { count, laneBytes, take }: { readonly count: number; readonly laneBytes: number; readonly take: TakeRow },
  ): Promise<void> {
    const results = { buffer: this.#results!, byteLength: count * laneBytes };
    const [words] = await readBuffers(this.#gpu, [results], this.#staging);
    let at = 0;
    for (const { lane, lanes, start, rows } of pending) {
      for (let place = 0; place < lanes; place++) {
        for (let row = 0; row < rows; row++) take(lane + place, start + row, this.#row(words!, at, row));
        at += laneBytes;
      }
    }
  }

  #row(words: ArrayBuffer, base: number, row: number): HostTensor[] {
    let at = base;
    return this.#outputs.map(({ output, rowBytes }) => {
      const from = at + row * rowBytes;
      at += rowBytes * this.#rowsPerBatch;
      return tensorFromWords(words.slice(from, from + rowBytes), output.type.dtype, output.type.shape.slice(1));
    });
  }
}

function lanesOf({ lanes = 1 }: BatchPass): number {
  return lanes;
}
