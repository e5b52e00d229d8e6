/** The error of one value over many samples, from what the GPU reduced it to. */
import { ERROR_TERMS } from "../ops/sample_error.ts";

/** Adds up rows of SampleError. */
export class ValueError {
  #reference = 0;
  #other = 0;
  #product = 0;
  #error = 0;
  #largest = 0;

  /** Takes one sample's parts: sums of a², b², a·b, (a − b)² and the largest |a − b| of each. */
  add(parts: ArrayLike<number>): void {
    for (let part = 0; part < parts.length; part += ERROR_TERMS) {
      this.#reference += parts[part]!;
      this.#other += parts[part + 1]!;
      this.#product += parts[part + 2]!;
      this.#error += parts[part + 3]!;
      this.#largest = Math.max(this.#largest, parts[part + 4]!);
    }
  }

  /** Ten times the decimal logarithm of signal to error energy, in dB; Infinity without error. */
  get sqnr(): number {
    return this.#error === 0 ? Infinity : 10 * Math.log10(this.#reference / this.#error);
  }

  /** Cosine between both; 1 where both are zero throughout. */
  get cosine(): number {
    if (this.#error === 0) return 1;
    const norms = Math.sqrt(this.#reference) * Math.sqrt(this.#other);
    return norms === 0 ? 0 : Math.min(1, this.#product / norms);
  }

  /** Largest absolute difference of an element. */
  get maxError(): number {
    return this.#largest;
  }
}
