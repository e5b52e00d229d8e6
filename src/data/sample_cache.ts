/** Decoded samples within a budget of bytes. */

/** Keeps what is asked for most. */
export interface SampleCache {
  /** The sample if it is kept; counts as a use of it. */
  get(index: number): Uint8Array | undefined;
  /** Whether the sample is kept; no use of it. */
  has(index: number): boolean;
  /** Offers a decoded sample, which may or may not be kept. */
  offer(index: number, data: Uint8Array): void;
  readonly bytes: number;
}

/** Entries looked at per offer before the offered sample is turned away. */
const PROBES = 32;

/**
 * A cache that survives repeated scans of more samples than fit: a sample takes another's place only once it was used at
 * least twice more, so a scan does not push out what the next scan needs first, and a subset that is used often moves in.
 */
export function createSampleCache(length: number, budget: number): SampleCache {
  const uses = new Uint32Array(length);
  const kept = new Map<number, Uint8Array>();
  const order: number[] = [];
  let hand = 0;
  let bytes = 0;

  const evictFor = (index: number): boolean => {
    for (let probe = 0; probe < Math.min(PROBES, order.length); probe++) {
      hand = (hand + 1) % order.length;
      const candidate = order[hand] ?? 0;
      if ((uses[candidate] ?? 0) + 2 > (uses[index] ?? 0)) continue;
      bytes -= kept.get(candidate)?.byteLength ?? 0;
      kept.delete(candidate);
      order[hand] = index;
      return true;
    }
    return false;
  };

  return {
    get bytes() {
      return bytes;
    },
    has: (index) => kept.has(index),
    get(index) {
      uses[index] = (uses[index] ?? 0) + 1;
      return kept.get(index);
    },
    offer(index, data) {
      if (kept.has(index) || data.byteLength > budget) return;
      if (bytes + data.byteLength <= budget) order.push(index);
      else if (!evictFor(index)) return;
      kept.set(index, data);
      bytes += data.byteLength;
    },
  };
}
