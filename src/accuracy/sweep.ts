/** Several allowed drops for the price of the smallest. */
import { UsageError } from "../base/errors.ts";
import { runWithMemo } from "./accuracy_aware.ts";
import type { AccuracyAwareHooks } from "./hooks.ts";
import { Memo } from "./memo.ts";
import type { AccuracyAwareOptions } from "./options.ts";
import type { AccuracyProblem } from "./problem.ts";
import type { AccuracyAwareResult } from "./result.ts";

/** The result for one allowed drop. Its cost is what it added to those of the smaller drops. */
export interface SweepRow {
  readonly maximalDrop: number;
  readonly result: AccuracyAwareResult;
}

/**
 * Runs once per allowed drop over one memory of evaluations, the smallest drop first. No decision before the stop depends on the
 * allowed drop, so the larger ones find their way already measured and add nothing but the groups they put back. Rows are in the
 * order of `maximalDrops`; each equals what a run of its own gives. Steps are reported for every row, remembered ones as `reused`.
 */
export async function sweepMaximalDrop(
  problem: AccuracyProblem,
  maximalDrops: readonly number[],
  options: Partial<AccuracyAwareOptions> = {},
  hooks: AccuracyAwareHooks = {},
): Promise<SweepRow[]> {
  const { metrics = [] } = options;
  if (metrics.length > 0 && metrics.every(({ maximalDrop }) => maximalDrop !== undefined)) {
    throw new UsageError("Cannot sweep maximal_drop: every metric has its own, expected at least one without");
  }
  const memo = new Memo(problem.evaluator, hooks.journal, hooks.keyPrefix);
  const results = new Map<number, AccuracyAwareResult>();
  for (const maximalDrop of [...maximalDrops].sort((a, b) => a - b)) {
    if (results.has(maximalDrop)) continue;
    results.set(maximalDrop, await runWithMemo(problem, { ...options, maximalDrop }, hooks, memo));
  }
  return maximalDrops.map((maximalDrop) => ({ maximalDrop, result: results.get(maximalDrop) as AccuracyAwareResult }));
}
