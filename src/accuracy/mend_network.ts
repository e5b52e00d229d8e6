/** Before single groups are looked at, the whole network gets its other int8 candidates: one recipe is often right for all of it. */
import { sampleIndices } from "../base/random.ts";
import { worstTarget } from "./drop.ts";
import { uniformAssignment } from "./problem.ts";
import { scoreAssignments, scoreIn } from "./ranking.ts";
import { measure, meetsTarget, recordState, type Run, type State, worstOf } from "./run.ts";

/** Whole networks measured at most; each costs as much as an attempt on a single group. */
const FULL_TRIES = 2;

/**
 * Scores the whole-network candidates that were not measured yet, beside `state`, on samples drawn by the seed: those that `state`
 * broke would speak against it alone. The best that beat it there are measured over all samples, best first, until one has a smaller
 * drop. Returns that one, or `state`.
 */
export async function mendNetwork(run: Run, state: State): Promise<State> {
  const { problem: { groups, recipes = [], evaluator }, options, measured } = run;
  const known = new Set(measured.map(({ assignment }) => String(assignment)));
  const untried = recipes.map((candidate) => uniformAssignment(groups, candidate))
    .filter((assignment) => !known.has(String(assignment)));
  if (untried.length === 0) return state;
  const indices = sampleIndices(evaluator.sampleCount, options.rankingSubsetSize, options.seed);
  const metric = worstTarget(run.targets, state.drops).name;
  const [present, ...found] = (await scoreAssignments(run, state.assignment, [state.assignment, ...untried], indices))
    .map((scores) => scoreIn(scores, metric));
  const promising = [...untried.keys()]
    .filter((place) => scoreOf(found, place) > (present ?? -Infinity))
    .sort((a, b) => scoreOf(found, b) - scoreOf(found, a) || a - b);
  for (const place of promising.slice(0, FULL_TRIES)) {
    const tried = await measure(run, untried[place] ?? state.assignment);
    const isMet = meetsTarget(run, tried);
    const isBetter = isMet || worstOf(run, tried) < worstOf(run, state);
    recordState(run, "try", tried, isBetter, isMet ? "target_met" : isBetter ? "better" : "not_better");
    if (isBetter) return tried;
  }
  return state;
}

function scoreOf(scores: readonly number[], place: number): number {
  return scores[place] ?? -Infinity;
}
