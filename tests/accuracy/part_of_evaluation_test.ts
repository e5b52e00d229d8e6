import assert from "node:assert/strict";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import { Memo } from "../../src/accuracy/memo.ts";
import { partOf } from "../../src/accuracy/part_of_evaluation.ts";
import type { AccuracyProblem } from "../../src/accuracy/problem.ts";
import { inventedProblem } from "./invented_evaluator.ts";

const mean = { name: "score", direction: "higher_better", isMean: true } as const;

Deno.test("partOf() is the mean over the samples chosen, NaN left out", () => {
  const whole = { values: { score: 0.3 }, perSample: { score: Float64Array.of(0.1, NaN, 0.5) } };
  assert.deepEqual(partOf(whole, [2, 1], [mean]), {
    values: { score: 0.5 },
    perSample: { score: Float64Array.of(0.5, NaN) },
  });
  assert.deepEqual(partOf(whole, [1], [mean])?.values, { score: NaN });
});

Deno.test("partOf() knows nothing of metrics that are no means, or say so wrongly", () => {
  const whole = { values: { score: 0.3, other: 1 }, perSample: { score: Float64Array.of(0.1, 0.5) } };
  assert.equal(partOf(whole, [0], [{ name: "score", direction: "higher_better" }]), undefined);
  assert.equal(partOf(whole, [0], [mean, { ...mean, name: "other" }]), undefined);
  assert.equal(partOf({ ...whole, values: { score: 0.31 } }, [0], [mean]), undefined);
});

/** The same problem with metrics that say that they are means. */
function withMeans(problem: AccuracyProblem): AccuracyProblem {
  const metrics = problem.evaluator.metrics.map((metric) => ({ ...metric, isMean: true }));
  return { ...problem, evaluator: { ...problem.evaluator, metrics } };
}

Deno.test("Memo answers for some samples from the evaluation of all, bit for bit", async () => {
  const problem = inventedProblem({ groupCount: 6, sampleCount: 90, seed: 3 });
  const memo = new Memo(withMeans(problem).evaluator);
  const [plain, indices] = [problem.groups.map(() => 0), [3, 7, 8, 40, 89]];
  await memo.evaluate(plain);
  const [found] = await memo.evaluateEach(plain, [plain], indices);
  assert.equal(memo.spent.evaluations, 1);
  assert.deepEqual(found, await problem.evaluator.evaluate(plain, indices));
  await memo.distances("kl", plain, [plain], indices);
  assert.equal(memo.spent.evaluations, 2, "distances are another matter");
});

Deno.test("runAccuracyAware() decides the same for less where metrics are means", async () => {
  const decisions = [];
  const samples: number[] = [];
  for (const change of [(problem: AccuracyProblem) => problem, withMeans]) {
    const problem = inventedProblem({ groupCount: 12, sampleCount: 150, seed: 8, candidateCount: 3, strength: 2 });
    const options = { metrics: [{ name: "accuracy" }], rankingSubsetSize: 40, maximalDrop: 0.01 };
    const { trace, cost, assignment } = await runAccuracyAware(change(problem), options);
    decisions.push([assignment, trace.map(({ action, group, values, kept }) => [action, group, values, kept])]);
    samples.push(cost.samples);
  }
  assert.deepEqual(decisions[0], decisions[1]);
  assert.ok(samples[1]! < samples[0]!, `${samples[1]} samples instead of ${samples[0]}`);
});
