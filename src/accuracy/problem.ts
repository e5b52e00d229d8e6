/** What the loop is asked to solve: groups that can change precision, and states of them. Pure functions on assignments. */
import { type Assignment, type Evaluator, FLOAT } from "../base/precision.ts";
import type { AccuracyAwareOptions } from "./options.ts";
import type { TuningParameters } from "./tuning_grid.ts";

/** A group as the loop sees it. Its index in the list is its index in every assignment. */
export interface GroupInfo {
  readonly name: string;
  /** Share of the network's multiply-accumulates that compute in float once the group is reverted, 0 to 1. */
  readonly macs: number;
  /** Labels of the int8 candidates, by candidate number. */
  readonly candidates: readonly string[];
  /** The candidate, if there is one, that computes in float and keeps only the weights in int8. */
  readonly activationsCandidate?: number;
  /** The precision that the user prescribes: the group never leaves it. */
  readonly hold?: "float" | "int8";
}

/** Groups and the evaluator of their assignments. */
export interface AccuracyProblem {
  readonly evaluator: Evaluator;
  readonly groups: readonly GroupInfo[];
  /** The candidate that holds the mixed preset; required for `convertToMixedPreset`. */
  readonly mixedCandidate?: number;
  /** Candidates that mending may put the whole network on; none where absent. */
  readonly recipes?: readonly number[];
  /** Quantizes every group with other parameters, as one more candidate; required for `tuneHyperparams`. */
  requantize?(parameters: TuningParameters): Promise<{ readonly candidate: number; readonly label: string }>;
}

/** Every group on int8 `candidate` (0 where a group does not have it), save those that the user holds in float. */
export function uniformAssignment(groups: readonly GroupInfo[], candidate: number): Assignment {
  return groups.map((group) => {
    if (group.hold === "float") return FLOAT;
    return otherCandidates(group, 0).includes(candidate) ? candidate : 0;
  });
}

/** Every group in float32. */
export function floatAssignment(groups: readonly GroupInfo[]): Assignment {
  return groups.map(() => FLOAT);
}

/** The assignment with one group changed. */
export function withGroup(assignment: Assignment, group: number, candidate: number): Assignment {
  return assignment.map((current, index) => index === group ? candidate : current);
}

/** Where a group goes when it is reverted. */
export function revertedCandidate(group: GroupInfo, revert: AccuracyAwareOptions["revert"]): number {
  return revert === "activations" ? group.activationsCandidate ?? FLOAT : FLOAT;
}

/** Whether a group computes in float. */
export function isReverted(group: GroupInfo, candidate: number): boolean {
  return candidate === FLOAT || candidate === group.activationsCandidate;
}

/** Indices of the groups that compute in int8 and may go back to float. */
export function revertibleGroups(groups: readonly GroupInfo[], assignment: Assignment): number[] {
  return [...groups.keys()].filter((index) => {
    const group = groups[index] as GroupInfo;
    return group.hold === undefined && !isReverted(group, assignment[index] ?? FLOAT);
  });
}

/** Indices of the groups that compute in float. */
export function revertedGroups(groups: readonly GroupInfo[], assignment: Assignment): number[] {
  return [...groups.keys()].filter((index) => isReverted(groups[index] as GroupInfo, assignment[index] ?? FLOAT));
}

/** The int8 candidates that a group could take instead of its present one, ascending. */
export function otherCandidates(group: GroupInfo, current: number): number[] {
  return [...group.candidates.keys()].filter((candidate) =>
    candidate !== current && candidate !== group.activationsCandidate
  );
}

/** Share of the network's multiply-accumulates that compute in float, 0 to 1. */
export function floatMacs(groups: readonly GroupInfo[], assignment: Assignment): number {
  return revertedGroups(groups, assignment).reduce((sum, index) => sum + (groups[index]?.macs ?? 0), 0);
}

/** "float", or the label of the int8 candidate in force. */
export function candidateLabel(group: GroupInfo, candidate: number): string {
  return candidate === FLOAT ? "float" : group.candidates[candidate] ?? `candidate ${candidate}`;
}
