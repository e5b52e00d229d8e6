/** POT's search of quantization parameters before groups are given up (`tune_hyperparams`), and the labels of `annotation_free`. */
import { type Assignment, type Evaluation, FLOAT } from "../base/precision.ts";
import { dropIn, dropsOf, type Target } from "./drop.ts";
import type { MetricSource } from "./metric_view.ts";
import { measure, meetsTarget, recordState, regressionsOf, type Run, type State, worstOf } from "./run.ts";
import { potWorstFirst, worstFirst } from "./subset.ts";
import { biasGrid, RANGE_GRID, type TuningParameters } from "./tuning_grid.ts";

/**
 * Quantizes with every entry of the grid, evaluates each on the samples that `state` broke most, and measures the winner on the
 * whole set. Returns the winner if its worst drop is smaller than that of `state` or it meets the target (under POT's rule, if the mean
 * of its drops is smaller), otherwise `state`.
 */
export async function tuneQuantization(run: Run, state: State): Promise<State> {
  run.trace.begin("tune");
  const indices = await tuningSubset(run, state);
  const ranges = await evaluateGrid(run, RANGE_GRID, indices);
  const bestRange = lowestError(run, ranges);
  const biases = await evaluateGrid(run, biasGrid(bestRange.parameters), indices);
  const winner = lowestError(run, biases, ranges[0]?.evaluation);
  const tuned = await measure(run, winner.assignment);
  const isMet = meetsTarget(run, tuned);
  const isBetter = run.options.compatibility === "pot"
    ? meanDrop(run, tuned) < meanDrop(run, state)
    : isMet || worstOf(run, tuned) < worstOf(run, state);
  recordState(run, "tune", tuned, isBetter, isBetter ? isMet ? "target_met" : "better" : "not_better");
  return isBetter ? tuned : state;
}

/**
 * Hard samples of several metrics: the worst ⌈size / metrics⌉ of each in turn, without repetition, and so on until there are `size`
 * or no more samples. `orders` list positions worst first. Ascending.
 */
export function hardSubset(orders: readonly (readonly number[])[], size: number): number[] {
  const share = Math.ceil(size / Math.max(1, orders.length));
  const chosen = new Set<number>();
  const length = Math.max(0, ...orders.map((order) => order.length));
  for (let begin = 0; begin < length && chosen.size < size; begin += share) {
    for (const order of orders) {
      for (const position of order.slice(begin, begin + share)) {
        if (chosen.size < size) chosen.add(position);
      }
    }
  }
  return [...chosen].sort((a, b) => a - b);
}

/**
 * How much worse `values` are than `first`, those of the first candidate, by POT's rule: minus the mean over the metrics of the
 * relative gain (v − f) / f with f = first + 1e-8, signs turned for metrics where lower is better. The lowest error wins.
 */
export function potTuningError(metrics: readonly MetricSource[], values: Values, first: Values): number {
  const gains = metrics.map(({ name, direction }) => {
    const reference = (first[name] ?? NaN) + 1e-8;
    const gain = ((values[name] ?? NaN) - reference) / reference;
    return direction === "higher_better" ? gain : -gain;
  });
  const error = -gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
  return Number.isNaN(error) ? Infinity : error;
}

/**
 * The mean of the scaled drops, infinite where one is unknown. POT's divides by values on samples chosen because they are wrong,
 * often 0 or negative, so that one metric decides alone or the worst candidate wins.
 */
export function tuningError(targets: readonly Target[], values: Values): number {
  const drops = dropsOf(targets, values);
  return targets.reduce((sum, { name, scale }) => sum + dropIn(drops, name) / scale, 0) / targets.length;
}

/** Samples that keep the float network's prediction as their label: those with a confidence of at least `threshold`. Ascending. */
export function confidentIndices(confidences: ArrayLike<number>, threshold: number): number[] {
  return Array.from(confidences, (confidence, index) => confidence >= threshold ? index : -1).filter((index) =>
    index >= 0
  );
}

type Values = Evaluation["values"];

/** A point of the grid with its values on the hard samples. */
interface GridPoint {
  readonly parameters: TuningParameters;
  readonly assignment: Assignment;
  readonly evaluation: Evaluation;
}

async function tuningSubset(run: Run, state: State): Promise<number[]> {
  const { compatibility, rankingSubsetSize, seed } = run.options;
  const orders: number[][] = [];
  for (const view of run.views) {
    const regressions = await regressionsOf(run, state, view);
    orders.push(compatibility === "pot" ? potWorstFirst(regressions) : worstFirst(regressions, seed));
  }
  return hardSubset(orders, rankingSubsetSize).map((position) => run.compared[position] ?? 0);
}

async function evaluateGrid(
  run: Run,
  grid: readonly TuningParameters[],
  indices: readonly number[],
): Promise<GridPoint[]> {
  const { problem, memo, signal } = run;
  const points: GridPoint[] = [];
  for (const parameters of grid) {
    signal?.throwIfAborted();
    const made = await problem.requantize?.(parameters);
    if (!made) continue;
    run.labels.set(made.candidate, made.label);
    const assignment = problem.groups.map(({ hold }) => hold === "float" ? FLOAT : made.candidate);
    points.push({ parameters, assignment, evaluation: await memo.evaluate(assignment, indices, signal) });
  }
  return points;
}

function lowestError(run: Run, points: readonly GridPoint[], first?: Evaluation): GridPoint {
  const [head] = points;
  if (!head) throw new RangeError("Cannot tune hyperparameters: the grid is empty");
  const { views, targets, options } = run;
  const reference = (first ?? head.evaluation).values;
  const error = ({ evaluation: { values } }: GridPoint) =>
    options.compatibility === "pot" ? potTuningError(views, values, reference) : tuningError(targets, values);
  return points.reduce((best, point) => error(point) < error(best) ? point : best, head);
}

function meanDrop({ targets }: Run, { drops }: State): number {
  return targets.reduce((sum, { name }) => sum + dropIn(drops, name), 0) / targets.length;
}
