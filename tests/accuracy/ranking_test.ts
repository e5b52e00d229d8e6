import assert from "node:assert/strict";
import type { Evaluator } from "../../src/base/precision.ts";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import type { AccuracyAwareOptions } from "../../src/accuracy/options.ts";
import type { AccuracyProblem } from "../../src/accuracy/problem.ts";
import { dropTable, groupsNamed, oneByOne, stateKey, tableProblem, traceLines } from "./invented_evaluator.ts";

const PLAIN: Partial<AccuracyAwareOptions> = { rankingSubsetSize: 2, mend: false, putBack: false };

/** A table problem whose outputs lie at the given distances from float, by state. */
function withDistances(
  problem: AccuracyProblem,
  table: Readonly<Record<string, number>>,
  asked: string[] = [],
): AccuracyProblem {
  const evaluator: Evaluator = {
    ...problem.evaluator,
    async distances(distance, _base, assignments, indices, take) {
      asked.push(`${distance} ${indices.length}`);
      for (const [place, one] of assignments.entries()) {
        await take(place, new Float64Array(indices.length).fill(table[stateKey(problem.groups, one)] ?? NaN));
      }
    },
  };
  return { ...problem, evaluator };
}

Deno.test("rankGroups() puts the group first whose reversion brings outputs closest to float (NNCF 3)", async () => {
  const asked: string[] = [];
  const table = tableProblem(groupsNamed("ABC"), { accuracy: { full: dropTable("ABC", { "-": 0.02, B: 0.001 }) } });
  const problem = withDistances(table, { A: 0.5, B: 0.1, C: 0.9 }, asked);
  for (const ranking of ["kl", "nmse", "cosine"] as const) {
    const result = await runAccuracyAware(problem, { ...PLAIN, ranking });
    assert.deepEqual(traceLines(problem.groups, result.trace).slice(2), [
      "rank -: B A C",
      "revert B 0.001 + target_met",
    ]);
  }
  assert.deepEqual(asked, ["kl 2", "nmse 2", "cosine 2"]);
});

Deno.test("rankGroups() puts groups without a known distance last", async () => {
  const table = tableProblem(groupsNamed("ABC"), { accuracy: { full: dropTable("ABC", { "-": 0.02, C: 0.001 }) } });
  const result = await runAccuracyAware(withDistances(table, { B: 3, C: 2 }), { ...PLAIN, ranking: "kl" });
  assert.equal(traceLines(table.groups, result.trace)[2], "rank -: C B A");
});

Deno.test("runAccuracyAware() refuses a distance ranking when outputs cannot be compared", async () => {
  const problem = tableProblem(groupsNamed("A"), { accuracy: { full: {} } });
  await assert.rejects(runAccuracyAware(problem, { ranking: "kl" }), {
    name: "UsageError",
    message: "Cannot rank by kl: the evaluator does not compare outputs, expected ranking metric",
  });
});

Deno.test("rankGroups() chooses samples by output distance when a metric has no value per sample", async () => {
  const groups = groupsNamed("AB");
  const chosen: string[] = [];
  const problem: AccuracyProblem = {
    groups,
    evaluator: {
      sampleCount: 4,
      metrics: [{ name: "reid_map", direction: "higher_better" }],
      evaluate: (assignment) =>
        Promise.resolve({
          values: { reid_map: assignment.filter((one) => one === -1).length / 2 },
          perSample: { reid_map: new Float64Array(4).fill(NaN) },
        }),
      evaluateEach: (base, assignments, indices, take) => {
        chosen.push(indices.join(","));
        const evaluateOne = oneByOne((one) => ({ values: { reid_map: -(one[0] ?? 0) }, perSample: {} }));
        return evaluateOne(base, assignments, indices, take);
      },
      async distances(_distance, _base, assignments, indices, take) {
        for (const place of assignments.keys()) {
          await take(place, Float64Array.from(indices, (index) => [0, 5, 0, 6][index] ?? 0));
        }
      },
    },
  };
  for (const compatibility of ["default", "pot"] as const) {
    await runAccuracyAware(problem, { ...PLAIN, maximalDrop: 0.5, compatibility });
  }
  assert.deepEqual(chosen, ["1,3", "1,3"]);
});

Deno.test("rankGroups() scores by the stand-in when the evaluator offers it", async () => {
  const problem = tableProblem(groupsNamed("ABC"), {
    ndcg: { full: dropTable("ABC", { "-": 0.02, B: 0.001 }), subset: { A: 3, B: 2, C: 1 } },
    log_loss: {
      direction: "lower_better",
      full: { ABC: 0, "-": 1, B: 0.5 },
      subset: { A: 3, B: 1, C: 2 },
    },
  });
  const result = await runAccuracyAware(problem, { ...PLAIN, metrics: [{ name: "ndcg" }] });
  assert.deepEqual(result.trace[2]?.ranking, {
    metric: "ndcg",
    sampleCount: 2,
    scores: [{ group: 1, score: -1 }, { group: 2, score: -2 }, { group: 0, score: -3 }],
  });
});

Deno.test("rankGroups() survives samples without a value (W17)", async () => {
  const groups = groupsNamed("AB");
  const perSample = (state: string): number[] =>
    state === "AB" ? [1, NaN, 1, 1] : state === "A" ? [1, NaN, 1, 1] : [NaN, NaN, 0, 1];
  const chosen: (readonly number[])[] = [];
  const evaluate = (assignment: readonly number[], indices: readonly number[] = [0, 1, 2, 3]) => {
    const values = Float64Array.from(indices, (index) => perSample(stateKey(groups, assignment))[index] ?? NaN);
    const known = values.filter((value) => !Number.isNaN(value));
    return { values: { ap: known.reduce((sum, one) => sum + one, 0) / known.length }, perSample: { ap: values } };
  };
  const problem: AccuracyProblem = {
    groups,
    evaluator: {
      sampleCount: 4,
      metrics: [{ name: "ap", direction: "higher_better" }],
      evaluate: (assignment, indices) => Promise.resolve(evaluate(assignment, indices)),
      evaluateEach: (base, assignments, indices, take) => {
        chosen.push(indices);
        return oneByOne(evaluate)(base, assignments, indices, take);
      },
    },
  };
  const result = await runAccuracyAware(problem, PLAIN);
  assert.deepEqual(chosen, [[0, 2]], "the sample that lost its value and the one that became wrong");
  assert.deepEqual([result.reached, result.reverted], [true, ["A"]]);
});

/** The two samples of three that are chosen: the first gains a value by quantization, the second becomes wrong, the third never has one. */
async function chosenOfThree(options: Partial<AccuracyAwareOptions>): Promise<number[][]> {
  const chosen: number[][] = [];
  const groups = groupsNamed("AB");
  const evaluate = (assignment: readonly number[], indices: readonly number[] = [0, 1, 2]) => {
    const isFloat = assignment.every((one) => one === -1);
    if (indices.length === 2) chosen.push([...indices]);
    const values = Float64Array.from(indices, (index) => (isFloat ? [NaN, 1, NaN] : [1, 0, NaN])[index] ?? NaN);
    return { values: { ap: isFloat ? 1 : 0 }, perSample: { ap: values } };
  };
  const problem: AccuracyProblem = {
    groups,
    requantize: () => Promise.resolve({ candidate: 1, label: "tuned" }),
    evaluator: {
      sampleCount: 3,
      metrics: [{ name: "ap", direction: "higher_better" }],
      evaluate: (assignment, indices) => Promise.resolve(evaluate(assignment, indices)),
      evaluateEach: oneByOne(evaluate),
    },
  };
  await runAccuracyAware(problem, { ...PLAIN, rankingSubsetSize: 2, ...options });
  return chosen;
}

Deno.test("rankGroups() takes samples without a value first under POT's rule alone", async () => {
  assert.deepEqual((await chosenOfThree({}))[0], [0, 1]);
  assert.deepEqual((await chosenOfThree({ compatibility: "pot" }))[0], [0, 2]);
});

Deno.test("tuneQuantization() tunes on samples that became wrong, and under POT's rule on those without a value", async () => {
  assert.deepEqual((await chosenOfThree({ tuneHyperparams: true }))[0], [0, 1]);
  assert.deepEqual((await chosenOfThree({ tuneHyperparams: true, compatibility: "pot" }))[0], [0, 2]);
});
