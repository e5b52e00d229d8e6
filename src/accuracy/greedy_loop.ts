/**
 * The reverting loop: groups go back to float one by one, best ranked first, until the target is met. No decision but the stop
 * depends on the allowed drop, so the run for a larger drop is a prefix of the run for a smaller one.
 */
import { worstTarget } from "./drop.ts";
import { mendGroup } from "./mend.ts";
import { revertedCandidate, withGroup } from "./problem.ts";
import { type RankedGroup, rankedOrder, rankGroups } from "./ranking.ts";
import { measure, meetsTarget, recordState, type Run, type State, worstOf } from "./run.ts";
import { acceptState, type LoopEnd, type Search } from "./search.ts";

/** After so many vain attempts in one state the least harmful is taken, so that the loop cannot stall in a local minimum. */
const ATTEMPTS_PER_STATE = 2;

/** Reverts groups from `start` until the target is met, none is left, or the iterations are used up. */
export async function greedyLoop(run: Run, start: State): Promise<LoopEnd> {
  const search = await beginSearch(run, start);
  while (!meetsTarget(run, search.current)) {
    if (search.isStale && search.iterations < run.options.maxIterNum) await rankAgain(run, search);
    const head = headOf(run, search);
    if (!head || search.rejected.length >= ATTEMPTS_PER_STATE) {
      if (!takeLeastHarm(run, search)) return { path: search.path, reached: false, exhausted: true };
      continue;
    }
    if (search.iterations >= run.options.maxIterNum) break;
    if (run.options.mend && await mendGroup(run, search, head)) continue;
    if (search.iterations < run.options.maxIterNum) await revertGroup(run, search, head.group);
  }
  return { path: search.path, reached: meetsTarget(run, search.current), exhausted: false };
}

async function beginSearch(run: Run, start: State): Promise<Search> {
  const ranking = await rankGroups(run, start, worstTarget(run.targets, start.drops));
  return {
    path: [start],
    current: start,
    ranking,
    waiting: ranking.groups,
    rankedState: start,
    isStale: false,
    rejected: [],
    mended: new Map(),
    iterations: 0,
  };
}

/** The best waiting group for the metric that is worst now, save those that were tried in this state. */
function headOf(run: Run, search: Search): RankedGroup | undefined {
  const metric = worstTarget(run.targets, search.current.drops).name;
  const untried = search.waiting.filter(({ group }) => !search.rejected.some((tried) => tried.group === group));
  return rankedOrder(run, untried, metric)[0];
}

async function revertGroup(run: Run, search: Search, index: number): Promise<void> {
  const group = run.problem.groups[index];
  if (!group) return;
  search.iterations++;
  const reverted = revertedCandidate(group, run.options.revert);
  run.trace.begin("revert", [index]);
  const state = await measure(run, withGroup(search.current.assignment, index, reverted));
  const isBetter = worstOf(run, state) < worstOf(run, search.current);
  const isReached = meetsTarget(run, state);
  if (isReached || isBetter) {
    recordState(run, "revert", state, true, isReached ? "target_met" : "better", index);
    leaveWaiting(search, index);
    acceptState(search, state);
  } else if (run.options.usePrevIfDropIncrease) {
    recordState(run, "revert", state, false, "not_better", index);
    search.rejected = [...search.rejected, { group: index, state }];
    search.isStale = search.rankedState !== search.current;
  } else {
    recordState(run, "revert", state, true, "worse_kept", index);
    leaveWaiting(search, index);
    acceptState(search, state);
    search.isStale = true;
  }
}

/** Takes the attempt of this state that did the least harm; false where nothing was tried. */
function takeLeastHarm(run: Run, search: Search): boolean {
  const [first, ...others] = search.rejected;
  if (!first) return false;
  const least = others.reduce(
    (best, tried) => worstOf(run, tried.state) < worstOf(run, best.state) ? tried : best,
    first,
  );
  recordState(run, "revert", least.state, true, "least_harm", least.group);
  leaveWaiting(search, least.group);
  acceptState(search, least.state);
  return true;
}

async function rankAgain(run: Run, search: Search): Promise<void> {
  search.ranking = await rankGroups(run, search.current, worstTarget(run.targets, search.current.drops));
  search.rankedState = search.current;
  search.isStale = false;
  search.waiting = search.ranking.groups;
}

function leaveWaiting(search: Search, group: number): void {
  search.waiting = search.waiting.filter((ranked) => ranked.group !== group);
}
