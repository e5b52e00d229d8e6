/** Packs values into few bytes: those that are alive at different times lie in the same place. */

/** When a value matters, and what must not share its buffer. */
export interface Lifetime {
  readonly byteLength: number;
  /** Steps, first and last included, during which the contents matter. */
  readonly first: number;
  last: number;
  /** Lifetimes that some step reads while it writes this one, or the other way round: WebGPU forbids both in one buffer. */
  readonly apartFrom: Set<Lifetime>;
  /** The value has a buffer of its own. */
  isAlone?: boolean;
}

/** Where a value lies. */
export interface Place {
  readonly buffer: number;
  readonly offset: number;
}

/** Buffers, and where in them each lifetime lies. */
export interface Packing {
  readonly buffers: readonly number[];
  /** One entry per lifetime. */
  readonly places: readonly Place[];
}

/** Values start at multiples of this many bytes: the largest alignment that WebGPU asks of a binding. */
const ALIGNMENT = 256;

/** Bytes of a buffer that every adapter grants; only a single value may be larger. */
const LARGEST_BUFFER = 256 * 1024 * 1024;

/** Lifetimes above which one order must do: trying all takes time that grows with their square. */
const MANY = 1000;

type Order = (a: Lifetime, b: Lifetime) => number;

/**
 * Packs lifetimes. No order of placement is best for every network, and each costs milliseconds: the one that needs the fewest bytes
 * wins.
 */
export function packLifetimes(lifetimes: readonly Lifetime[]): Packing {
  const load = stepLoads(lifetimes);
  const orders: readonly Order[] = [
    (a, b) => b.byteLength - a.byteLength || a.first - b.first,
    (a, b) => a.first - b.first || b.byteLength - a.byteLength,
    // Where most bytes are alive there is least choice ("greedy by breadth" of Pisarchyk and Lee, 2020).
    (a, b) => load(b) - load(a) || b.byteLength - a.byteLength || a.first - b.first,
  ];
  const packings = (lifetimes.length > MANY ? orders.slice(0, 1) : orders).flatMap((order) =>
    [false, true].map((opensEarly) => new Packer(lifetimes, opensEarly).pack(order))
  );
  return packings.reduce((best, packing) => totalBytes(packing) < totalBytes(best) ? packing : best);
}

interface Placed {
  readonly lifetime: Lifetime;
  readonly offset: number;
}

interface OpenBuffer {
  byteLength: number;
  readonly isAlone: boolean;
  /** By offset. */
  readonly placed: Placed[];
  readonly members: Set<Lifetime>;
}

class Packer {
  readonly #lifetimes: readonly Lifetime[];
  readonly #opensEarly: boolean;
  readonly #buffers: OpenBuffer[] = [];

  /** With `opensEarly` a value that would lie behind everything in its buffer gets a new one. */
  constructor(lifetimes: readonly Lifetime[], opensEarly: boolean) {
    this.#lifetimes = lifetimes;
    this.#opensEarly = opensEarly;
  }

  pack(order: Order): Packing {
    const places = new Array<Place>(this.#lifetimes.length);
    const indices = this.#lifetimes.map((_, index) => index)
      .sort((a, b) => order(this.#lifetimes[a]!, this.#lifetimes[b]!));
    for (const index of indices) places[index] = this.#place(this.#lifetimes[index]!);
    return { buffers: this.#buffers.map(({ byteLength }) => byteLength), places };
  }

  /** Takes the gap that makes its buffer grow least, of those that do not the smallest. */
  #place(lifetime: Lifetime): Place {
    let best: { buffer: number; offset: number; growth: number; gap: number } | undefined;
    this.#buffers.forEach((open, buffer) => {
      if (!accepts(open, lifetime)) return;
      const { offset, gap } = bestGap(open, lifetime);
      const growth = Math.max(0, offset + lifetime.byteLength - open.byteLength);
      if (open.byteLength + growth > LARGEST_BUFFER && growth > 0) return;
      if (!best || growth < best.growth || (growth === best.growth && gap < best.gap)) {
        best = { buffer, offset, growth, gap };
      }
    });
    const isWorthOpening = this.#opensEarly && best && best.growth >= lifetime.byteLength;
    if (!best || isWorthOpening) {
      const isAlone = lifetime.isAlone === true;
      const buffer = this.#buffers.push({ byteLength: 0, isAlone, placed: [], members: new Set() }) - 1;
      best = { buffer, offset: 0, growth: lifetime.byteLength, gap: 0 };
    }
    const open = this.#buffers[best.buffer]!;
    const { offset } = best;
    const at = open.placed.findIndex((other) => other.offset > offset);
    open.placed.splice(at < 0 ? open.placed.length : at, 0, { lifetime, offset });
    open.members.add(lifetime);
    open.byteLength = Math.max(open.byteLength, offset + lifetime.byteLength);
    return { buffer: best.buffer, offset };
  }
}

function accepts(open: OpenBuffer, lifetime: Lifetime): boolean {
  if (open.isAlone || lifetime.isAlone) return false;
  for (const other of lifetime.apartFrom) if (open.members.has(other)) return false;
  return true;
}

/** The smallest gap between values alive at the same time that holds the lifetime; the open end where none does. */
function bestGap(open: OpenBuffer, lifetime: Lifetime): { offset: number; gap: number } {
  let best: { offset: number; gap: number } | undefined;
  let end = 0;
  for (const { lifetime: other, offset } of open.placed) {
    if (other.first > lifetime.last || lifetime.first > other.last) continue;
    const gap = offset - end;
    if (gap >= lifetime.byteLength && (!best || gap < best.gap)) best = { offset: end, gap };
    end = Math.max(end, aligned(offset + other.byteLength));
  }
  const rest = open.byteLength - end;
  if (rest >= lifetime.byteLength && (!best || rest < best.gap)) best = { offset: end, gap: rest };
  return best ?? { offset: end, gap: Infinity };
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function totalBytes({ buffers }: Packing): number {
  return buffers.reduce((sum, byteLength) => sum + byteLength, 0);
}

/** Bytes of the largest set of lifetimes that share a step: no packing needs less. */
export function largestLiveSet(lifetimes: readonly Lifetime[]): number {
  const load = stepLoads(lifetimes);
  return lifetimes.reduce((largest, lifetime) => Math.max(largest, load(lifetime)), 0);
}

/** For a lifetime, the most bytes alive during any of its steps. */
function stepLoads(lifetimes: readonly Lifetime[]): (lifetime: Lifetime) => number {
  const start = lifetimes.reduce((earliest, { first }) => Math.min(earliest, first), 0);
  const end = lifetimes.reduce((latest, { last }) => Math.max(latest, last), 0);
  const changes = new Float64Array(end - start + 2);
  for (const { byteLength, first, last } of lifetimes) {
    changes[first - start]! += byteLength;
    changes[last - start + 1]! -= byteLength;
  }
  let alive = 0;
  const loads = changes.map((change) => alive += change);
  const loadOf = new Map(lifetimes.map((lifetime) => {
    let most = 0;
    for (let at = lifetime.first; at <= lifetime.last; at++) most = Math.max(most, loads[at - start]!);
    return [lifetime, most];
  }));
  return (lifetime) => loadOf.get(lifetime)!;
}
