import assert from "node:assert/strict";
import { rankProblem } from "../../src/accuracy/rank_problem.ts";
import { dropTable, groupsNamed, tableProblem } from "./invented_evaluator.ts";

Deno.test("rankProblem() lists scores and gains of all groups when the target is met already", async () => {
  const problem = tableProblem(groupsNamed("ABC"), {
    accuracy: { full: dropTable("ABC", { "-": 0.001 }), subset: { "-": 0.5, A: 0.625, B: 0.75, C: 0.375 } },
  });
  const { metric, indices, groups, trace } = await rankProblem(problem, { rankingSubsetSize: 2 });
  assert.deepEqual(groups.map(({ name, score, gain }) => [name, score, gain]), [
    ["B", 0.75, 0.25],
    ["A", 0.625, 0.125],
    ["C", 0.375, -0.125],
  ]);
  assert.deepEqual([metric, indices.length, trace.map(({ action }) => action)], [
    "accuracy",
    2,
    ["baseline", "quantize", "rank"],
  ]);
});

Deno.test("rankProblem() counts a lower loss as a gain", async () => {
  const problem = tableProblem(groupsNamed("ABC"), {
    loss: { direction: "lower_better", full: { ABC: 1, "-": 2 }, subset: { "-": 3, A: 2, B: 4, C: 1 } },
  });
  const { groups } = await rankProblem(problem, { rankingSubsetSize: 2 });
  assert.deepEqual(groups.map(({ name, gain }) => [name, gain]), [["C", 2], ["A", 1], ["B", -1]]);
});
