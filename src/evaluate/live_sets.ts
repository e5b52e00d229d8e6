/** Which bytes still matter at a point of a plan. */
import type { Plan, Slot } from "../plan/plan.ts";

/** What lies in a slot. */
export interface LivePart {
  readonly slot: number;
  readonly byteLength: number;
}

/**
 * What the steps from `point` on (a step index) need of what the earlier ones made. Inputs are not among it: they lie in slots of
 * their own, which no step overwrites.
 */
export function liveAt(plan: Plan, point: number): LivePart[] {
  return plan.values.filter(({ first, last }) => first >= 0 && first < point && last >= point)
    .map(({ slot, byteLength }) => ({ slot, byteLength }));
}

/** As `liveAt`, without what the steps from `point` on leave as it is: enough to run them once more. */
export function overwrittenAfter(plan: Plan, point: number): LivePart[] {
  return liveAt(plan, point).filter(({ slot }) =>
    plan.values.some((value) => value.first >= point && overlap(plan.slots[value.slot]!, plan.slots[slot]!))
  );
}

function overlap(a: Slot, b: Slot): boolean {
  return a.buffer === b.buffer && a.offset < b.offset + b.byteLength && b.offset < a.offset + a.byteLength;
}
