import assert from "node:assert/strict";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import type { AccuracyAwareOptions } from "../../src/accuracy/options.ts";
import { dropTable, groupsNamed, tableProblem, traceLines } from "./invented_evaluator.ts";

const GROUPS = groupsNamed("AB", ["minmax", "mixed", "mse", "quantile"]);

/** Whole networks of recipes 1 to 3 score as given on the subset; single groups win nothing there. */
async function run(
  scores: readonly [number, number, number],
  drops: Readonly<Record<string, number>>,
  options: Partial<AccuracyAwareOptions> = {},
) {
  const [A1B1, A2B2, A3B3] = scores;
  const problem = tableProblem(GROUPS, {
    accuracy: {
      full: dropTable("AB", { "-": 0.04, A: 0.01, ...drops }),
      subset: { "-": 0.5, A1B1, A2B2, A3B3, A: 0.6, B: 0.5, A1: 0, A2: 0, A3: 0 },
    },
  });
  const result = await runAccuracyAware({ ...problem, recipes: [0, 1, 2, 3] }, {
    rankingSubsetSize: 2,
    putBack: false,
    ...options,
  });
  return { result, asked: problem.asked, lines: traceLines(GROUPS, result.trace).slice(2) };
}

Deno.test("mendNetwork() puts the whole network on the recipe that leads on the subset", async () => {
  const { result, asked, lines } = await run([0.6, 0.7, 0.5], { A2B2: 0.01 });
  assert.deepEqual(lines, ["try A2B2 0.01 + target_met"]);
  assert.deepEqual([result.reached, result.floatMacs, result.assignment], [true, 0, [2, 2]]);
  assert.deepEqual(asked.slice(2), ["subset -", "subset A1B1", "subset A2B2", "subset A3B3", "full A2B2"]);
});

Deno.test("mendNetwork() takes the next best where the whole set does not confirm the subset, but no third", async () => {
  const second = await run([0.6, 0.7, 0.55], { A2B2: 0.05, A1B1: 0.01 });
  assert.deepEqual(second.lines, ["try A2B2 0.05 - not_better", "try A1B1 0.01 + target_met"]);
  const none = await run([0.6, 0.7, 0.55], { A2B2: 0.05, A1B1: 0.04 });
  assert.deepEqual(none.lines.slice(0, 3), [
    "try A2B2 0.05 - not_better",
    "try A1B1 0.04 - not_better",
    "rank -: A B",
  ]);
});

Deno.test("mendNetwork() measures nothing in full where no recipe beats the first on the subset", async () => {
  const { lines } = await run([0.5, 0.4, 0.3], {});
  assert.deepEqual(lines, ["rank -: A B", "revert A 0.01 + target_met"]);
});

Deno.test("mendNetwork() does not score again what try_first has measured", async () => {
  const { asked, lines } = await run([0.9, 0.4, 0.3], { A1B1: 0.05 }, { tryFirst: [1] });
  assert.deepEqual(lines.slice(0, 2), ["try A1B1 0.05 - not_better", "rank -: A B"]);
  assert.ok(!asked.includes("subset A1B1"));
});

Deno.test("mendNetwork() is not asked where mend is off, nor under POT's rule, nor without a miss", async () => {
  const wins: [number, number, number] = [0.9, 0.9, 0.9];
  assert.deepEqual((await run(wins, {}, { mend: false })).lines[0], "rank -: A B");
  assert.deepEqual((await run(wins, {}, { compatibility: "pot" })).lines[0], "rank -: A B");
  assert.deepEqual((await run(wins, {}, { maximalDrop: 0.04 })).lines, []);
});
