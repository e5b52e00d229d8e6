/** Liveness of values, and the assignment of values to reusable buffers. */
import { byteLengthOf, type ValueLifetime } from "./plan.ts";
import type { TypedGraph } from "../ops/infer.ts";
import { type DraftStep, quantizedCopy } from "./draft.ts";
import type { Draft } from "./fuse.ts";

/** Where each value lies. */
export interface SlotAssignment {
  readonly byteLengths: readonly number[];
  readonly values: readonly ValueLifetime[];
  readonly liveBytes: number;
  slotOf(value: string): number;
}

/** A value and the steps, first and last included, during which its contents matter. */
export interface Lifetime {
  readonly value: string;
  readonly byteLength: number;
  readonly first: number;
  last: number;
}

/** Buffers, and which of them each lifetime got. */
export interface Packing {
  readonly byteLengths: readonly number[];
  /** One entry per lifetime. */
  readonly slots: readonly number[];
}

/** Assigns slots. Inputs are alive from before the first step and never reused, so that a run may be repeated; outputs live on to the end. */
export function assignSlots(
  typed: TypedGraph,
  draft: Draft,
  steps: readonly DraftStep[],
  isConstant: (value: string) => boolean,
): SlotAssignment {
  const lifetimes = lifetimesOf(typed, draft, steps, isConstant);
  const { byteLengths, slots } = packLifetimes(lifetimes);
  const slotOf = new Map(lifetimes.map(({ value }, index) => [value, slots[index]!]));
  return {
    byteLengths,
    values: lifetimes.map(({ byteLength, first, last }, index) => ({ slot: slots[index]!, byteLength, first, last })),
    liveBytes: largestLiveSet(lifetimes),
    slotOf(value) {
      const slot = slotOf.get(value);
      if (slot === undefined) throw new Error(`Cannot place value "${value}": it is never computed`);
      return slot;
    },
  };
}

/**
 * Lets lifetimes that do not overlap share buffers. No order of placement is best for every network, and each costs milliseconds:
 * the one that needs the fewest bytes wins.
 */
export function packLifetimes(lifetimes: readonly Lifetime[]): Packing {
  const load = stepLoads(lifetimes);
  const orders: readonly ((a: Lifetime, b: Lifetime) => number)[] = [
    (a, b) => b.byteLength - a.byteLength || a.first - b.first,
    (a, b) => a.first - b.first || b.byteLength - a.byteLength,
    // Where most bytes are alive there is least choice ("greedy by breadth" of Pisarchyk and Lee, 2020).
    (a, b) => load(b) - load(a) || b.byteLength - a.byteLength || a.first - b.first,
  ];
  const packings = orders.map((order) => placeInOrder(lifetimes, order));
  return packings.reduce((best, packing) => totalBytes(packing) < totalBytes(best) ? packing : best);
}

/** Places each lifetime in the free slot that has to grow least, of those that need not grow the smallest, else in a new one. */
function placeInOrder(lifetimes: readonly Lifetime[], order: (a: Lifetime, b: Lifetime) => number): Packing {
  const placed: { byteLength: number; readonly lifetimes: Lifetime[] }[] = [];
  const slots = new Array<number>(lifetimes.length);
  const indices = lifetimes.map((_, index) => index).sort((a, b) => order(lifetimes[a]!, lifetimes[b]!));
  for (const index of indices) {
    const lifetime = lifetimes[index]!;
    let chosen = -1;
    placed.forEach((slot, number) => {
      if (slot.lifetimes.some((other) => other.first <= lifetime.last && lifetime.first <= other.last)) return;
      if (chosen < 0 || isBetterFit(slot.byteLength, placed[chosen]!.byteLength, lifetime.byteLength)) chosen = number;
    });
    if (chosen < 0) chosen = placed.push({ byteLength: 0, lifetimes: [] }) - 1;
    const slot = placed[chosen]!;
    slot.byteLength = Math.max(slot.byteLength, lifetime.byteLength);
    slot.lifetimes.push(lifetime);
    slots[index] = chosen;
  }
  return { byteLengths: placed.map((slot) => slot.byteLength), slots };
}

function isBetterFit(candidate: number, best: number, wanted: number): boolean {
  const [growth, bestGrowth] = [Math.max(0, wanted - candidate), Math.max(0, wanted - best)];
  return growth < bestGrowth || (growth === bestGrowth && candidate < best);
}

function totalBytes({ byteLengths }: Packing): number {
  return byteLengths.reduce((sum, byteLength) => sum + byteLength, 0);
}

/** For a lifetime, the most bytes alive during any of its steps. */
function stepLoads(lifetimes: readonly Lifetime[]): (lifetime: Lifetime) => number {
  const start = Math.min(0, ...lifetimes.map(({ first }) => first));
  const end = lifetimes.reduce((latest, { last }) => Math.max(latest, last), 0);
  const changes = new Float64Array(end - start + 2);
  for (const { byteLength, first, last } of lifetimes) {
    changes[first - start]! += byteLength;
    changes[last - start + 1]! -= byteLength;
  }
  let alive = 0;
  const loads = changes.map((change) => alive += change);
  const loadOf = new Map(
    lifetimes.map((lifetime) => {
      let most = 0;
      for (let at = lifetime.first; at <= lifetime.last; at++) most = Math.max(most, loads[at - start]!);
      return [lifetime, most];
    }),
  );
  return (lifetime) => loadOf.get(lifetime)!;
}

function lifetimesOf(
  typed: TypedGraph,
  draft: Draft,
  steps: readonly DraftStep[],
  isConstant: (value: string) => boolean,
): Lifetime[] {
  const lifetimes = new Map<string, Lifetime>();
  const touch = (name: string, at: number) => {
    const value = draft.aliases.get(name) ?? name;
    if (isConstant(value)) return;
    const known = lifetimes.get(value);
    if (known) {
      known.last = Math.max(known.last, at);
      return;
    }
    const count = draft.temporaries.get(value);
    const shape = count === undefined ? typed.types.get(value)!.shape : [count];
    lifetimes.set(value, { value, byteLength: byteLengthOf({ shape }), first: at, last: at });
  };
  for (const input of typed.graph.inputs) {
    touch(input.name, -1);
    touch(input.name, steps.length);
  }
  steps.forEach((step, at) => {
    for (const ref of [...step.operands, ...(step.residual ? [step.residual] : [])]) {
      touch(ref.value, at);
      if (ref.quantizer !== undefined) touch(quantizedCopy(ref.value, ref.quantizer), at);
    }
  });
  for (const output of typed.graph.outputs) if (!typed.types.get(output.name)?.value) touch(output.name, steps.length);
  return [...lifetimes.values()];
}

/** Bytes of the largest set of lifetimes that share a step: no packing needs less. */
export function largestLiveSet(lifetimes: readonly Lifetime[]): number {
  const load = stepLoads(lifetimes);
  return lifetimes.reduce((largest, lifetime) => Math.max(largest, load(lifetime)), 0);
}
