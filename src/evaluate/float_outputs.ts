/** Outputs of the float network, kept on the host as far as a budget allows. */
import type { HostTensor } from "../base/tensor.ts";

/** Sample index → outputs. What does not fit is computed again when it is needed. */
export class FloatOutputs {
  readonly #kept = new Map<number, readonly HostTensor[]>();
  readonly #budget: number;
  #byteLength = 0;

  /** `budget` in bytes. */
  constructor(budget: number) {
    this.#budget = budget;
  }

  /** Bytes left. */
  get room(): number {
    return this.#budget - this.#byteLength;
  }

  /** Whether the outputs of all these samples are kept. */
  hasAll(indices: readonly number[]): boolean {
    return indices.every((index) => this.#kept.has(index));
  }

  get(index: number): readonly HostTensor[] | undefined {
    return this.#kept.get(index);
  }

  /** Keeps the outputs of a sample if there is room for them. */
  offer(index: number, outputs: readonly HostTensor[]): void {
    const byteLength = outputs.reduce((sum, { data }) => sum + data.byteLength, 0);
    if (this.#kept.has(index) || this.#byteLength + byteLength > this.#budget) return;
    this.#kept.set(index, outputs);
    this.#byteLength += byteLength;
  }
}
