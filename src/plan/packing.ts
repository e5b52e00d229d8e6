/** Packs values into few bytes: those that are alive at different times lie in the same place. */

/** When a value matters, and what must not share its buffer. */
export interface Lifetime {
  readonly byteLength: number;
  /** Steps, first and last included, during which the contents matter. */
  readonly first: number;
  last: number;
  /** Lifetimes that may never lie in one buffer with this one. */
  readonly apartFrom: Set<Lifetime>;
  /** Lifetimes that lie in one buffer with this one only where that spares much memory: kernels pay for it. */
  readonly ratherApartFrom: Set<Lifetime>;
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

/** How many times the largest live set may be taken before values are brought together that are rather apart. */
const GENEROUS = 1.2;

type Order = (a: Lifetime, b: Lifetime) => number;

/**
 * Packs lifetimes. No order of placement is best for every network, and each costs milliseconds: the one that needs the fewest bytes
 * wins; among those that bring values together that are rather apart, the one that does so least if it stays below what is generous.
 */
export function packLifetimes(lifetimes: readonly Lifetime[]): Packing {
  const load = stepLoads(lifetimes);
  const orders: readonly Order[] = [
    (a, b) => b.byteLength - a.byteLength || a.first - b.first,
    (a, b) => a.first - b.first || b.byteLength - a.byteLength,
    // Where most bytes are alive there is least choice ("greedy by breadth" of Pisarchyk and Lee, 2020).
    (a, b) => load(b) - load(a) || b.byteLength - a.byteLength || a.first - b.first,
  ];
  const tried = lifetimes.length > MANY ? orders.slice(0, 1) : orders;
  const pack = (order: Order, opensEarly: boolean, limit: number) =>
    new Packer(lifetimes, opensEarly, limit).pack(order);
  const apart = tried.flatMap((order) => [false, true].map((opensEarly) => pack(order, opensEarly, Infinity)));
  const fewest = (packings: readonly Tried[], of: (packing: Tried) => number) =>
    packings.reduce((best, packing) => of(packing) < of(best) ? packing : best);
  const smallest = fewest(apart, totalBytes);
  const limit = GENEROUS * largestLiveSet(lifetimes);
  if (totalBytes(smallest) <= limit) return smallest;
  const together = [smallest, ...tried.map((order) => pack(order, false, limit))];
  const within = together.filter((packing) => totalBytes(packing) <= limit);
  return within.length > 0 ? fewest(within, ({ broughtTogether }) => broughtTogether) : fewest(together, totalBytes);
}

/** A packing, and how often it has values in one buffer that are rather apart. */
interface Tried extends Packing {
  readonly broughtTogether: number;
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
  readonly #limit: number;
  readonly #buffers: OpenBuffer[] = [];
  /** Bytes of all buffers, those that lone values will have included. */
  #total: number;
  #broughtTogether = 0;

  /**
   * With `opensEarly` a value that would lie behind everything in its buffer gets a new one. Values that are rather apart come together
   * where all buffers would take more than `limit` bytes otherwise.
   */
  constructor(lifetimes: readonly Lifetime[], opensEarly: boolean, limit: number) {
    this.#lifetimes = lifetimes;
    this.#opensEarly = opensEarly;
    this.#limit = limit;
    this.#total = lifetimes.reduce((sum, { isAlone, byteLength }) => sum + (isAlone ? byteLength : 0), 0);
  }

  pack(order: Order): Tried {
    const places = new Array<Place>(this.#lifetimes.length);
    const indices = this.#lifetimes.map((_, index) => index)
      .sort((a, b) => order(this.#lifetimes[a]!, this.#lifetimes[b]!));
    for (const index of indices) places[index] = this.#place(this.#lifetimes[index]!);
    const buffers = this.#buffers.map(({ byteLength }) => byteLength);
    return { buffers, places, broughtTogether: this.#broughtTogether };
  }

  #place(lifetime: Lifetime): Place {
    if (lifetime.isAlone) return this.#put(lifetime, this.#open(lifetime));
    const apart = this.#bestRoom(lifetime, ({ members }) => countIn(members, lifetime.ratherApartFrom) === 0);
    const isWorthOpening = this.#opensEarly && apart && apart.growth >= lifetime.byteLength;
    const own = apart && !isWorthOpening ? apart : { growth: lifetime.byteLength };
    if (this.#total + own.growth > this.#limit) {
      const any = this.#bestRoom(lifetime, () => true);
      if (any && any.growth < own.growth) return this.#put(lifetime, any);
    }
    return this.#put(lifetime, "buffer" in own ? own : this.#open(lifetime));
  }

  /** The gap that makes its buffer grow least, of those that do not the smallest. */
  #bestRoom(lifetime: Lifetime, accepts: (open: OpenBuffer) => boolean): Room | undefined {
    let best: Room | undefined;
    this.#buffers.forEach((open, buffer) => {
      if (open.isAlone || countIn(open.members, lifetime.apartFrom) > 0 || !accepts(open)) return;
      const { offset, gap } = bestGap(open, lifetime);
      const growth = Math.max(0, offset + lifetime.byteLength - open.byteLength);
      if (open.byteLength + growth > LARGEST_BUFFER && growth > 0) return;
      if (!best || growth < best.growth || (growth === best.growth && gap < best.gap)) {
        best = { buffer, offset, growth, gap };
      }
    });
    return best;
  }

  #open({ isAlone = false, byteLength }: Lifetime): Room {
    const buffer = this.#buffers.push({ byteLength: 0, isAlone, placed: [], members: new Set() }) - 1;
    return { buffer, offset: 0, growth: isAlone ? 0 : byteLength, gap: 0 };
  }

  #put(lifetime: Lifetime, { buffer, offset, growth }: Room): Place {
    const open = this.#buffers[buffer]!;
    const at = open.placed.findIndex((other) => other.offset > offset);
    this.#broughtTogether += countIn(open.members, lifetime.ratherApartFrom);
    open.placed.splice(at < 0 ? open.placed.length : at, 0, { lifetime, offset });
    open.members.add(lifetime);
    open.byteLength = Math.max(open.byteLength, offset + lifetime.byteLength);
    this.#total += growth;
    return { buffer, offset };
  }
}

/** Room for a value in a buffer. */
interface Room extends Place {
  /** Bytes that the buffer grows by. */
  readonly growth: number;
  readonly gap: number;
}

function countIn(members: ReadonlySet<Lifetime>, lifetimes: ReadonlySet<Lifetime>): number {
  let count = 0;
  for (const lifetime of lifetimes) if (members.has(lifetime)) count++;
  return count;
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
