/** Parameters of activation quantizers in GPU memory: one entry for each quantizer and candidate. */
import type { QuantizerParameters } from "../graph/quantizer.ts";
import type { Gpu } from "../gpu/device.ts";

/** Candidates per quantizer. */
export const MAX_CANDIDATES = 32;

/** Bytes between entries: uniform bindings start at multiples of 256. */
const STRIDE = 256;

/** One buffer of entries; quantizers that are off are not bound. */
export class QuantizerTable {
  readonly #gpu: Gpu;
  readonly #buffer: GPUBuffer;
  #uploads = 0;

  constructor(gpu: Gpu, quantizers: number) {
    this.#gpu = gpu;
    this.#buffer = gpu.device.createBuffer({
      label: "quantizers",
      size: STRIDE * Math.max(1, quantizers * MAX_CANDIDATES),
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  get uploads(): number {
    return this.#uploads;
  }

  set(quantizer: number, candidate: number, parameters: QuantizerParameters): void {
    if (parameters.scale.length !== 1) {
      throw new RangeError(`Cannot quantize activations with ${parameters.scale.length} scales, expected 1`);
    }
    const { scale, zeroPoint, low, high } = parameters;
    const entry = Float32Array.of(scale[0]!, zeroPoint[0]!, low, high);
    this.#gpu.device.queue.writeBuffer(this.#buffer, this.#offset(quantizer, candidate), entry);
    this.#uploads++;
  }

  /** What a pipeline binds for a quantizer in a candidate. */
  binding(quantizer: number, candidate: number): GPUBufferBinding {
    return { buffer: this.#buffer, offset: this.#offset(quantizer, candidate), size: 16 };
  }

  destroy(): void {
    this.#buffer.destroy();
  }

  #offset(quantizer: number, candidate: number): number {
    if (candidate < 0 || candidate >= MAX_CANDIDATES) {
      throw new RangeError(`Cannot use candidate ${candidate}, expected 0 to ${MAX_CANDIDATES - 1}`);
    }
    return STRIDE * (quantizer * MAX_CANDIDATES + candidate);
  }
}
