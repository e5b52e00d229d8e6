/** Which buffers hold something that is still needed at a point of a plan. */
import { bindingsOf } from "../gpu/link.ts";
import type { Operand, Plan, Step } from "../plan/plan.ts";

/** Slots to keep in order to run the steps from some point on once more. */
export type LiveSet = readonly number[];

/**
 * For each point (a step index): slots that an earlier step wrote, and that steps from there on both read and overwrite.
 * A slot whose old contents nobody reads any more may be among them: a step that writes a part of a buffer does not end
 * the life of the rest, so writes prove nothing.
 */
export function liveSets(plan: Plan, points: readonly number[]): Map<number, LiveSet> {
  const accesses = plan.steps.map(accessesOf);
  const outputs = plan.outputs.flatMap((output) => output.slot === undefined ? [] : [output.slot]);
  return new Map(points.map((point) => {
    const written = new Set(accesses.slice(0, point).flatMap((access) => access.writes));
    const later = accesses.slice(point);
    const overwritten = new Set(later.flatMap((access) => access.writes));
    const read = new Set([...later.flatMap((access) => access.reads), ...outputs]);
    return [point, [...written].filter((slot) => overwritten.has(slot) && read.has(slot))];
  }));
}

interface Accesses {
  readonly reads: readonly number[];
  readonly writes: readonly number[];
}

function accessesOf(step: Step): Accesses {
  const declared = bindingsOf(step.dispatch.shader.code).filter((binding) => binding.group === 0);
  const isWritten = (place: number) => declared.find((one) => one.binding === place)?.type === "storage";
  const writes = step.operands.filter((_, place) => isWritten(place)).flatMap(slotsOf);
  const read = [...step.operands.filter((_, place) => !isWritten(place)), step.epilogue.residual];
  return {
    reads: read.flatMap((operand) => operand ? slotsOf(operand) : []),
    writes,
  };
}

function slotsOf(operand: Operand): number[] {
  if (operand.kind === "slot") return [operand.slot];
  return operand.kind === "choice" ? [operand.float, operand.int8] : [];
}
