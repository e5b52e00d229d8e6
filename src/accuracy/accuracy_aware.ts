/**
 * Accuracy-aware quantization: the whole network in int8 first, then as few groups back to float as the allowed drop demands.
 * Pure decisions on an evaluator; docs/algorithm.md explains them.
 */
import { beginRun } from "./begin_run.ts";
import { firstState } from "./first_state.ts";
import { greedyLoop } from "./greedy_loop.ts";
import type { AccuracyAwareHooks } from "./hooks.ts";
import { Memo } from "./memo.ts";
import { type AccuracyAwareOptions, resolveOptions } from "./options.ts";
import { potLoop } from "./pot_loop.ts";
import type { AccuracyProblem } from "./problem.ts";
import { putBack } from "./put_back.ts";
import { type AccuracyAwareResult, describeResult } from "./result.ts";
import { bestState, meetsTarget, type Run, type State } from "./run.ts";
import type { LoopEnd } from "./search.ts";
import { spentBetween } from "./trace.ts";

/**
 * Finds the precision of every group. Throws UsageError for options that make no sense; a target that cannot be met is a result.
 */
export function runAccuracyAware(
  problem: AccuracyProblem,
  options: Partial<AccuracyAwareOptions> = {},
  hooks: AccuracyAwareHooks = {},
): Promise<AccuracyAwareResult> {
  return runWithMemo(problem, options, hooks, new Memo(problem.evaluator, hooks.journal, hooks.keyPrefix));
}

/** As `runAccuracyAware`, with what `memo` already knows; the result's cost is what this run adds. */
export async function runWithMemo(
  problem: AccuracyProblem,
  given: Partial<AccuracyAwareOptions>,
  hooks: AccuracyAwareHooks,
  memo: Memo,
): Promise<AccuracyAwareResult> {
  const options = resolveOptions(given);
  const spent = memo.spent;
  const run = await beginRun(problem, options, hooks, memo);
  const first = await firstState(run);
  const end = meetsTarget(run, first)
    ? { path: [first], reached: true, exhausted: false }
    : await (options.compatibility === "pot" ? potLoop(run, first) : greedyLoop(run, first));
  if (end.reached && options.putBack) await putBack(run, end.path);
  const { state, reached } = chooseState(run, end);
  return describeResult(run, state, { reached, exhausted: end.exhausted }, spentBetween(spent, memo.spent));
}

/** POT keeps the last accepted state and its loop's verdict; otherwise the best state that was measured, and whether it is within the drop. */
function chooseState(run: Run, end: LoopEnd): { state: State; reached: boolean } {
  const last = end.path.at(-1);
  if (!last) throw new RangeError("Cannot choose a state: none was accepted");
  if (run.options.compatibility === "pot" && !run.options.putBack) return { state: last, reached: end.reached };
  const state = bestState(run) ?? last;
  return { state, reached: meetsTarget(run, state) };
}
