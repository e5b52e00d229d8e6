import assert from "node:assert/strict";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import type { AccuracyAwareOptions } from "../../src/accuracy/options.ts";
import type { AccuracyProblem } from "../../src/accuracy/problem.ts";
import { dropTable, groupsNamed, oneByOne, tableProblem, traceLines } from "./invented_evaluator.ts";

const PLAIN: Partial<AccuracyAwareOptions> = { rankingSubsetSize: 2, mend: false, putBack: false };

/** Runs by our rules and by POT's; the weakness is mended where they differ. */
async function runBoth(makeProblem: () => AccuracyProblem, options: Partial<AccuracyAwareOptions> = {}) {
  const problem = makeProblem();
  const ours = await runAccuracyAware(problem, { ...PLAIN, ...options });
  const pots = await runAccuracyAware(makeProblem(), { ...PLAIN, ...options, compatibility: "pot" });
  return {
    ours,
    pots,
    lines: traceLines(problem.groups, ours.trace).slice(1),
    potLines: traceLines(problem.groups, pots.trace).slice(1),
  };
}

/** Subset values that rank the groups of `order`, best first, in the plain int8 state. */
function scoresFor(order: string): Record<string, number> {
  return Object.fromEntries([...order].map((name, place) => [name, order.length - place]));
}

Deno.test("greedyLoop() returns the best state when the attempts run out (W1)", async () => {
  const { ours, pots } = await runBoth(() =>
    tableProblem(groupsNamed("ABCDE"), {
      accuracy: {
        full: dropTable("ABCDE", { "-": 0.02, A: 0.018, AB: 0.019, AC: 0.021 }),
        subset: { ...scoresFor("ABCDE"), AB: 8, AC: 9, AD: 7, AE: 0 },
      },
    }), { maxIterNum: 3 });
  assert.deepEqual([pots.reverted, pots.drops.accuracy], [["A", "C"], 0.021]);
  assert.deepEqual([ours.reverted, ours.drops.accuracy, ours.reached], [["A"], 0.018, false]);
});

Deno.test("greedyLoop() compares with the restored state after an undone step (W2, W3)", async () => {
  const { lines, potLines } = await runBoth(() =>
    tableProblem(groupsNamed("ABCDE"), {
      accuracy: {
        full: dropTable("ABCDE", { "-": 0.02, A: 0.018, AB: 0.019, AC: 0.0185, ACD: 0.002 }),
        subset: { ...scoresFor("ABCDE"), AB: 1, AC: 9, AD: 7, AE: 0 },
      },
    })
  );
  assert.deepEqual(lines, [
    "quantize - 0.02 + first_state",
    "rank -: A B C D E",
    "revert A 0.018 + better",
    "revert AB 0.019 - not_better",
    "rank A: C D B E",
    "revert AC 0.0185 - not_better",
    "revert AC 0.0185 + least_harm",
    "revert ACD 0.002 + target_met",
  ]);
  assert.deepEqual(potLines.slice(5), ["revert AC 0.0185 + no_worse", "revert ACD 0.002 + target_met"]);
});

Deno.test("greedyLoop() does not tolerate a worsening first step (W3)", async () => {
  const { ours, pots } = await runBoth(() =>
    tableProblem(groupsNamed("ABC"), {
      accuracy: {
        full: dropTable("ABC", { "-": 0.02, A: 0.03, B: 0.005, AB: 0.005 }),
        subset: scoresFor("ABC"),
      },
    })
  );
  assert.deepEqual(ours.reverted, ["B"]);
  assert.deepEqual(pots.reverted, ["A", "B"]);
});

Deno.test("greedyLoop() undoes a reversion that wins nothing, and looks for what the present state breaks (W6, W8)", async () => {
  const { lines, potLines } = await runBoth(() =>
    tableProblem(groupsNamed("ABCD"), {
      accuracy: {
        full: dropTable("ABCD", { "-": 0.02, A: 0.015, AB: 0.015, AC: 0.005, ABC: 0.005 }),
        subset: { ...scoresFor("ABCD"), AB: 0, AC: 2, AD: 1 },
      },
    })
  );
  assert.deepEqual(lines.slice(2), [
    "revert A 0.015 + better",
    "revert AB 0.015 - not_better",
    "rank A: C D B",
    "revert AC 0.005 + target_met",
  ]);
  assert.deepEqual(potLines.slice(3), ["revert AB 0.015 + no_worse", "revert ABC 0.005 + target_met"]);
});

Deno.test("greedyLoop() does not retry an undone group before something changed", async () => {
  const { lines, potLines } = await runBoth(() =>
    tableProblem(groupsNamed("ABCD"), {
      accuracy: {
        full: dropTable("ABCD", { "-": 0.02, A: 0.018, AB: 0.019, AC: 0.012, ABC: 0.005 }),
        subset: { ...scoresFor("ABCD"), AB: 9, AC: 8, AD: 0 },
      },
    })
  );
  assert.deepEqual(lines.slice(3), [
    "revert AB 0.019 - not_better",
    "rank A: B C D",
    "revert AC 0.012 + better",
    "revert ABC 0.005 + target_met",
  ]);
  assert.equal(potLines[5], "revert AB 0.019 + no_worse", "POT takes it at once, against its own discarded drop");
});

Deno.test("greedyLoop() takes the least harmful attempt when two in a row win nothing", async () => {
  const { lines } = await runBoth(() =>
    tableProblem(groupsNamed("ABCDE"), {
      accuracy: {
        full: dropTable("ABCDE", { "-": 0.02, A: 0.03, B: 0.021, AB: 0.005 }),
        subset: scoresFor("ABCDE"),
      },
    })
  );
  assert.deepEqual(lines.slice(1), [
    "rank -: A B C D E",
    "revert A 0.03 - not_better",
    "revert B 0.021 - not_better",
    "revert B 0.021 + least_harm",
    "revert AB 0.005 + target_met",
  ]);
});

Deno.test("greedyLoop() keeps a worse state and ranks again when worse states are not undone", async () => {
  const problem = tableProblem(groupsNamed("ABC"), {
    accuracy: {
      full: dropTable("ABC", { "-": 0.02, A: 0.03, AC: 0.005 }),
      subset: { ...scoresFor("ABC"), AB: 1, AC: 2 },
    },
  });
  const result = await runAccuracyAware(problem, { ...PLAIN, usePrevIfDropIncrease: false });
  assert.deepEqual(traceLines(problem.groups, result.trace).slice(2), [
    "rank -: A B C",
    "revert A 0.03 + worse_kept",
    "rank A: C B",
    "revert AC 0.005 + target_met",
  ]);
});

Deno.test("greedyLoop() does not rank again when no attempt is left", async () => {
  for (const usePrevIfDropIncrease of [true, false]) {
    const { lines, potLines } = await runBoth(() =>
      tableProblem(groupsNamed("ABCD"), {
        accuracy: {
          full: dropTable("ABCD", { "-": 0.02, A: 0.018, AB: 0.019, AC: 0.017 }),
          subset: { ...scoresFor("ABCD"), AB: 1, AC: 2, AD: 0, ABC: 1, ABD: 0 },
        },
      }), { maxIterNum: 2, usePrevIfDropIncrease });
    assert.equal(lines.at(-1), `revert AB 0.019 ${usePrevIfDropIncrease ? "- not_better" : "+ worse_kept"}`);
    assert.match(potLines.at(-1)!, /^rank /, "POT ranks for nothing");
  }
});

Deno.test("greedyLoop() counts success in the last group (W5)", async () => {
  const { ours, pots } = await runBoth(() =>
    tableProblem(groupsNamed("AB"), {
      accuracy: { full: dropTable("AB", { "-": 0.5, A: 0.4 }), subset: { A: 2, B: 1 } },
    })
  );
  assert.deepEqual([ours.reached, ours.exhausted], [true, false]);
  assert.deepEqual([pots.reached, pots.exhausted], [false, true]);
});

Deno.test("greedyLoop() says that no group is left when even float misses a given baseline", async () => {
  const problem = tableProblem(groupsNamed("AB"), {
    accuracy: { full: { "-": 0.25, A: 0.5, AB: 0.625 }, subset: { A: 2, B: 1, AB: 3 } },
  });
  const result = await runAccuracyAware(problem, { ...PLAIN, metrics: [{ name: "accuracy", baselineValue: 1 }] });
  assert.deepEqual([result.reached, result.exhausted, result.drops.accuracy], [false, true, 0.375]);
  assert.equal(result.trace.some(({ action }) => action === "baseline"), false);
});

Deno.test("greedyLoop() gives ties to the cheaper group, then to the earlier (W7)", async () => {
  const makeProblem = () => {
    const groups = groupsNamed("ABCD").map((group, index) => ({ ...group, macs: [0.4, 0.1, 0.1, 0.4][index] ?? 0 }));
    const full = dropTable("ABCD", { "-": 0.02, B: 0.005, D: 0.005 });
    return tableProblem(groups, { accuracy: { full, subset: { A: 1, B: 1, C: 1, D: 1 } } });
  };
  const { ours, pots, lines } = await runBoth(makeProblem);
  assert.equal(lines[1], "rank -: B C A D");
  assert.deepEqual([ours.reverted, ours.floatMacs], [["B"], 0.1]);
  assert.deepEqual([pots.reverted, pots.floatMacs], [["D"], 0.4]);
});

Deno.test("greedyLoop() adopts the mixed preset only when it is better (W15)", async () => {
  const makeProblem = () => {
    const groups = groupsNamed("AB", ["performance", "mixed"]);
    const full = dropTable("AB", { "-": 0.02, A1B1: 0.03, A: 0.005, AB1: 0.005 });
    return {
      ...tableProblem(groups, { accuracy: { full, subset: { A: 2, B: 1, AB1: 2, A1B: 1 } } }),
      mixedCandidate: 1,
    };
  };
  const { ours, pots, lines } = await runBoth(makeProblem, { convertToMixedPreset: true });
  assert.equal(lines[1], "mixed A1B1 0.03 - not_better");
  assert.deepEqual(ours.assignment, [-1, 0]);
  assert.deepEqual(pots.assignment, [-1, 1]);
});

Deno.test("greedyLoop() tries whole-network candidates in order and keeps what is better", async () => {
  const groups = groupsNamed("AB", ["minmax", "quantile", "mse"]);
  const full = dropTable("AB", { "-": 0.03, A1B1: 0.02, A2B2: 0.025, AB1: 0.01 });
  const problem = tableProblem(groups, { accuracy: { full, subset: { AB1: 2, A1B: 1 } } });
  const result = await runAccuracyAware(problem, { ...PLAIN, tryFirst: [1, 2] });
  assert.deepEqual(traceLines(groups, result.trace).slice(1), [
    "quantize - 0.03 + first_state",
    "try A1B1 0.02 + better",
    "try A2B2 0.025 - not_better",
    "rank A1B1: A B",
    "revert AB1 0.01 + target_met",
  ]);
  assert.deepEqual(result.groups.map(({ precision }) => precision), ["float", "quantile"]);
});

Deno.test("runAccuracyAware() refuses candidates, metrics and validation sets that do not exist", async () => {
  const problem = tableProblem(groupsNamed("AB", ["minmax", "mse"]), { accuracy: { full: {} } });
  const cases: readonly [AccuracyProblem, Partial<AccuracyAwareOptions>, string][] = [
    [problem, { tryFirst: [2] }, "Cannot try candidate 2 first: no group has it"],
    [
      problem,
      { metrics: [{ name: "loss" }] },
      'Cannot use metric "loss": it is not evaluated, expected one of accuracy',
    ],
    [tableProblem(groupsNamed("A"), {}), {}, "Cannot keep accuracy: the evaluator offers no metric"],
    [
      tableProblem(groupsNamed("A"), { loss: { full: {} } }, 0),
      {},
      "Cannot keep accuracy: the validation set is empty",
    ],
    [
      tableProblem(groupsNamed("A"), { loss: { full: { A: NaN } } }),
      {},
      'Cannot measure drops of metric "loss": its baseline is NaN, expected a finite number',
    ],
  ];
  for (const [wrong, options, message] of cases) {
    await assert.rejects(runAccuracyAware(wrong, options), { name: "UsageError", message });
  }
});

Deno.test("greedyLoop() says that the mixed preset has no effect when there is none (W20)", async () => {
  const problem = tableProblem(groupsNamed("A"), {
    accuracy: { full: dropTable("A", { "-": 0.02 }), subset: { A: 1 } },
  });
  const result = await runAccuracyAware(problem, { ...PLAIN, convertToMixedPreset: true });
  assert.deepEqual(result.warnings, [
    "convert_to_mixed_preset has no effect: the quantization is not of the performance preset",
  ]);
});

Deno.test("greedyLoop() holds each metric to its own drop and direction (W16)", async () => {
  const problem = () =>
    tableProblem(groupsNamed("ABC"), {
      accuracy: { full: { ABC: 1, "-": 0.5, A: 0.875 }, subset: { A: 3, B: 2, C: 1 } },
      loss: { direction: "lower_better", full: { ABC: 1, "-": 3, A: 1.5 }, subset: { A: 1, B: 2, C: 3 } },
    });
  const metrics = [{ name: "accuracy", maximalDrop: 0.125 }, { name: "loss", maximalDrop: 0.5 }];
  const result = await runAccuracyAware(problem(), { ...PLAIN, metrics });
  assert.deepEqual(result.thresholds, { accuracy: 0.125, loss: 0.5 });
  assert.deepEqual([result.reached, result.reverted], [true, ["A"]]);
  const tighter = [{ name: "accuracy", maximalDrop: 0.125 }, { name: "loss", maximalDrop: 0.25 }];
  await assert.rejects(runAccuracyAware(problem(), { ...PLAIN, metrics: tighter }), /loss of AB|accuracy of AB/);
});

Deno.test("greedyLoop() orders groups by the metric that is worst now, without ranking again", async () => {
  const problem = tableProblem(groupsNamed("ABC"), {
    top1: {
      full: { ABC: 1, "-": 0.5, A: 0.9375, AC: 0.9375 },
      subset: { A: 3, B: 2, C: 1 },
    },
    top5: {
      full: { ABC: 1, "-": 0.75, A: 0.75, AC: 1 },
      subset: { A: 0, B: 1, C: 2 },
    },
  });
  const result = await runAccuracyAware(problem, { ...PLAIN, maximalDrop: 0.0625 });
  assert.deepEqual(traceLines(problem.groups, result.trace).slice(2), [
    "rank -: A B C",
    "revert A 0.0625 0.25 + better",
    "revert AC 0.0625 0 + target_met",
  ]);
});

Deno.test("greedyLoop() ranks again on what the current state breaks, not the first one (W8, NNCF 4)", async () => {
  const groups = groupsNamed("ABC");
  const rightSamples: Record<string, number[]> = {
    "-": [0, 0, 1, 1],
    A: [1, 0, 1, 1],
    AB: [1, 1, 0, 0],
    AC: [1, 1, 1, 1],
    ABC: [1, 1, 1, 1],
    B: [0, 0, 1, 1],
    C: [0, 0, 1, 1],
  };
  const subsets: string[] = [];
  const evaluateState = (assignment: readonly number[], indices = [0, 1, 2, 3]) => {
    const state = assignment.map((candidate, index) => candidate === -1 ? groups[index]?.name : "").join("") || "-";
    const accuracy = Float64Array.from(indices, (index) => rightSamples[state]?.[index] ?? NaN);
    return {
      values: { accuracy: accuracy.reduce((sum, one) => sum + one, 0) / indices.length },
      perSample: { accuracy },
    };
  };
  const problem: AccuracyProblem = {
    groups,
    evaluator: {
      sampleCount: 4,
      metrics: [{ name: "accuracy", direction: "higher_better" }],
      evaluate: (assignment, indices) => Promise.resolve(evaluateState(assignment, indices?.slice())),
      evaluateEach: (base, assignments, indices, take) => {
        subsets.push(`${base.join(",")}: ${indices.join(",")}`);
        return oneByOne((one) => evaluateState(one, indices.slice()))(base, assignments, indices, take);
      },
    },
  };
  const result = await runAccuracyAware(problem, { ...PLAIN, rankingSubsetSize: 1, maximalDrop: 0, seed: 3 });
  assert.deepEqual(result.reverted, ["A", "C"]);
  const [first, second] = subsets;
  assert.match(first ?? "", /^0,0,0: [01]$/);
  assert.equal(second, "-1,0,0: 1");
});

Deno.test("greedyLoop() never starts or ends with held groups elsewhere than the user wants", async () => {
  const groups = groupsNamed("ABC").map((group) =>
    group.name === "A"
      ? { ...group, hold: "int8" as const }
      : group.name === "B"
      ? { ...group, hold: "float" as const }
      : group
  );
  const problem = tableProblem(groups, {
    accuracy: { full: dropTable("ABC", { B: 0.05, BC: 0.04 }), subset: { BC: 1 } },
  });
  const result = await runAccuracyAware(problem, PLAIN);
  assert.deepEqual(traceLines(groups, result.trace).slice(1), [
    "quantize B 0.05 + first_state",
    "rank B: C",
    "revert BC 0.04 + better",
  ]);
  assert.deepEqual([result.reached, result.exhausted, result.reverted], [false, true, ["C", "B"]]);
});

Deno.test("greedyLoop() keeps weights in int8 when only activations are reverted", async () => {
  const groups = groupsNamed("AB", ["int8", "weights only"]).map((group) =>
    group.name === "A" ? { ...group, activationsCandidate: 1 } : { ...group, candidates: ["int8"] }
  );
  const full = dropTable("AB", { "-": 0.05, A1: 0.02, A1B: 0.001 });
  const problem = tableProblem(groups, { accuracy: { full, subset: { A1: 2, B: 1 } } });
  const result = await runAccuracyAware(problem, { ...PLAIN, revert: "activations" });
  assert.deepEqual(result.assignment, [1, -1]);
  assert.deepEqual(result.reverted, ["A", "B"]);
  assert.deepEqual(result.groups.map(({ precision }) => precision), ["weights only", "float"]);
  assert.equal(result.floatMacs, 1);
});
