/** The only source of randomness: seeded, so that every run can be repeated. */

/** Uniform numbers in [0, 1) from a seed (Marsaglia's xorshift32, "Xorshift RNGs", 2003, with a multiplied seed). */
export function createRandom(seed: number): () => number {
  let state = (Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 4294967296;
  };
}

/** `count` distinct indices below `length`, ascending; Fisher-Yates over the first `count` places. */
export function sampleIndices(length: number, count: number, seed: number): number[] {
  const random = createRandom(seed);
  const indices = Array.from({ length }, (_, index) => index);
  const taken = Math.min(count, length);
  for (let place = 0; place < taken; place++) {
    const other = place + Math.floor(random() * (length - place));
    [indices[place], indices[other]] = [indices[other]!, indices[place]!];
  }
  return indices.slice(0, taken).sort((a, b) => a - b);
}
