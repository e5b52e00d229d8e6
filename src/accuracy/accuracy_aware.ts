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
import { type AccuracyProblem, revertedGroups } from "./problem.ts";
import { putBack } from "./put_back.ts";
import { type AccuracyAwareResult, describeResult } from "./result.ts";
import { bestState, meetsTarget, type Run, type State } from "./run.ts";
import type { LoopEnd } from "./search.ts";
import { spentBetween, Trace } from "./trace.ts";

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
  const isPot = options.compatibility === "pot";
  const run = await beginRun(problem, options, hooks, memo);
  const start = await firstState(run);
  const first = { state: start, measured: run.measured.length, steps: run.trace.steps.length };
  const own = await search(run, first, isPot ? potLoop : greedyLoop);
  const taken = (isPot ? undefined : await searchAsPot(own, hooks)) ?? own;
  const { state, reached, exhausted } = taken;
  return describeResult(taken.run, state, { reached, exhausted }, spentBetween(spent, memo.spent));
}

/** What a search ended with. */
interface Outcome {
  readonly run: Run;
  readonly first: FirstState;
  readonly state: State;
  readonly reached: boolean;
  readonly exhausted: boolean;
}

/** The state that the loop starts from, and how much the run had measured and recorded then. */
interface FirstState {
  readonly state: State;
  readonly measured: number;
  readonly steps: number;
}

async function search(
  run: Run,
  first: FirstState,
  loop: (run: Run, first: State) => Promise<LoopEnd>,
): Promise<Outcome> {
  const { state } = first;
  const end = meetsTarget(run, state) ? { path: [state], reached: true, exhausted: false } : await loop(run, state);
  if (end.reached && run.options.putBack) await putBack(run, end.path);
  return { run, first, exhausted: end.exhausted, ...chooseState(run, end) };
}

/**
 * POT's rules from the same first state, on the same scores, as long as they may end with fewer groups in float than `own`: greedy
 * ways cross, and neither is always the shorter one. Undefined where they do not. Only an outcome that is taken is told of.
 */
async function searchAsPot(
  { run, first, state, reached }: Outcome,
  hooks: AccuracyAwareHooks,
): Promise<Outcome | undefined> {
  const { options, memo, measured, trace } = run;
  const count = floatCount(run, state);
  if (!reached || !options.putBack || count < 2) return undefined;
  const other: Run = {
    ...run,
    options: { ...options, maxIterNum: Infinity },
    measured: measured.slice(0, first.measured),
    trace: new Trace(memo, undefined, hooks.onBegin),
    warnings: [...run.warnings],
  };
  other.trace.steps.push(...trace.steps.slice(0, first.steps));
  const pots = await search(other, first, (same, start) => potLoop(same, start, count - 1));
  if (!pots.reached || floatCount(other, pots.state) >= count) return undefined;
  for (const step of other.trace.steps.slice(first.steps)) hooks.onStep?.(step);
  return { ...pots, run: { ...other, options } };
}

/** Groups in float that the user does not hold there. */
function floatCount({ problem: { groups } }: Run, { assignment }: State): number {
  return revertedGroups(groups, assignment).filter((index) => groups[index]?.hold === undefined).length;
}

/** POT keeps the last accepted state and its loop's verdict; otherwise the best state that was measured, and whether it is within the drop. */
function chooseState(run: Run, end: LoopEnd): { state: State; reached: boolean } {
  const last = end.path.at(-1);
  if (!last) throw new RangeError("Cannot choose a state: none was accepted");
  if (run.options.compatibility === "pot" && !run.options.putBack) return { state: last, reached: end.reached };
  const state = bestState(run) ?? last;
  return { state, reached: meetsTarget(run, state) };
}
