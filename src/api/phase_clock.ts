/** Wall clock of the phases of a quantization. */
import type { Phase, QuantizeOptions } from "./quantize_options.ts";

/** Counts seconds by phase, and tells the caller of every phase that begins. */
export class PhaseClock {
  readonly seconds: Record<Phase, number> = { prepare: 0, calibrate: 0, accuracy: 0, export: 0, measure: 0 };
  readonly #onEvent: QuantizeOptions["onEvent"];
  #phase: Phase | undefined;
  #since = performance.now();

  constructor({ onEvent }: Pick<QuantizeOptions, "onEvent">) {
    this.#onEvent = onEvent;
  }

  /** Ends the phase under way and begins another. */
  enter(phase: Phase): void {
    this.finish();
    this.#phase = phase;
    this.#onEvent?.({ kind: "phase", phase });
  }

  /** Ends the phase under way. */
  finish(): void {
    const now = performance.now();
    if (this.#phase) this.seconds[this.#phase] += (now - this.#since) / 1000;
    this.#since = now;
    this.#phase = undefined;
  }
}
