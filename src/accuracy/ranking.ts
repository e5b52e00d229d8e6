/** How much each group would win back if it alone were reverted: scores on the ranking subset, and the order they give. */
import type { Assignment, Evaluation } from "../base/precision.ts";
import type { Compatibility, Target } from "./drop.ts";
import type { MetricView } from "./metric_view.ts";
import { revertedCandidate, revertibleGroups, withGroup } from "./problem.ts";
import { regressionsOf, type Run, type State } from "./run.ts";
import { potRankingSubset, rankingSubset } from "./subset.ts";

/** Metric name → score; larger is better whatever the metric's direction. */
export type Scores = Readonly<Record<string, number>>;

/** A group with the scores of the network in which it alone was reverted. */
export interface RankedGroup {
  readonly group: number;
  readonly scores: Scores;
}

/** Scored groups in graph order, and the samples they were scored on (indices into the set, ascending). */
export interface Ranking {
  readonly groups: readonly RankedGroup[];
  readonly indices: readonly number[];
}

/**
 * Scores every group that can be reverted in `state`, on the samples that `state` broke: for `target` alone under POT's rule, for
 * all metrics in turn otherwise. Records the step.
 */
export async function rankGroups(
  run: Run,
  state: State,
  target: Target,
  ties: Compatibility = run.options.compatibility,
): Promise<Ranking> {
  const { problem: { groups }, options } = run;
  const indices = await subsetOf(run, state, target);
  const candidates = revertibleGroups(groups, state.assignment);
  run.trace.begin("rank", candidates);
  const reverted = candidates.map((index) => {
    const group = groups[index];
    return withGroup(state.assignment, index, group ? revertedCandidate(group, options.revert) : 0);
  });
  const scores = await scoreAssignments(run, state.assignment, reverted, indices);
  const ranked = candidates.map((group, place) => ({ group, scores: scores[place] ?? {} }));
  const ranking = { groups: ranked, indices };
  const order = rankedOrder(run, ranked, target.name, ties);
  run.trace.record({
    action: "rank",
    assignment: state.assignment,
    values: {},
    drops: {},
    kept: true,
    reason: "ranked",
    ranking: {
      metric: target.name,
      sampleCount: indices.length,
      scores: order.map(({ group, scores }) => ({ group, score: scoreIn(scores, target.name) })),
    },
  });
  return ranking;
}

/** Scores assignments over the same samples: by the metrics, or by minus the mean distance of the outputs. */
export async function scoreAssignments(
  run: Run,
  base: Assignment,
  assignments: readonly Assignment[],
  indices: readonly number[],
): Promise<Scores[]> {
  const { options: { ranking }, views, memo, signal } = run;
  if (assignments.length === 0) return [];
  if (ranking === "metric") {
    const evaluations = await memo.evaluateEach(base, assignments, indices, signal);
    return evaluations.map((evaluation) => metricScores(views, evaluation));
  }
  const distances = await memo.distances(ranking, base, assignments, indices, signal) ?? [];
  return distances.map((values) => {
    const score = -meanOf(values);
    return Object.fromEntries(views.map(({ name }) => [name, score]));
  });
}

/**
 * Groups best first. Ties in the score: fewer multiply-accumulates first, then graph order; under POT's rule the larger name first.
 */
export function rankedOrder(
  run: Run,
  ranked: readonly RankedGroup[],
  metric: string,
  ties: Compatibility = run.options.compatibility,
): RankedGroup[] {
  const { problem: { groups } } = run;
  return [...ranked].sort((a, b) => {
    const difference = compare(scoreIn(b.scores, metric), scoreIn(a.scores, metric));
    if (difference !== 0) return difference;
    const [first, second] = [groups[a.group], groups[b.group]];
    if (ties === "pot") return compare(second?.name ?? "", first?.name ?? "");
    return compare(first?.macs ?? 0, second?.macs ?? 0) || a.group - b.group;
  });
}

/** The score for one metric; the worst possible where it has no meaning. */
export function scoreIn(scores: Scores, metric: string): number {
  const score = scores[metric] ?? NaN;
  return Number.isNaN(score) ? -Infinity : score;
}

async function subsetOf(run: Run, state: State, target: Target): Promise<number[]> {
  const { options: { compatibility, rankingSubsetSize, seed }, views, compared } = run;
  const isPot = compatibility === "pot";
  const regressions: Float64Array[] = [];
  for (const view of views) {
    if (!isPot || view.name === target.name) regressions.push(await regressionsOf(run, state, view));
  }
  const [first] = regressions;
  const positions = isPot && first
    ? potRankingSubset(first, rankingSubsetSize)
    : rankingSubset(regressions, rankingSubsetSize, seed);
  return positions.map((position) => compared[position] ?? 0);
}

function metricScores(views: readonly MetricView[], evaluation: Evaluation): Scores {
  return Object.fromEntries(views.map(({ name, ranking }) => {
    const value = evaluation.values[ranking.name] ?? NaN;
    return [name, ranking.direction === "higher_better" ? value : -value];
  }));
}

/** The mean of the values that are numbers; infinite where there are none, so that an unknown distance is no small one. */
function meanOf(values: Float64Array): number {
  const known = values.filter((value) => !Number.isNaN(value));
  return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : Infinity;
}

function compare<Ordered extends number | string>(a: Ordered, b: Ordered): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
