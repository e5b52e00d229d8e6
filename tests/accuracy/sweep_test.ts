import assert from "node:assert/strict";
import fc from "fast-check";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import type { AccuracyAwareOptions } from "../../src/accuracy/options.ts";
import type { AccuracyAwareResult } from "../../src/accuracy/result.ts";
import { sweepMaximalDrop } from "../../src/accuracy/sweep.ts";
import { inventedProblem } from "./invented_evaluator.ts";

const GRID = [0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0];

function rowOf({ assignment, values, reached, exhausted, reverted, trace }: AccuracyAwareResult) {
  const steps = trace.map(({ action, assignment, kept, reason }) => ({ action, assignment, kept, reason }));
  return { assignment, values, reached, exhausted, reverted, steps };
}

Deno.test("sweepMaximalDrop() gives for each drop what a run of its own gives", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        seed: fc.nat(1e6),
        candidateCount: fc.constantFrom(1, 3),
        interaction: fc.constantFrom(0, 0.6),
        usePrevIfDropIncrease: fc.boolean(),
        isPot: fc.boolean(),
        metricCount: fc.constantFrom(1, 2),
        maxIterNum: fc.constantFrom(4, Infinity),
      }),
      async ({ seed, candidateCount, interaction, usePrevIfDropIncrease, isPot, metricCount, maxIterNum }) => {
        const problem = inventedProblem({ groupCount: 7, sampleCount: 80, seed, candidateCount, interaction });
        const options: Partial<AccuracyAwareOptions> = {
          metrics: [{ name: "accuracy" }, { name: "margin" }].slice(0, metricCount),
          rankingSubsetSize: 20,
          usePrevIfDropIncrease,
          maxIterNum,
          compatibility: isPot ? "pot" : "default",
        };
        const rows = await sweepMaximalDrop(problem, GRID, options);
        assert.deepEqual(rows.map(({ maximalDrop }) => maximalDrop), GRID);
        for (const { maximalDrop, result } of rows) {
          const alone = await runAccuracyAware(problem, { ...options, maximalDrop });
          assert.deepEqual(rowOf(result), rowOf(alone));
        }
      },
    ),
    { numRuns: 40, seed: 1 },
  );
});

Deno.test("sweepMaximalDrop() passes larger drops on the way to the smallest, one metric or several", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ seed: fc.nat(1e6), metricCount: fc.constantFrom(1, 2), mend: fc.boolean(), own: fc.boolean() }),
      async ({ seed, metricCount, mend, own }) => {
        const problem = inventedProblem({ groupCount: 9, sampleCount: 80, seed, candidateCount: 3, interaction: 0.6 });
        const margin = { name: "margin", ...(own ? { maximalDrop: 0.1 } : {}) };
        const metrics = [{ name: "accuracy" }, margin].slice(0, metricCount);
        const rows = await sweepMaximalDrop(problem, GRID, { metrics, rankingSubsetSize: 20, mend, putBack: false });
        for (const { result } of rows.slice(0, -1)) assert.equal(result.cost.evaluations, 0);
      },
    ),
    { numRuns: 40, seed: 1 },
  );
});

Deno.test("sweepMaximalDrop() costs at most 1.1 times the smallest drop alone, putting back included", async () => {
  const drops = [0.02, 0.01, 0.005, 0.002];
  let [together, smallest] = [0, 0];
  for (let seed = 0; seed < 6; seed++) {
    const errors = { groupCount: 30, sampleCount: 1000, seed, candidateCount: 2, interaction: 0.2, strength: 3 };
    const options = { metrics: [{ name: "accuracy" }], rankingSubsetSize: 100 };
    const rows = await sweepMaximalDrop(inventedProblem(errors), drops, options);
    const alone = await runAccuracyAware(inventedProblem(errors), { ...options, maximalDrop: 0.002 });
    assert.ok(alone.trace.length > 20, "there is something to share");
    together += rows.reduce((sum, { result }) => sum + result.cost.networkEquivalents, 0);
    smallest += alone.cost.networkEquivalents;
  }
  assert.ok(together <= 1.1 * smallest, `costs ${together}, the smallest alone ${smallest}`);
});

Deno.test("sweepMaximalDrop() refuses a sweep when every metric has its own drop", async () => {
  const problem = inventedProblem({ groupCount: 2, sampleCount: 10, seed: 1 });
  await assert.rejects(sweepMaximalDrop(problem, [0.1], { metrics: [{ name: "accuracy", maximalDrop: 0.1 }] }), {
    message: "Cannot sweep maximal_drop: every metric has its own, expected at least one without",
  });
});
