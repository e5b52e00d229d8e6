import assert from "node:assert/strict";
import type { Evaluation } from "../../src/base/precision.ts";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import { evaluationKey, type Journal, Memo } from "../../src/accuracy/memo.ts";
import type { AccuracyAwareOptions } from "../../src/accuracy/options.ts";
import type { AccuracyAwareResult } from "../../src/accuracy/result.ts";
import { inventedProblem, traceLines } from "./invented_evaluator.ts";

const ERRORS = { groupCount: 8, sampleCount: 120, seed: 12, candidateCount: 2, interaction: 0.4 };
const OPTIONS: Partial<AccuracyAwareOptions> = {
  metrics: [{ name: "accuracy" }],
  rankingSubsetSize: 30,
  maximalDrop: 0.02,
};

/** A journal in memory that fails once it has taken `capacity` entries, as a process does that is killed. */
class MortalJournal implements Journal {
  readonly entries = new Map<string, Evaluation>();
  capacity = Infinity;

  get(key: string): Evaluation | undefined {
    return this.entries.get(key);
  }

  put(key: string, evaluation: Evaluation): Promise<void> {
    if (this.entries.size >= this.capacity) return Promise.reject(new Error("killed"));
    this.entries.set(key, evaluation);
    return Promise.resolve();
  }
}

function decisions(result: AccuracyAwareResult): unknown {
  const steps = result.trace.map(({ action, group, assignment, values, kept, reason, ranking }) => ({
    action,
    group,
    assignment,
    values,
    kept,
    reason,
    ranking,
  }));
  const { trace: _trace, cost: _cost, ...outcome } = result;
  return { outcome, steps };
}

Deno.test("runAccuracyAware() takes the same decisions when it is killed anywhere and resumed", async () => {
  const undisturbed = await runAccuracyAware(inventedProblem(ERRORS), OPTIONS);
  assert.ok(undisturbed.trace.length > 6);
  const { evaluations } = undisturbed.cost;
  for (let capacity = 0; capacity < evaluations; capacity += 7) {
    const journal = new MortalJournal();
    journal.capacity = capacity;
    const killed = inventedProblem(ERRORS);
    await assert.rejects(runAccuracyAware(killed, OPTIONS, { journal, keyPrefix: "p" }), /killed/);
    const known = journal.entries.size;
    assert.equal(
      killed.counted.evaluations,
      known + 1,
      "the evaluation in flight is all that is lost, rankings included",
    );
    journal.capacity = Infinity;
    const resumed = await runAccuracyAware(inventedProblem(ERRORS), OPTIONS, { journal, keyPrefix: "p" });
    assert.deepEqual(decisions(resumed), decisions(undisturbed));
    assert.equal(resumed.cost.evaluations, evaluations - known);
  }
});

Deno.test("runAccuracyAware() ignores a journal with another prefix", async () => {
  const journal = new MortalJournal();
  const first = await runAccuracyAware(inventedProblem(ERRORS), OPTIONS, { journal, keyPrefix: "model a" });
  const again = await runAccuracyAware(inventedProblem(ERRORS), OPTIONS, { journal, keyPrefix: "model a" });
  assert.deepEqual([again.cost.evaluations, again.cost.samples], [0, 0]);
  const other = await runAccuracyAware(inventedProblem(ERRORS), OPTIONS, { journal, keyPrefix: "model b" });
  assert.equal(other.cost.evaluations, first.cost.evaluations);
});

Deno.test("Memo evaluates each assignment and sample set once and counts what it spent", async () => {
  const problem = inventedProblem(ERRORS);
  const memo = new Memo(problem.evaluator);
  const plain = problem.groups.map(() => 0);
  const float = problem.groups.map(() => -1);
  const full = await memo.evaluate(plain);
  assert.equal(await memo.evaluate([...plain]), full);
  await memo.evaluateEach(plain, [plain, float, plain], [1, 2, 3]);
  await memo.evaluate(float, [1, 2, 3]);
  await memo.evaluate(float, [1, 2, 4]);
  await memo.distances("kl", plain, [float], [1, 2, 4]);
  await memo.distances("nmse", plain, [float], [1, 2, 4]);
  assert.deepEqual(problem.counted, { evaluations: 4, samples: 120 + 3 * 3 });
  assert.deepEqual(memo.spent, {
    evaluations: 6,
    samples: 120 + 5 * 3,
    reused: 1 + 1 + 1,
    networkEquivalents: 120 + 5 * 3,
  });
});

Deno.test("Memo counts the evaluator's own network equivalents when it reports them", async () => {
  const problem = inventedProblem(ERRORS);
  let spent = 1000;
  const evaluator = { ...problem.evaluator, networkEquivalents: () => spent += 0.5 };
  const memo = new Memo(evaluator);
  const before = memo.spent.networkEquivalents;
  await memo.evaluate(problem.groups.map(() => 0));
  assert.deepEqual([before, memo.spent.networkEquivalents], [0.5, 1]);
});

Deno.test("Memo evaluates what computes the same once", async () => {
  const problem = inventedProblem(ERRORS);
  // The second candidate of every group is taken to be the first.
  const evaluator = {
    ...problem.evaluator,
    canonical: (one: readonly number[]) => one.map((state) => Math.min(state, 0)),
  };
  const memo = new Memo(evaluator);
  const [first, second] = [problem.groups.map(() => 0), problem.groups.map(() => 1)];
  const found = await memo.evaluate(second);
  assert.deepEqual(found, await problem.evaluator.evaluate(first));
  assert.equal(await memo.evaluate(first), found);
  const float = problem.groups.map(() => -1);
  const each = await memo.evaluateEach(second, [second, float, first], [1, 2, 3]);
  assert.equal(each[0], each[2]);
  const distances = await memo.distances("kl", second, [second, first], [1, 2, 3]);
  assert.equal(distances?.[0], distances?.[1]);
  assert.deepEqual([memo.spent.evaluations, memo.spent.reused], [4, 1 + 1 + 1]);
});

Deno.test("Memo refuses results that are fewer than the assignments", async () => {
  const problem = inventedProblem(ERRORS);
  const evaluator = { ...problem.evaluator, evaluateEach: () => Promise.resolve() };
  const plain = problem.groups.map(() => 0);
  await assert.rejects(new Memo(evaluator).evaluateEach(plain, [plain], [0]), /0 came back, expected 1/);
});

Deno.test("evaluationKey() tells apart whatever changes the result", () => {
  const keys = [
    evaluationKey("p", [0, 1]),
    evaluationKey("q", [0, 1]),
    evaluationKey("p", [0, -1]),
    evaluationKey("p", [0, 1], [0, 1, 2, 5]),
    evaluationKey("p", [0, 1], [0, 1, 3, 5]),
    evaluationKey("p", [0, 1], [0, 2, 1, 5]),
    evaluationKey("p", [0, 1], [0, 1, 2, 5], "kl"),
  ];
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(keys[3], "p|metrics|0,1|0-2,5");
});

Deno.test("runAccuracyAware() stops between evaluations when its signal aborts", async () => {
  const problem = inventedProblem(ERRORS);
  const abort = new AbortController();
  const steps: string[] = [];
  const running = runAccuracyAware(problem, OPTIONS, {
    signal: abort.signal,
    onStep: ({ action }) => {
      steps.push(action);
      if (action === "rank") abort.abort(new Error("enough"));
    },
  });
  await assert.rejects(running, /enough/);
  assert.deepEqual(steps, ["baseline", "quantize", "rank"]);
});

Deno.test("runAccuracyAware() reports steps whose costs add up to the run's", async () => {
  const steps: number[] = [];
  const result = await runAccuracyAware(inventedProblem(ERRORS), OPTIONS, {
    onStep: ({ samples }) => steps.push(samples),
  });
  assert.equal(steps.length, traceLines(inventedProblem(ERRORS).groups, result.trace).length);
  assert.equal(steps.reduce((sum, samples) => sum + samples, 0), result.cost.samples);
});
