/** Once the target is met: groups whose reversion turns out not to be needed compute in int8 again. */
import { FLOAT } from "../base/precision.ts";
import { dropIn, type Drops } from "./drop.ts";
import { type GroupInfo, isReverted, withGroup } from "./problem.ts";
import { measure, meetsTarget, recordState, type Run, type State } from "./run.ts";

/** A group that went back to float on the way. */
interface Reversion {
  readonly group: number;
  /** The int8 candidate that it left. */
  readonly candidate: number;
  /** What its reversion took off each drop: the regret that is expected if it is put back. */
  readonly gain: Drops;
}

/** Keeps sums of rounded differences from hiding a group that fits exactly; far below one sample of any validation set. */
const ROUNDING = 1e-9;

/**
 * Tries the reverted groups of the last state of `path` in int8 again, cheapest regret first, and keeps what the target survives.
 * The regret is what the group's reversion was measured to gain, so that only groups that fit into the room left are evaluated.
 * Ties: more multiply-accumulates first, then graph order.
 */
export async function putBack(run: Run, path: readonly State[]): Promise<State> {
  let current = path.at(-1) as State;
  for (const { group, candidate, gain } of cheapestFirst(run, reversionsOf(run.problem.groups, path))) {
    const fits = run.targets.every(({ name, threshold }) =>
      dropIn(current.drops, name) + dropIn(gain, name) <= threshold + ROUNDING * Math.max(1, Math.abs(threshold))
    );
    if (!fits) continue;
    const state = await measure(run, withGroup(current.assignment, group, candidate));
    const holds = meetsTarget(run, state);
    recordState(run, "put_back", state, holds, holds ? "target_holds" : "target_lost", group);
    if (holds) current = state;
  }
  return current;
}

function cheapestFirst(run: Run, reversions: readonly Reversion[]): Reversion[] {
  const regret = ({ gain }: Reversion) => Math.max(...run.targets.map(({ name, scale }) => dropIn(gain, name) / scale));
  const macs = ({ group }: Reversion) => run.problem.groups[group]?.macs ?? 0;
  return [...reversions].sort((a, b) => {
    const [first, second] = [regret(a), regret(b)];
    return first === second ? macs(b) - macs(a) || a.group - b.group : first < second ? -1 : 1;
  });
}

function reversionsOf(groups: readonly GroupInfo[], path: readonly State[]): Reversion[] {
  return path.slice(1).flatMap((state, place) => {
    const before = path[place] as State;
    const group = groups.findIndex((info, index) =>
      isReverted(info, state.assignment[index] ?? FLOAT) && !isReverted(info, before.assignment[index] ?? FLOAT)
    );
    const gain = Object.fromEntries(
      Object.keys(state.drops).map((metric) => [metric, dropIn(before.drops, metric) - dropIn(state.drops, metric)]),
    );
    return group < 0 ? [] : [{ group, candidate: before.assignment[group] ?? FLOAT, gain }];
  });
}
