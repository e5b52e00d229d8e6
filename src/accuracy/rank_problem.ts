/** The sensitivity table by itself: how much each group costs, without reverting any. */
import { dropOf, worstTarget } from "./drop.ts";
import { beginRun } from "./begin_run.ts";
import { firstState } from "./first_state.ts";
import type { AccuracyAwareHooks } from "./hooks.ts";
import { Memo } from "./memo.ts";
import { type AccuracyAwareOptions, resolveOptions } from "./options.ts";
import type { AccuracyProblem } from "./problem.ts";
import { rankedOrder, rankGroups, scoreAssignments, scoreIn } from "./ranking.ts";
import type { Step } from "./trace.ts";

/** One group of the table. */
export interface Sensitivity {
  readonly name: string;
  readonly macs: number;
  /** Score of the network in which this group alone is reverted; larger is better whatever the metric's direction. */
  readonly score: number;
  /** By how much that exceeds the score of the fully quantized network on the same samples. */
  readonly gain: number;
}

/** The table, most sensitive group first. */
export interface SensitivityTable {
  readonly metric: string;
  /** Samples on which the groups were scored, as indices into the set. */
  readonly indices: readonly number[];
  readonly groups: readonly Sensitivity[];
  readonly trace: readonly Step[];
}

/** Ranks all groups of the quantized network, even where it meets the target already. Throws as `runAccuracyAware`. */
export async function rankProblem(
  problem: AccuracyProblem,
  options: Partial<AccuracyAwareOptions> = {},
  hooks: AccuracyAwareHooks = {},
): Promise<SensitivityTable> {
  const memo = new Memo(problem.evaluator, hooks.journal, hooks.keyPrefix);
  const run = await beginRun(problem, resolveOptions(options), hooks, memo);
  const state = await firstState(run);
  const target = worstTarget(run.targets, state.drops);
  const { groups, indices } = await rankGroups(run, state, target);
  const [plain = {}] = await scoreAssignments(run, state.assignment, [state.assignment], indices);
  return {
    metric: target.name,
    indices,
    groups: rankedOrder(run, groups, target.name).map(({ group, scores }) => ({
      name: problem.groups[group]?.name ?? "",
      macs: problem.groups[group]?.macs ?? 0,
      score: scoreIn(scores, target.name),
      gain: -dropOf(scoreIn(plain, target.name), scoreIn(scores, target.name), "higher_better"),
    })),
    trace: run.trace.steps,
  };
}
