import assert from "node:assert/strict";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import type { AccuracyAwareOptions } from "../../src/accuracy/options.ts";
import { dropTable, groupsNamed, tableProblem, traceLines } from "./invented_evaluator.ts";

const MENDING: Partial<AccuracyAwareOptions> = { rankingSubsetSize: 2, putBack: false };
const GROUPS = groupsNamed("ABC", ["minmax", "quantile", "mse"]);

/** On the subset A wins 0.5 in float; its other candidates win what is given. */
function mendable(quantile: number, mse: number, drops: Readonly<Record<string, number>>) {
  const full = dropTable("ABC", { "-": 0.04, ...drops });
  const subset = { "-": 0, A: 0.5, B: 0.25, C: 0.125, A1: quantile, A2: mse };
  return tableProblem(GROUPS, { accuracy: { full, subset } });
}

async function linesOf(problem: ReturnType<typeof mendable>, options: Partial<AccuracyAwareOptions> = {}) {
  const result = await runAccuracyAware(problem, { ...MENDING, ...options });
  return { result, lines: traceLines(GROUPS, result.trace).slice(2) };
}

Deno.test("mendGroup() keeps the best other candidate when it wins back half of what float does (W9)", async () => {
  const { result, lines } = await linesOf(mendable(0.25, 0.375, { A2: 0.01 }));
  assert.deepEqual(lines, ["rank -: A B C", "mend A2 0.01 + target_met"]);
  assert.deepEqual(result.assignment, [2, 0, 0]);
  assert.deepEqual(result.floatMacs, 0);
  assert.deepEqual(result.groups.map(({ precision, bought }) => [precision, bought]), [
    ["mse", { accuracy: 0.03 }],
    ["minmax", undefined],
    ["minmax", undefined],
  ]);
});

Deno.test("mendGroup() takes the lower candidate when two win the same", async () => {
  const { lines } = await linesOf(mendable(0.25, 0.25, { A1: 0.01 }));
  assert.deepEqual(lines.slice(1), ["mend A1 0.01 + target_met"]);
});

Deno.test("mendGroup() leaves the group to float when no candidate wins enough on the subset", async () => {
  const { lines } = await linesOf(mendable(0.125, -1, { A: 0.01 }));
  assert.deepEqual(lines.slice(1), ["revert A 0.01 + target_met"]);
});

Deno.test("mendGroup() is undone when the whole set does not confirm the subset", async () => {
  const { result, lines } = await linesOf(mendable(0.5, 0, { A1: 0.04, A: 0.01 }));
  assert.deepEqual(lines.slice(1), ["mend A1 0.04 - not_better", "revert A 0.01 + target_met"]);
  assert.deepEqual(result.assignment, [-1, 0, 0]);
});

Deno.test("mendGroup() ranks a mended group by what float could still win", async () => {
  const ranked = { "-": 0, A: 0.5, B: 0.25, C: 0.1875 };
  const mending = { A1: 0.375, A2: 0, A1B: 0.65, A1B1: 0.4, A1B2: 0.4, A1BC: 1, A1BC1: 0, A1BC2: 0 };
  const problem = tableProblem(GROUPS, {
    accuracy: {
      full: dropTable("ABC", { "-": 0.04, A1: 0.03, A1B: 0.02, A1BC: 0.005 }),
      subset: { ...ranked, ...mending },
    },
  });
  const { result, lines } = await linesOf(problem);
  assert.deepEqual(lines, [
    "rank -: A B C",
    "mend A1 0.03 + better",
    "revert A1B 0.02 + better",
    "revert A1BC 0.005 + target_met",
  ]);
  assert.deepEqual(result.assignment, [1, -1, -1]);
});

Deno.test("mendGroup() costs an attempt and is not made when attempts have run out", async () => {
  const { result, lines } = await linesOf(mendable(0.5, 0, { A1: 0.03 }), { maxIterNum: 1 });
  assert.deepEqual(lines, ["rank -: A B C", "mend A1 0.03 + better"]);
  assert.deepEqual([result.reached, result.assignment], [false, [1, 0, 0]]);
});

Deno.test("mendGroup() is not asked when mend is off, nor under POT's rule", async () => {
  const off = await linesOf(mendable(0.5, 0, { A: 0.01 }), { mend: false });
  assert.deepEqual(off.lines, ["rank -: A B C", "revert A 0.01 + target_met"]);
  const pot = await linesOf(mendable(0.5, 0, { A: 0.01 }), { compatibility: "pot" });
  assert.deepEqual(pot.lines, ["rank -: A B C", "revert A 0.01 + target_met"]);
});
