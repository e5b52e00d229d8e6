import assert from "node:assert/strict";
import fc from "fast-check";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import type { AccuracyAwareOptions } from "../../src/accuracy/options.ts";
import type { AccuracyAwareResult } from "../../src/accuracy/result.ts";
import { inventedProblem } from "./invented_evaluator.ts";

const PROBLEMS = fc.record({
  groupCount: fc.integer({ min: 1, max: 9 }),
  sampleCount: fc.constant(80),
  seed: fc.nat(1e6),
  candidateCount: fc.constantFrom(1, 2, 3),
  interaction: fc.constantFrom(0, 0.5, 2),
});

const CHOICES: fc.Arbitrary<Partial<AccuracyAwareOptions>> = fc.record({
  metrics: fc.constantFrom([{ name: "accuracy" }], [{ name: "margin" }], [{ name: "accuracy" }, { name: "margin" }]),
  maximalDrop: fc.constantFrom(0, 0.0125, 0.05, 0.2),
  dropType: fc.constantFrom("absolute" as const, "relative" as const),
  rankingSubsetSize: fc.constantFrom(1, 20, 300),
  maxIterNum: fc.constantFrom(0, 1, 5, Infinity),
  usePrevIfDropIncrease: fc.boolean(),
  ranking: fc.constantFrom("metric" as const, "nmse" as const),
  compatibility: fc.constantFrom("default" as const, "pot" as const),
  seed: fc.nat(9),
});

const RUNS = { numRuns: 150, seed: 7 };

function outcomeOf({ trace, cost: _cost, ...rest }: AccuracyAwareResult): unknown {
  return { ...rest, trace: trace.map(({ seconds: _seconds, ...step }) => step) };
}

Deno.test("runAccuracyAware() ends, and every kept step of its trace is a state it evaluated", async () => {
  await fc.assert(
    fc.asyncProperty(PROBLEMS, CHOICES, async (errors, options) => {
      const problem = inventedProblem(errors);
      const { trace, reached, drops, thresholds } = await runAccuracyAware(problem, options);
      const attempts = trace.filter(({ action, reason }) =>
        (action === "revert" && reason !== "least_harm") || action === "mend"
      );
      assert.ok(attempts.length <= (options.maxIterNum ?? Infinity));
      for (const { action, assignment, values } of trace) {
        if (action === "rank") continue;
        assert.deepEqual(values, pick(await problem.evaluator.evaluate(assignment), Object.keys(values)));
      }
      if (reached) {
        for (const [name, drop] of Object.entries(drops)) assert.ok(drop <= (thresholds[name] ?? 0) + 1e-9);
      }
    }),
    RUNS,
  );
});

function pick(
  { values }: { values: Readonly<Record<string, number>> },
  names: string[],
): Record<string, number | undefined> {
  return Object.fromEntries(names.map((name) => [name, values[name]]));
}

Deno.test("runAccuracyAware() gives the same result when it is run twice (W12)", async () => {
  await fc.assert(
    fc.asyncProperty(PROBLEMS, CHOICES, async (errors, options) => {
      const first = await runAccuracyAware(inventedProblem(errors), options);
      const second = await runAccuracyAware(inventedProblem(errors), options);
      assert.deepEqual(outcomeOf(first), outcomeOf(second));
    }),
    { ...RUNS, numRuns: 60 },
  );
});

Deno.test("runAccuracyAware() returns no state worse than any it saw", async () => {
  await fc.assert(
    fc.asyncProperty(PROBLEMS, CHOICES, async (errors, choices) => {
      const metrics = [{ name: "accuracy" }];
      const problem = inventedProblem(errors);
      const result = await runAccuracyAware(problem, { ...choices, metrics, compatibility: "default" });
      const macsOf = (assignment: readonly number[]) =>
        assignment.reduce((sum, one, index) => sum + (one < 0 ? problem.groups[index]?.macs ?? 0 : 0), 0);
      for (const { action, assignment, drops } of result.trace) {
        if (action === "rank" || action === "baseline") continue;
        const [drop, best, allowed] = [drops, result.drops, result.thresholds].map((one) => one.accuracy ?? NaN);
        assert.ok(drop !== undefined && best !== undefined && allowed !== undefined);
        if (result.reached) assert.ok(drop > allowed || macsOf(assignment) >= result.floatMacs);
        else assert.ok(drop > allowed && drop >= best);
      }
    }),
    RUNS,
  );
});

Deno.test("runAccuracyAware() reaches every target that the float network reaches when attempts are unlimited", async () => {
  await fc.assert(
    fc.asyncProperty(PROBLEMS, CHOICES, async (errors, choices) => {
      const options = { ...choices, maxIterNum: Infinity, compatibility: "default" as const };
      const { reached, exhausted } = await runAccuracyAware(inventedProblem(errors), options);
      assert.deepEqual([reached, exhausted], [true, false]);
    }),
    RUNS,
  );
});

Deno.test("runAccuracyAware() reverts no more than POT when errors add up and only ever hurt", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.nat(1e6),
      fc.constantFrom(0.05, 0.2, 1, 3),
      async (seed, maximalDrop) => {
        const errors = { groupCount: 8, sampleCount: 60, seed, isMonotone: true };
        const options = { metrics: [{ name: "margin" }], maximalDrop, rankingSubsetSize: 60 };
        const ours = await runAccuracyAware(inventedProblem(errors), options);
        const pots = await runAccuracyAware(inventedProblem(errors), { ...options, compatibility: "pot" });
        assert.ok(ours.reached);
        assert.ok(ours.reverted.length <= pots.reverted.length);
        assert.ok(ours.floatMacs <= pots.floatMacs + 1e-12);
      },
    ),
    RUNS,
  );
});

Deno.test("runAccuracyAware() reverts no more groups than POT on the same scores, whatever the interactions", async () => {
  let reached = 0;
  for (let seed = 0; seed < 120; seed++) {
    const errors = {
      groupCount: 9,
      sampleCount: 40,
      seed,
      interaction: [0, 0.5, 2][seed % 3] ?? 0,
      hasEqualCosts: true,
    };
    const options = { metrics: [{ name: "accuracy" }], maximalDrop: seed < 60 ? 0.02 : 0.1, rankingSubsetSize: 40 };
    const told: unknown[] = [];
    const ours = await runAccuracyAware(inventedProblem(errors), options, { onStep: (step) => told.push(step) });
    assert.deepEqual(told.at(-1), ours.trace.at(-1), "the way to the result is told last");
    const pots = await runAccuracyAware(inventedProblem(errors), { ...options, compatibility: "pot" });
    if (!pots.reached) continue;
    reached++;
    assert.ok(ours.reached);
    assert.ok(
      ours.reverted.length <= pots.reverted.length,
      `seed ${seed}: ${ours.reverted} instead of ${pots.reverted}`,
    );
  }
  assert.ok(reached > 60, `POT reached the target only ${reached} times`);
});

Deno.test("putBack() leaves no more than what POT reverts, whatever the interactions", async () => {
  let fewer = 0;
  await fc.assert(
    fc.asyncProperty(PROBLEMS, CHOICES, fc.constantFrom(0.05, 0.1), async (errors, choices, maximalDrop) => {
      const problem = { ...errors, groupCount: 12 };
      const options = { ...choices, maximalDrop, maxIterNum: Infinity, compatibility: "pot" as const };
      const pots = await runAccuracyAware(inventedProblem(problem), options);
      const pruned = await runAccuracyAware(inventedProblem(problem), { ...options, putBack: true });
      if (!pots.reached) return;
      assert.ok(pruned.reached);
      assert.ok(pruned.reverted.length <= pots.reverted.length);
      assert.ok(pruned.reverted.every((name) => pots.reverted.includes(name)));
      if (pruned.reverted.length < pots.reverted.length) fewer++;
    }),
    RUNS,
  );
  assert.ok(fewer > 5, `only ${fewer} runs put anything back`);
});

Deno.test("putBack() leaves no group that could be put back alone when errors add up", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(1e6), fc.constantFrom(0.05, 0.2, 1, 3), async (seed, maximalDrop) => {
      const problem = inventedProblem({ groupCount: 8, sampleCount: 60, seed });
      const options = { metrics: [{ name: "margin" }], maximalDrop, rankingSubsetSize: 5 };
      const { assignment, baseline } = await runAccuracyAware(problem, options);
      for (const [group, candidate] of assignment.entries()) {
        if (candidate >= 0) continue;
        const state = assignment.map((one, index) => index === group ? 0 : one);
        const { values } = await problem.evaluator.evaluate(state);
        assert.ok((baseline.margin ?? NaN) - (values.margin ?? NaN) > maximalDrop);
      }
    }),
    RUNS,
  );
});
