/** Activations at one point of the network, kept on the GPU batch by batch. */
import type { Gpu } from "../gpu/device.ts";
import type { Session } from "../run/session.ts";
import type { LivePart } from "./live_sets.ts";

/** One buffer for each batch, made when something is first saved in it. Dispose it to free them. */
export class BatchActivations {
  readonly #gpu: Gpu;
  readonly #session: Session;
  readonly #byteLength: number;
  readonly #label: string;
  readonly #batches = new Map<number, GPUBuffer>();

  /** `byteLength` is what one batch takes at most. */
  constructor(gpu: Gpu, session: Session, byteLength: number, label: string) {
    this.#gpu = gpu;
    this.#session = session;
    this.#byteLength = byteLength;
    this.#label = label;
  }

  /** Copies values from their slots, or back into them. */
  copy(encoder: GPUCommandEncoder, parts: readonly LivePart[], batch: number, direction: "save" | "restore"): void {
    if (parts.length === 0) return;
    const stored = this.#batch(batch);
    let at = 0;
    for (const { slot, byteLength } of parts) {
      const { buffer, offset } = this.#session.slotPart(slot);
      if (direction === "save") encoder.copyBufferToBuffer(buffer, offset, stored, at, byteLength);
      else encoder.copyBufferToBuffer(stored, at, buffer, offset, byteLength);
      at += byteLength;
    }
  }

  [Symbol.dispose](): void {
    for (const buffer of this.#batches.values()) buffer.destroy();
  }

  #batch(number: number): GPUBuffer {
    let stored = this.#batches.get(number);
    if (!stored) {
      stored = this.#gpu.device.createBuffer({
        label: this.#label,
        size: this.#byteLength,
        usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
      this.#batches.set(number, stored);
    }
    return stored;
  }
}
