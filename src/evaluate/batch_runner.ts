/** Runs samples through a session batch by batch, reading results back seldom: every mapping costs milliseconds. */
import { ModelError } from "../base/errors.ts";
import { elementCount, formatShape, type HostTensor } from "../base/tensor.ts";
import { createStorage, readBuffers, tensorFromWords } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
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

/** Takes the outputs of one sample in one lane; tensors have no batch axis. */
export type TakeRow = (lane: number, position: number, outputs: readonly HostTensor[]) => void;

/** Runs a session over samples of a store. Dispose it to free its result buffers. */
export class BatchRunner {
  readonly #gpu: Gpu;
  readonly #session: Session;
  readonly #store: SampleStore;
  readonly #outputs: readonly { readonly output: PlanOutput; readonly slot: number; readonly rowBytes: number }[];
  readonly #rowsPerBatch: number;
  readonly #batchBytes: number;
  #results: GPUBuffer | undefined;

  /** Collects the outputs named in `outputs`, in that order; all of the plan unless stated. */
  constructor(gpu: Gpu, session: Session, store: SampleStore, batch: number, outputs?: readonly string[]) {
    this.#gpu = gpu;
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

  /** Runs `indices` in batches. `lanes` result sets of each batch are collected by `encode`; `onProgress` hears of samples done. */
  async run(
    indices: readonly number[],
    options: {
      lanes?: number;
      encode: EncodeBatch;
      take: TakeRow;
      signal?: AbortSignal;
      onProgress?: (done: number) => void;
    },
  ): Promise<void> {
    const { lanes = 1, encode, take, signal, onProgress } = options;
    const { device } = this.#gpu;
    const laneBytes = Math.max(4, this.#batchBytes);
    const capacity = Math.max(1, Math.floor(RESULT_BYTES / (lanes * laneBytes)));
    this.#reserve(Math.min(capacity, Math.ceil(indices.length / this.#rowsPerBatch)) * lanes * laneBytes);
    let pending: { start: number; rows: number }[] = [];
    let batchesPerRead = 1;
    let readAt = performance.now();
    for (let start = 0; start < indices.length; start += this.#rowsPerBatch) {
      signal?.throwIfAborted();
      const batch = indices.slice(start, start + this.#rowsPerBatch);
      await this.#store.load(batch, this.#session, signal);
      const encoder = device.createCommandEncoder();
      this.#store.encodeCopies(encoder, batch, this.#session);
      const base = pending.length * lanes * laneBytes;
      encode(encoder, (lane) => this.#collect(encoder, base + lane * laneBytes), start / this.#rowsPerBatch);
      device.queue.submit([encoder.finish()]);
      pending.push({ start, rows: batch.length });
      const isLast = start + this.#rowsPerBatch >= indices.length;
      if (pending.length < Math.min(batchesPerRead, capacity) && !isLast) continue;
      await this.#read(pending, { lanes, laneBytes, take });
      const elapsed = performance.now() - readAt;
      readAt = performance.now();
      batchesPerRead = Math.max(1, Math.round(pending.length * READ_INTERVAL_MS / Math.max(elapsed, 1)));
      pending = [];
      onProgress?.(Math.min(start + this.#rowsPerBatch, indices.length));
    }
  }

  [Symbol.dispose](): void {
    this.#results?.destroy();
  }

  #reserve(byteLength: number): void {
    if (this.#results && this.#results.size >= byteLength) return;
    this.#results?.destroy();
    this.#results = createStorage(this.#gpu, byteLength, "results");
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
    batches: readonly { start: number; rows: number }[],
    { lanes, laneBytes, take }: { lanes: number; laneBytes: number; take: TakeRow },
  ): Promise<void> {
    const byteLength = batches.length * lanes * laneBytes;
    const [words] = await readBuffers(this.#gpu, [{ buffer: this.#results!, byteLength }]);
    batches.forEach(({ start, rows }, batch) => {
      for (let lane = 0; lane < lanes; lane++) {
        const base = (batch * lanes + lane) * laneBytes;
        for (let row = 0; row < rows; row++) take(lane, start + row, this.#row(words!, base, row));
      }
    });
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
