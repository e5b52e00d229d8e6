/** Before a group goes back to float, its other int8 candidates get their chance: they cost nothing at run time. */
import { FLOAT } from "../base/precision.ts";
import { worstTarget } from "./drop.ts";
import { otherCandidates, revertedCandidate, withGroup } from "./problem.ts";
import { type RankedGroup, scoreAssignments, scoreIn, type Scores } from "./ranking.ts";
import { measure, meetsTarget, recordState, type Run, worstOf } from "./run.ts";
import { acceptState, type Search } from "./search.ts";

/** A candidate is good enough when it wins back at least this share of what float wins back on the ranking subset. */
const SUFFICIENT_SHARE = 0.5;

/**
 * Scores the untried candidates of a group beside its reversion, all in the current state on the present ranking subset, and keeps
 * the best if it is good enough there and lowers the drop on the whole set. Each candidate of a group is tried once per run.
 * Returns whether the current state changed.
 */
export async function mendGroup(run: Run, search: Search, ranked: RankedGroup): Promise<boolean> {
  const best = await bestCandidate(run, search, ranked.group);
  if (!best) return false;
  const { group } = ranked;
  search.iterations++;
  const state = await measure(run, withGroup(search.current.assignment, group, best.candidate));
  const isBetter = worstOf(run, state) < worstOf(run, search.current);
  const isMet = meetsTarget(run, state);
  recordState(run, "mend", state, isBetter || isMet, isMet ? "target_met" : isBetter ? "better" : "not_better", group);
  if (!isBetter && !isMet) return false;
  acceptState(search, state);
  search.waiting = search.waiting.map((other) =>
    other.group === group ? { group, scores: subtract(other.scores, best.gain) } : other
  );
  return true;
}

/** The candidate with the largest gain, the lowest number on ties, and its gains; undefined where none is good enough. */
async function bestCandidate(
  run: Run,
  search: Search,
  index: number,
): Promise<{ readonly candidate: number; readonly gain: Scores } | undefined> {
  const group = run.problem.groups[index];
  const tried = search.mended.get(index) ?? new Set<number>();
  const { assignment } = search.current;
  const present = assignment[index] ?? FLOAT;
  const untried = group ? otherCandidates(group, present).filter((candidate) => !tried.has(candidate)) : [];
  if (!group || untried.length === 0) return undefined;
  search.mended.set(index, new Set([...tried, ...untried, present]));
  run.trace.begin("mend", [index]);
  const choices = [present, revertedCandidate(group, run.options.revert), ...untried];
  const assignments = choices.map((candidate) => withGroup(assignment, index, candidate));
  const [before, float, ...scores] = await scoreAssignments(run, assignment, assignments, search.ranking.indices);
  const metric = worstTarget(run.targets, search.current.drops).name;
  const gains = scores.map((score) => subtract(score, before ?? {}));
  const floatGain = scoreIn(subtract(float ?? {}, before ?? {}), metric);
  const best = [...gains.keys()].reduce((a, b) =>
    scoreIn(gains[b] ?? {}, metric) > scoreIn(gains[a] ?? {}, metric) ? b : a
  );
  const gain = gains[best] ?? {};
  const isEnough = scoreIn(gain, metric) > 0 && scoreIn(gain, metric) >= SUFFICIENT_SHARE * floatGain;
  return isEnough ? { candidate: untried[best] ?? 0, gain } : undefined;
}

function subtract(from: Scores, amount: Scores): Scores {
  return Object.fromEntries(Object.entries(from).map(([metric, score]) => [metric, score - (amount[metric] ?? 0)]));
}
