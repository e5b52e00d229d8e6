/** The reverting loop as OpenVINO POT runs it, decision for decision, weaknesses included (spec: POT's reverting loop). */
import { dropIn, potWorstTarget, type Target } from "./drop.ts";
import { revertedCandidate, revertedGroups, revertibleGroups, withGroup } from "./problem.ts";
import { rankedOrder, rankGroups } from "./ranking.ts";
import { measure, meetsTarget, recordState, type Run, type State } from "./run.ts";
import type { LoopEnd } from "./search.ts";

/** What the loop remembers between iterations. */
interface PotLoop {
  readonly path: State[];
  current: State;
  /** The metric that is optimised. */
  target: Target;
  /** The drop that the next state is compared with; after a rollback that of the discarded state. */
  reference: number;
  /** Groups left to revert, best first. */
  list: number[];
  toleratesWorse: boolean;
  /** Everything that decides how the loop goes on, of every state that groups were ranked in. */
  readonly seen: Set<string>;
}

/**
 * Reverts groups from `start` until the target is met, none is left, or the iterations are used up. Ends with the last state. With
 * several metrics POT's rules can undo the same step again and again; then the run ends with a warning, in the state that POT never
 * leaves.
 * Gives up where a state that misses the target has `most` groups in float besides those of `start`.
 */
export async function potLoop(run: Run, start: State, most = Infinity): Promise<LoopEnd> {
  const target = potWorstTarget(run.targets, start.drops);
  const reference = dropIn(start.drops, target.name);
  const loop: PotLoop = {
    path: [start],
    current: start,
    target,
    reference,
    list: [],
    toleratesWorse: true,
    seen: new Set(),
  };
  const held = revertedGroups(run.problem.groups, start.assignment).length;
  await rankAgain(run, loop);
  for (let iteration = 0; iteration < run.options.maxIterNum; iteration++) {
    const index = loop.list.shift();
    const group = index === undefined ? undefined : run.problem.groups[index];
    if (index === undefined || !group) return { path: loop.path, reached: false, exhausted: true };
    const reverted = revertedCandidate(group, run.options.revert);
    run.trace.begin("revert", [index]);
    const state = await measure(run, withGroup(loop.current.assignment, index, reverted));
    if (revertibleGroups(run.problem.groups, state.assignment).length === 0) {
      recordState(run, "revert", state, true, "nothing_left", index);
      return { path: [...loop.path, state], reached: false, exhausted: true };
    }
    if (meetsTarget(run, state)) {
      recordState(run, "revert", state, true, "target_met", index);
      return { path: [...loop.path, state], reached: true, exhausted: false };
    }
    if (await decide(run, loop, start, state, index) === "repeats") {
      run.warnings.push(
        `POT's rules undo ${group.name} for ${loop.target.name} again and again: the loop was ended where they go in circles`,
      );
      break;
    }
    if (revertedGroups(run.problem.groups, loop.current.assignment).length - held >= most) break;
  }
  return { path: loop.path, reached: false, exhausted: false };
}

/** What becomes of a state that misses the target, and whether all of it was decided before. */
async function decide(
  run: Run,
  loop: PotLoop,
  start: State,
  state: State,
  group: number,
): Promise<"goes_on" | "repeats"> {
  const { target, reference, toleratesWorse } = loop;
  const drop = dropIn(state.drops, target.name);
  const isWorse = drop > reference;
  if (isWorse ? toleratesWorse : drop > target.threshold) {
    recordState(run, "revert", state, true, isWorse ? "worse_tolerated" : "no_worse", group);
    accept(loop, state);
    loop.reference = drop;
    loop.toleratesWorse = false;
    return "goes_on";
  }
  const isUndone = isWorse && run.options.usePrevIfDropIncrease;
  if (!isUndone) accept(loop, state);
  if (isWorse) loop.reference = drop;
  if (isUndone) loop.toleratesWorse = true;
  const isSwitched = drop <= target.threshold;
  if (isSwitched) {
    loop.target = potWorstTarget(run.targets, state.drops);
    loop.reference = dropIn(start.drops, loop.target.name);
    loop.toleratesWorse = false;
  }
  recordState(run, "revert", state, !isUndone, isWorse ? isUndone ? "worse" : "worse_kept" : "metric_switched", group);
  const key = [loop.current.assignment, loop.target.name, loop.reference, loop.toleratesWorse].join("|");
  if (loop.seen.has(key)) return "repeats";
  loop.seen.add(key);
  await rankAgain(run, loop);
  return "goes_on";
}

function accept(loop: PotLoop, state: State): void {
  loop.path.push(state);
  loop.current = state;
}

async function rankAgain(run: Run, loop: PotLoop): Promise<void> {
  const ranking = await rankGroups(run, loop.current, loop.target, "pot");
  loop.list = rankedOrder(run, ranking.groups, loop.target.name, "pot").map(({ group }) => group);
}
