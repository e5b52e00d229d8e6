/** Once the target is met: groups whose reversion turns out not to be needed compute in int8 again. */
import { type Assignment, FLOAT } from "../base/precision.ts";
import { dropIn, type Drops, isWithin } from "./drop.ts";
import { type GroupInfo, isReverted, withGroup } from "./problem.ts";
import { measure, meetsTarget, type Run, type State } from "./run.ts";

/** A group that went back to float on the way. */
interface Reversion {
  readonly group: number;
  /** The int8 candidate that it left. */
  readonly candidate: number;
  /** What its reversion took off each drop: the regret that is expected if it is put back. */
  readonly gain: Drops;
}

/** Groups that may fail one by one before no more is tried: regrets were measured beside other groups, so that one may mislead. */
const FAILURES = 3;

/**
 * Puts reverted groups of the last state of `path` back into int8, cheapest regret first, while the target holds. The regret is what
 * the group's reversion was measured to gain, and only groups that are expected to fit into the room left are evaluated: one, then
 * twice as many at once after each success, then half as many after a failure. A group that fails alone stays in float, and after
 * three of them so does the rest. Ties: more multiply-accumulates first, then graph order.
 */
export async function putBack(run: Run, path: readonly State[]): Promise<State> {
  let current = path.at(-1) as State;
  let waiting = cheapestFirst(run, reversionsOf(run.problem.groups, path));
  let [size, hasFailed, failures] = [1, false, 0];
  for (;;) {
    const batch = fittingPrefix(run, current, waiting).slice(0, size);
    if (batch.length === 0) return current;
    const groups = batch.map(({ group }) => group);
    run.trace.begin("put_back", groups);
    const state = await measure(run, withoutReversions(current.assignment, batch));
    const holds = meetsTarget(run, state);
    const { assignment, values, drops } = state;
    const reason = holds ? "target_holds" : "target_lost";
    run.trace.record({ action: "put_back", groups, assignment, values, drops, kept: holds, reason });
    const isAlone = batch.length === 1;
    if (!holds && isAlone && ++failures === FAILURES) return current;
    hasFailed ||= !holds;
    size = hasFailed ? Math.max(1, Math.floor(batch.length / 2)) : batch.length * 2;
    if (holds) current = state;
    if (holds || isAlone) waiting = waiting.slice(batch.length);
  }
}

/** The cheapest reversions whose regrets together fit into what is left of every allowed drop. */
function fittingPrefix(run: Run, state: State, waiting: readonly Reversion[]): Reversion[] {
  const end = waiting.findIndex((_, place) =>
    run.targets.some((target) => {
      const { name } = target;
      const regret = waiting.slice(0, place + 1).reduce((sum, { gain }) => sum + dropIn(gain, name), 0);
      return !isWithin(dropIn(state.drops, name) + regret, target);
    })
  );
  return waiting.slice(0, end < 0 ? waiting.length : end);
}

function withoutReversions(assignment: Assignment, reversions: readonly Reversion[]): Assignment {
  return reversions.reduce<Assignment>((state, { group, candidate }) => withGroup(state, group, candidate), assignment);
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
