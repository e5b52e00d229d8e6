import assert from "node:assert/strict";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import type { AccuracyAwareOptions } from "../../src/accuracy/options.ts";
import type { AccuracyProblem } from "../../src/accuracy/problem.ts";
import { dropTable, groupsNamed, tableProblem, traceLines } from "./invented_evaluator.ts";

const POT: Partial<AccuracyAwareOptions> = { compatibility: "pot", rankingSubsetSize: 2 };

/** The network of the three worked traces; E only keeps the network from running out of quantized groups. */
function workedProblem() {
  const full = dropTable("ABCDE", {
    "-": 0.02,
    A: 0.018,
    AB: 0.019,
    AC: 0.021,
    ABC: 0.012,
    ABCD: 0.0095,
  });
  const subset = { A: 9, B: 8, C: 7, D: 6, E: 0, AC: 9, AB: 8, AD: 7, AE: 0 };
  return tableProblem(groupsNamed("ABCDE"), { accuracy: { full, subset } });
}

async function run(problem: AccuracyProblem, options: Partial<AccuracyAwareOptions>) {
  const result = await runAccuracyAware(problem, { ...POT, ...options });
  return { result, lines: traceLines(problem.groups, result.trace) };
}

Deno.test("potLoop() follows the first worked trace when worse states are undone", async () => {
  const problem = workedProblem();
  const { result, lines } = await run(problem, {});
  assert.deepEqual(lines, [
    "baseline ABCDE 0 + measured",
    "quantize - 0.02 + first_state",
    "rank -: A B C D E",
    "revert A 0.018 + no_worse",
    "revert AB 0.019 - worse",
    "rank A: C B D E",
    "revert AC 0.021 + worse_tolerated",
    "revert ABC 0.012 + no_worse",
    "revert ABCD 0.0095 + target_met",
  ]);
  assert.deepEqual(result.reverted, ["A", "C", "B", "D"]);
  assert.equal(result.reached, true);
  assert.equal(problem.asked.filter((one) => one.startsWith("full")).length, 2 + 5);
  assert.equal(result.cost.potNetworkEquivalents, 4 + 4 + 5 * 2 + 4 * 2 + 5 * 4);
});

Deno.test("potLoop() follows the second worked trace when worse states are kept", async () => {
  const full = dropTable("ABCDE", { "-": 0.02, A: 0.018, AB: 0.019, ABC: 0.0185, ABCD: 0.0095 });
  const subset = { A: 9, B: 8, C: 7, D: 6, E: 0, ABC: 9, ABD: 8, ABE: 0 };
  const problem = tableProblem(groupsNamed("ABCDE"), { accuracy: { full, subset } });
  const { result, lines } = await run(problem, { usePrevIfDropIncrease: false });
  assert.deepEqual(lines.slice(2), [
    "rank -: A B C D E",
    "revert A 0.018 + no_worse",
    "revert AB 0.019 + worse_kept",
    "rank AB: C D E",
    "revert ABC 0.0185 + no_worse",
    "revert ABCD 0.0095 + target_met",
  ]);
  assert.deepEqual(result.reverted, ["A", "B", "C", "D"]);
});

Deno.test("potLoop() returns a state worse than plain int8 in the third worked trace", async () => {
  const { result, lines } = await run(workedProblem(), { maxIterNum: 3 });
  assert.equal(lines.at(-1), "revert AC 0.021 + worse_tolerated");
  assert.deepEqual(result.reverted, ["A", "C"]);
  assert.deepEqual(result.drops, { accuracy: 0.021 });
  assert.deepEqual([result.reached, result.exhausted], [false, false]);
});

Deno.test("potLoop() is not entered when plain int8 meets the target", async () => {
  const problem = tableProblem(groupsNamed("AB"), { accuracy: { full: dropTable("AB", { "-": 0.01 }) } });
  const { result, lines } = await run(problem, {});
  assert.deepEqual(lines, ["baseline AB 0 + measured", "quantize - 0.01 + target_met"]);
  assert.deepEqual(result.reverted, []);
  assert.equal(result.reached, true);
});

Deno.test("potLoop() is not entered when the mixed preset meets the target", async () => {
  const groups = groupsNamed("AB", ["performance", "mixed"]);
  const full = dropTable("AB", { "-": 0.02, A1B1: 0.005 });
  const { result, lines } = await run({ ...tableProblem(groups, { accuracy: { full } }), mixedCandidate: 1 }, {
    convertToMixedPreset: true,
  });
  assert.deepEqual(lines.slice(1), ["quantize - 0.02 + first_state", "mixed A1B1 0.005 + target_met"]);
  assert.deepEqual(result.assignment, [1, 1]);
});

Deno.test("potLoop() starts from the mixed preset even when it is worse", async () => {
  const groups = groupsNamed("AB", ["performance", "mixed"]);
  const full = dropTable("AB", { "-": 0.02, A1B1: 0.03, AB1: 0.005 });
  const subset = { AB1: 2, A1B: 1 };
  const { result, lines } = await run({ ...tableProblem(groups, { accuracy: { full, subset } }), mixedCandidate: 1 }, {
    convertToMixedPreset: true,
  });
  assert.deepEqual(lines.slice(2), ["mixed A1B1 0.03 + replaces", "rank A1B1: A B", "revert AB1 0.005 + target_met"]);
  assert.deepEqual(result.assignment, [-1, 1]);
});

Deno.test("potLoop() gives ties to the larger name", async () => {
  const problem = tableProblem(groupsNamed("ABC"), {
    accuracy: { full: dropTable("ABC", { "-": 0.02, C: 0.001 }), subset: { A: 1, B: 1, C: 1 } },
  });
  const { lines } = await run(problem, {});
  assert.deepEqual(lines.slice(2), ["rank -: C B A", "revert C 0.001 + target_met"]);
});

Deno.test("potLoop() switches to the violated metric and compares with its first drop", async () => {
  const top1 = {
    full: dropTable("ABCD", { "-": 0.05, A: 0.005, AC: 0.006, ABC: 0.007 }),
    subset: { A: 9, B: 8, C: 7, D: 0, AB: 0, AC: 0, AD: 0 },
  };
  const top5 = {
    full: dropTable("ABCD", { "-": 0.03, A: 0.02, AC: 0.025, ABC: 0.001 }),
    subset: { A: 0, B: 0, C: 0, D: 0, AB: 5, AC: 6, AD: 0 },
  };
  const problem = tableProblem(groupsNamed("ABCD"), { top1, top5 });
  const { result, lines } = await run(problem, {});
  assert.deepEqual(lines.slice(1), [
    "quantize - 0.05 0.03 + first_state",
    "rank -: A B C D",
    "revert A 0.005 0.02 + metric_switched",
    "rank A: C B D",
    "revert AC 0.006 0.025 + no_worse",
    "revert ABC 0.007 0.001 + target_met",
  ]);
  assert.deepEqual(result.trace.filter(({ ranking }) => ranking).map(({ ranking }) => ranking?.metric), [
    "top1",
    "top5",
  ]);
});

Deno.test("potLoop() undoes and switches with the undone drops when both apply", async () => {
  const first = {
    full: dropTable("ABCD", { "-": 0.03, A: 0.005, AB: 0.015, AC: 0.035, ABC: 0.001 }),
    subset: { A: 9, B: 0, C: 0, D: 0, AB: 1, AC: 2, AD: 0, ABC: 5, ACD: 0 },
  };
  const second = {
    full: dropTable("ABCD", { "-": 0.002, A: 0.02, AB: 0.008, AC: 0.03, ABC: 0.001 }),
    subset: { A: 0, B: 0, C: 0, D: 0, AB: 9, AC: 8, AD: 0, ABC: 0, ACD: 0 },
  };
  const { result, lines } = await run(tableProblem(groupsNamed("ABCD"), { first, second }), {});
  assert.deepEqual(lines.slice(2), [
    "rank -: A D C B",
    "revert A 0.005 0.02 + metric_switched",
    "rank A: B C D",
    "revert AB 0.015 0.008 - worse",
    "rank A: C B D",
    "revert AC 0.035 0.03 - worse",
    "rank A: C B D",
    "revert AC 0.035 0.03 + no_worse",
    "revert ABC 0.001 0.001 + target_met",
  ]);
  const metrics = result.trace.flatMap(({ ranking }) => ranking ? [ranking.metric] : []);
  assert.deepEqual(metrics, ["first", "second", "first", "first"]);
});

Deno.test("potLoop() ends where POT's rules would undo the same two steps forever", async () => {
  const groups = groupsNamed("XYZW");
  const metrics = {
    a: {
      full: dropTable("XYZW", { "-": 0.002, X: 0.02, XY: 0.008, XZ: 0.02 }),
      subset: { X: 0, Y: 0, Z: 0, W: 0, XY: 9, XZ: 1, XW: 0 },
    },
    b: {
      full: dropTable("XYZW", { "-": 0.003, X: 0.003, XY: 0.02, XZ: 0.008 }),
      subset: { X: 0, Y: 0, Z: 0, W: 0, XY: 1, XZ: 9, XW: 0 },
    },
    c: {
      full: dropTable("XYZW", { "-": 0.05, X: 0.005, XY: 0.005, XZ: 0.005 }),
      subset: { X: 9, Y: 0, Z: 0, W: 0, XY: 0, XZ: 0, XW: 0 },
    },
  };
  const { result, lines } = await run(tableProblem(groups, metrics), {});
  assert.deepEqual(lines.slice(2), [
    "rank -: X Z Y W",
    "revert X 0.02 0.003 0.005 + metric_switched",
    "rank X: Y Z W",
    "revert XY 0.008 0.02 0.005 - worse",
    "rank X: Z Y W",
    "revert XZ 0.02 0.008 0.005 - worse",
  ]);
  assert.deepEqual(result.reverted, ["X"]);
  assert.deepEqual([result.reached, result.exhausted], [false, false]);
  assert.match(result.warnings[0] ?? "", /^POT's rules undo Z for a again and again/);
});

Deno.test("potLoop() fails with exhaustion when no group is left", async () => {
  const problem = tableProblem(groupsNamed("AB"), {
    accuracy: { full: { "-": -0.5, B: -0.4, AB: -0.3 }, subset: { A: 1, B: 2, AB: 0 } },
  });
  const { result, lines } = await run(problem, {
    metrics: [{ name: "accuracy", baselineValue: 0 }],
  });
  assert.deepEqual(
    lines,
    [
      "quantize - 0.5 + first_state",
      "rank -: B A",
      "revert B 0.4 + no_worse",
      "revert AB 0.3 + nothing_left",
    ],
  );
  assert.deepEqual([result.reached, result.exhausted], [false, true]);
  assert.deepEqual(result.assignment, [-1, -1]);
});

Deno.test("potLoop() overlooks success in the last group", async () => {
  const problem = tableProblem(groupsNamed("AB"), {
    accuracy: { full: dropTable("AB", { "-": 0.5, B: 0.4 }), subset: { A: 1, B: 2 } },
  });
  const { result, lines } = await run(problem, {});
  assert.equal(lines.at(-1), "revert AB 0 + nothing_left");
  assert.deepEqual([result.reached, result.exhausted, result.drops.accuracy === 0], [false, true, true]);
});

Deno.test("potLoop() makes a single attempt when max_iter_num is 1, and none when it is 0", async () => {
  const once = await run(workedProblem(), { maxIterNum: 1 });
  assert.equal(once.lines.at(-1), "revert A 0.018 + no_worse");
  assert.deepEqual(once.result.reverted, ["A"]);
  const never = await run(workedProblem(), { maxIterNum: 0 });
  assert.deepEqual(never.result.reverted, []);
});

Deno.test("potLoop() ranks and compares the other way round when lower is better", async () => {
  const direction = "lower_better";
  const problem = tableProblem(groupsNamed("ABC"), {
    loss: { direction, full: { ABC: 1, "-": 2, B: 1.5, AB: 1.25 }, subset: { A: 3, B: 2, C: 4 } },
  });
  const { lines } = await run(problem, { maximalDrop: 0.25 });
  assert.deepEqual(lines.slice(1), [
    "quantize - 1 + first_state",
    "rank -: B A C",
    "revert B 0.5 + no_worse",
    "revert AB 0.25 + target_met",
  ]);
});

Deno.test("potLoop() allows a share of the baseline when the drop is relative", async () => {
  const problem = tableProblem(groupsNamed("ABC"), {
    accuracy: { full: { ABC: 50, "-": 40, A: 44, AB: 45 }, subset: { A: 3, B: 2, C: 1 } },
  });
  const { result, lines } = await run(problem, { maximalDrop: 0.1, dropType: "relative" });
  assert.deepEqual(lines.slice(3), ["revert A 6 + no_worse", "revert AB 5 + target_met"]);
  assert.deepEqual(result.thresholds, { accuracy: 5 });
});
