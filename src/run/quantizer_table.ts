/** Parameters of activation quantizers in GPU memory: one entry for each quantizer and candidate. */
import { FLOAT } from "../base/precision.ts";
import type { QuantizerParameters } from "../graph/quantizer.ts";
import type { Gpu } from "../gpu/device.ts";

/** Candidates per quantizer. */
export const MAX_CANDIDATES = 32;

/** Bytes between entries: uniform bindings start at multiples of 256. */
const STRIDE = 256;

/** One buffer of entries, behind them one of zeros for quantizers that are off. */
export class QuantizerTable {
  readonly #gpu: Gpu;
  readonly #buffer: GPUBuffer;
  readonly #entries: number;
  #uploads = 0;

  constructor(gpu: Gpu, quantizers: number) {
    this.#gpu = gpu;
    this.#entries = quantizers * MAX_CANDIDATES;
    this.#buffer = gpu.device.createBuffer({
      label: "quantizers",
      size: STRIDE * (this.#entries + 1),
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

  /** What a pipeline binds for a quantizer in a state: zeros in float. */
  binding(quantizer: number, state: number): GPUBufferBinding {
    const offset = state === FLOAT ? STRIDE * this.#entries : this.#offset(quantizer, state);
    return { buffer: this.#buffer, offset, size: 16 };
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
