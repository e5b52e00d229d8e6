/** Which bytes still matter at a point of a plan. */
import type { Operand, Plan, Slot } from "../plan/plan.ts";

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

/** What the activations of one batch take. */
export function byteLengthOfParts(parts: readonly LivePart[]): number {
  return parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** Whether the steps from `point` on, or the outputs, take anything directly from the inputs. */
export function readsInputs({ inputs, outputs, steps }: Plan, point: number): boolean {
  const slots = new Set(inputs.map(({ slot }) => slot));
  const isInput = (operand: Operand | undefined) =>
    operand?.kind === "slot"
      ? slots.has(operand.slot)
      : operand?.kind === "choice" && (slots.has(operand.float) || slots.has(operand.int8));
  return outputs.some(({ slot }) => slot !== undefined && slots.has(slot)) ||
    steps.slice(point).some(({ operands, epilogue }) => operands.some(isInput) || isInput(epilogue.residual));
}

function overlap(a: Slot, b: Slot): boolean {
  return a.buffer === b.buffer && a.offset < b.offset + b.byteLength && b.offset < a.offset + a.byteLength;
}
