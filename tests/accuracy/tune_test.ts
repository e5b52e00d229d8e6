import assert from "node:assert/strict";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import { confidentIndices, hardSubset, potTuningError, tuningError } from "../../src/accuracy/tune.ts";
import { biasGrid, RANGE_GRID, type TuningParameters } from "../../src/accuracy/tuning_grid.ts";
import { dropTable, groupsNamed, tableProblem, traceLines } from "./invented_evaluator.ts";

Deno.test("RANGE_GRID lists one choice for weights and all nine for activations", () => {
  assert.equal(RANGE_GRID.length, 10);
  const [first, ...others] = RANGE_GRID;
  assert.deepEqual(first, {
    weights: { low: { type: "min", aggregator: "min" }, high: { type: "max", aggregator: "max" } },
  });
  assert.equal(new Set(others.map(({ activations }) => JSON.stringify(activations))).size, 9);
  assert.deepEqual(others.at(-1)?.activations?.low, { type: "quantile", aggregator: "mean", outlierProbability: 1e-4 });
  assert.equal(others.some(({ weights }) => weights !== undefined), false);
});

Deno.test("biasGrid() adds both corrections to the best of the first space", () => {
  const best = RANGE_GRID[3] ?? {};
  assert.deepEqual(biasGrid(best), [{ ...best, useFastBias: true }, { ...best, useFastBias: false }]);
});

Deno.test("hardSubset() takes shares of every metric in turn without repetition", () => {
  assert.deepEqual(hardSubset([[5, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 5]], 4), [0, 1, 4, 5]);
  assert.deepEqual(hardSubset([[5, 4, 3, 2, 1, 0], [5, 4, 0, 1, 2, 3]], 4), [2, 3, 4, 5]);
  assert.deepEqual(hardSubset([[2, 0, 1]], 9), [0, 1, 2]);
  assert.deepEqual(hardSubset([[2, 0, 1], [1, 0, 2], [0, 1, 2]], 2), [1, 2]);
});

Deno.test("potTuningError() is minus the mean relative gain, signs turned where lower is better", () => {
  const metrics = [{ name: "accuracy", direction: "higher_better" as const }, {
    name: "loss",
    direction: "lower_better" as const,
  }];
  const error = potTuningError(metrics, { accuracy: 0.75, loss: 1 }, { accuracy: 0.5, loss: 2 });
  assert.ok(Math.abs(error + 0.5) < 1e-7, `${error}`);
  assert.equal(potTuningError(metrics, { accuracy: NaN, loss: 1 }, { accuracy: 0.5, loss: 2 }), Infinity);
});

Deno.test("tuningError() weighs metrics by their scales, and a negative metric the right way round", () => {
  const target = { threshold: 0.1, direction: "higher_better" as const };
  const targets = [
    { ...target, name: "accuracy", baseline: 0.5, scale: 0.5 },
    { ...target, name: "score", baseline: -8, scale: 8 },
  ];
  assert.equal(tuningError(targets, { accuracy: 0.25, score: -10 }), (0.5 + 0.25) / 2);
  assert.equal(tuningError(targets, { accuracy: 0.25 }), Infinity);
  const better = { accuracy: 0.001, score: -8 };
  const worse = { accuracy: 0, score: -80 };
  assert.ok(tuningError(targets, better) < tuningError(targets, worse));
  const metrics = [{ name: "score", direction: "higher_better" as const }];
  assert.ok(potTuningError(metrics, better, better) > potTuningError(metrics, worse, better));
});

Deno.test("tuneQuantization() finds the best quantization of a negative metric, where POT's rule takes the worst", async () => {
  for (const [compatibility, winner] of [["default", 11], ["pot", 12]] as const) {
    const { problem } = tunable([-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -0.5, -2], {
      "-": 0.05,
      [`A${winner}B${winner}`]: 0.01,
    });
    const { assignment } = await runAccuracyAware(problem, { ...OPTIONS, compatibility });
    assert.deepEqual(assignment, [winner, winner]);
  }
});

Deno.test("confidentIndices() keeps predictions at least as confident as the threshold", () => {
  assert.deepEqual(confidentIndices([0.6, 0.59, 0.9, NaN], 0.6), [0, 2]);
});

/** A problem of one group A and one more; candidate c + 1 holds the c-th parameters that are asked for. */
function tunable(subset: readonly number[], full: Readonly<Record<string, number>>) {
  const groups = groupsNamed("AB");
  const scores = Object.fromEntries(subset.map((value, place) => [`A${place + 1}B${place + 1}`, value]));
  const problem = tableProblem(groups, {
    accuracy: { full: dropTable("AB", full), subset: { ...scores, AB11: 9, A11B: 8, A: 9, B: 8 } },
  });
  const asked: TuningParameters[] = [];
  const requantize = (parameters: TuningParameters) => {
    asked.push(parameters);
    return Promise.resolve({ candidate: asked.length, label: `tuned ${asked.length}` });
  };
  return { problem: { ...problem, requantize }, asked };
}

/** Scores of whole networks and of single reversions in a problem of two groups that all tie, save that B goes first. */
const UNIFORM = { A1B1: 1, A: 1, B: 2, AB1: 1, A1B: 1 };

const OPTIONS = { tuneHyperparams: true, rankingSubsetSize: 2, mend: false };

Deno.test("tuneQuantization() searches both spaces one after the other and adopts what lowers the drop", async () => {
  const { problem, asked } = tunable([1, 2, 3, 9, 5, 6, 7, 8, 1, 1, 12, 11], { "-": 0.05, A11B11: 0.02, AB11: 0.001 });
  const result = await runAccuracyAware(problem, OPTIONS);
  assert.deepEqual(asked, [...RANGE_GRID, ...biasGrid(RANGE_GRID[3] ?? {})]);
  assert.deepEqual(traceLines(problem.groups, result.trace).slice(2), [
    "tune A11B11 0.02 + better",
    "rank A11B11: A B",
    "revert AB11 0.001 + target_met",
  ]);
  assert.deepEqual(result.groups.map(({ precision }) => precision), ["float", "tuned 11"]);
});

Deno.test("tuneQuantization() keeps the first quantization when the winner is no better on the whole set", async () => {
  const { problem } = tunable([1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 11, 12], { "-": 0.05, A12B12: 0.05, A: 0.001 });
  const result = await runAccuracyAware(problem, OPTIONS);
  assert.deepEqual(traceLines(problem.groups, result.trace).slice(2), [
    "tune A12B12 0.05 - not_better",
    "rank -: A B",
    "revert A 0.001 + target_met",
  ]);
});

Deno.test("tuneQuantization() adopts what lowers the worst drop, and under POT's rule the mean of the drops", async () => {
  const groups = groupsNamed("AB");
  const table = (full: Record<string, number>) => ({ full: dropTable("AB", full), subset: UNIFORM });
  const metrics = {
    first: table({ "-": 0.05, A1B1: 0.04, AB1: 0, B: 0 }),
    second: table({ "-": 0.02, A1B1: 0.035, AB1: 0, B: 0 }),
  };
  const problem = { ...tableProblem(groups, metrics), requantize: () => Promise.resolve({ candidate: 1, label: "t" }) };
  const stepOf = async (compatibility: "default" | "pot") =>
    traceLines(groups, (await runAccuracyAware(problem, { ...OPTIONS, compatibility })).trace)[2];
  assert.equal(await stepOf("default"), "tune A1B1 0.04 0.035 + better");
  assert.equal(await stepOf("pot"), "tune A1B1 0.04 0.035 - not_better");
});

Deno.test("tuneQuantization() ends the run when the winner meets the target", async () => {
  const { problem } = tunable([1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 11, 12], { "-": 0.05, A12B12: 0.01 });
  const result = await runAccuracyAware(problem, { ...OPTIONS, compatibility: "pot" });
  assert.equal(traceLines(problem.groups, result.trace).at(-1), "tune A12B12 0.01 + target_met");
  assert.deepEqual([result.reached, result.assignment], [true, [12, 12]]);
});

Deno.test("runAccuracyAware() refuses to tune when the problem cannot be quantized again", async () => {
  const problem = tableProblem(groupsNamed("A"), { accuracy: { full: {} } });
  await assert.rejects(runAccuracyAware(problem, OPTIONS), {
    name: "UsageError",
    message: "Cannot tune hyperparameters: the problem cannot be quantized again",
  });
});

Deno.test("runAccuracyAware() measures the baseline when labels are the network's own, given or not", async () => {
  const metrics = [{ name: "accuracy", baselineValue: -1 }];
  const problem = tableProblem(groupsNamed("A"), { accuracy: { full: dropTable("A", { "-": 0.001 }) } });
  const result = await runAccuracyAware(problem, { metrics, annotationFree: true });
  assert.equal(result.trace[0]?.action, "baseline");
  assert.ok(result.baseline.accuracy === 0);
});
