/** Seeded draws for mutations. */
import { createRandom } from "../../src/base/random.ts";

/** Draws from one seed; every mutant has its own, so that it can be made again alone. */
export class Draw {
  readonly #random: () => number;

  constructor(seed: number, index: number) {
    this.#random = createRandom(Math.imul(seed + 1, 0x01000193) ^ Math.imul(index + 1, 0x85ebca6b));
    // Neighbouring seeds begin alike.
    for (let skipped = 0; skipped < 4; skipped++) this.#random();
  }

  /** An integer from 0 to `end` - 1. */
  below(end: number): number {
    return Math.floor(this.#random() * end);
  }

  /** Whether something of this probability happens. */
  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  /** One of a list; throws RangeError for an empty one. */
  of<T>(list: readonly T[]): T {
    if (list.length === 0) throw new RangeError("Cannot draw from an empty list");
    return list[this.below(list.length)] as T;
  }

  /** A seed for somebody else's generator. */
  seed(): number {
    return this.below(0x7fffffff);
  }
}
