/** Liveness of values, and where in which buffer each value lies. */
import type { TypedGraph } from "../ops/infer.ts";
import { type DraftStep, quantizedCopy } from "./draft.ts";
import { bindsOf, writesOf } from "./bindings.ts";
import type { Draft } from "./fuse.ts";
import { largestLiveSet, type Lifetime, packLifetimes } from "./packing.ts";
import { byteLengthOf, type Slot, type ValueLifetime } from "./plan.ts";

/** Where each value lies. */
export interface SlotAssignment {
  /** Byte length of each buffer. */
  readonly buffers: readonly number[];
  readonly slots: readonly Slot[];
  readonly values: readonly ValueLifetime[];
  readonly liveBytes: number;
  slotOf(value: string): number;
}

/** Assigns slots. Inputs are alive from before the first step and never reused, so that a run may be repeated; outputs live on to the end. */
export function assignSlots(
  typed: TypedGraph,
  draft: Draft,
  steps: readonly DraftStep[],
  isConstant: (value: string) => boolean,
): SlotAssignment {
  const indexOf = new Map<string, number>();
  const lifetimes = lifetimesOf(typed, draft, steps, isConstant);
  for (const value of lifetimes.keys()) indexOf.set(value, indexOf.size);
  const all = [...lifetimes.values()];
  const { buffers, places } = packLifetimes(all);
  return {
    buffers,
    slots: places.map((place, index) => ({ ...place, byteLength: all[index]!.byteLength })),
    values: all.map(({ byteLength, first, last }, slot) => ({ slot, byteLength, first, last })),
    liveBytes: largestLiveSet(all),
    slotOf(value) {
      const slot = indexOf.get(value);
      if (slot === undefined) throw new Error(`Cannot place value "${value}": it is never computed`);
      return slot;
    },
  };
}

/** Lifetimes by value, in order of first use. */
function lifetimesOf(
  typed: TypedGraph,
  draft: Draft,
  steps: readonly DraftStep[],
  isConstant: (value: string) => boolean,
): Map<string, Lifetime> {
  const lifetimes = new Map<string, Lifetime>();
  const touch = (name: string, at: number): Lifetime | undefined => {
    const value = draft.aliases.get(name) ?? name;
    if (isConstant(value)) return undefined;
    let lifetime = lifetimes.get(value);
    if (!lifetime) {
      const count = draft.temporaries.get(value);
      const shape = count === undefined ? typed.types.get(value)!.shape : [count];
      lifetime = {
        byteLength: byteLengthOf({ shape }),
        first: at,
        last: at,
        apartFrom: new Set(),
        ratherApartFrom: new Set(),
      };
      lifetimes.set(value, lifetime);
    }
    lifetime.last = Math.max(lifetime.last, at);
    return lifetime;
  };
  for (const input of typed.graph.inputs) {
    touch(input.name, -1)!.isAlone = true;
    touch(input.name, steps.length);
  }
  steps.forEach((step, at) => {
    const touchRef = ({ value, quantizer }: DraftStep["operands"][number]): Lifetime[] => {
      const copy = quantizer === undefined ? undefined : touch(quantizedCopy(value, quantizer), at);
      return [touch(value, at), copy].filter((lifetime) => lifetime !== undefined);
    };
    const writes = writesOf(step);
    const binds = bindsOf(step);
    const operands = step.operands.map(touchRef);
    const written = operands.filter((_, place) => writes[place]).flat();
    const read = operands.filter((_, place) => binds[place] && !writes[place]);
    if (step.residual) read.push(touchRef(step.residual));
    read.forEach((lifetimes, place) => {
      const isBoundTwice = read.some((others, other) =>
        other !== place && others.some((one) => lifetimes.includes(one))
      );
      for (const lifetime of lifetimes) for (const other of written) keepApart(lifetime, other, isBoundTwice);
    });
  });
  for (const output of typed.graph.outputs) if (!typed.types.get(output.name)?.value) touch(output.name, steps.length);
  return lifetimes;
}

/**
 * WebGPU has a step bind a buffer either to read it or to write it. Both at once work in parts of it that do not overlap and are all
 * declared writable: not where two bindings read the same value, which is an overlap.
 */
function keepApart(read: Lifetime, written: Lifetime, isBoundTwice: boolean): void {
  const kind = isBoundTwice ? "apartFrom" : "ratherApartFrom";
  read[kind].add(written);
  written[kind].add(read);
}
