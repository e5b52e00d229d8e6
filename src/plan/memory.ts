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

interface Lifetime {
  readonly value: string;
  readonly byteLength: number;
  readonly first: number;
  last: number;
}

/**
 * Assigns slots greedily in order of first use: the smallest free slot that fits, else the largest free one grown, else
 * a new one. Inputs are alive from before the first step and never reused, so that a run may be repeated; outputs live on to the end.
 */
export function assignSlots(
  typed: TypedGraph,
  draft: Draft,
  steps: readonly DraftStep[],
  isConstant: (value: string) => boolean,
): SlotAssignment {
  const lifetimes = lifetimesOf(typed, draft, steps, isConstant);
  const slots: { byteLength: number; freeFrom: number }[] = [];
  const slotOf = new Map<string, number>();
  for (const { value, byteLength, first, last } of lifetimes) {
    const free = slots.map((slot, index) => ({ ...slot, index })).filter((slot) => slot.freeFrom <= first)
      .sort((a, b) => a.byteLength - b.byteLength);
    const chosen = free.find((slot) => slot.byteLength >= byteLength) ?? free.at(-1);
    const index = chosen?.index ?? slots.push({ byteLength: 0, freeFrom: 0 }) - 1;
    slots[index] = { byteLength: Math.max(slots[index]!.byteLength, byteLength), freeFrom: last + 1 };
    slotOf.set(value, index);
  }
  return {
    byteLengths: slots.map((slot) => slot.byteLength),
    values: lifetimes.map(({ value, byteLength, first, last }) => ({
      slot: slotOf.get(value)!,
      byteLength,
      first,
      last,
    })),
    liveBytes: largestLiveSet(lifetimes),
    slotOf(value) {
      const slot = slotOf.get(value);
      if (slot === undefined) throw new Error(`Cannot place value "${value}": it is never computed`);
      return slot;
    },
  };
}

/** Lifetimes by first use, then size: large values first find their place. */
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
  return [...lifetimes.values()].sort((a, b) => a.first - b.first || b.byteLength - a.byteLength);
}

function largestLiveSet(lifetimes: readonly Lifetime[]): number {
  const changes = lifetimes.flatMap(({ byteLength, first, last }) => [
    { at: first, change: byteLength },
    { at: last + 1, change: -byteLength },
  ]).sort((a, b) => a.at - b.at || a.change - b.change);
  let live = 0;
  let largest = 0;
  for (const { change } of changes) largest = Math.max(largest, live += change);
  return largest;
}
