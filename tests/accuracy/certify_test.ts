import assert from "node:assert/strict";
import { certify } from "../../src/accuracy/certify.ts";
import { Memo } from "../../src/accuracy/memo.ts";
import { resolveOptions } from "../../src/accuracy/options.ts";
import { groupsNamed, tableProblem } from "./invented_evaluator.ts";

const groups = groupsNamed("ab");

function memoOf(values: { readonly float: number; readonly final: number }, direction?: "lower_better"): Memo {
  const table = { full: { ab: values.float, a: values.final }, ...(direction ? { direction } : {}) };
  return new Memo(tableProblem(groups, { error: table }).evaluator);
}

Deno.test("certify() compares the assignment with the float network on the samples it has", async () => {
  const options = resolveOptions({ maximalDrop: 0.25 });
  const good = await certify(memoOf({ float: 1, final: 0.75 }), [-1, 0], options);
  assert.deepEqual(good, {
    samples: 4,
    metrics: [{
      name: "error",
      direction: "higher_better",
      baseline: 1,
      value: 0.75,
      drop: 0.25,
      threshold: 0.25,
      standardError: 0,
    }],
    holds: true,
  });
  const bad = await certify(memoOf({ float: 1, final: 0.5 }), [-1, 0], options);
  assert.equal(bad.holds, false);
});

Deno.test("certify() takes relative drops of its own baseline, in the metric's direction", async () => {
  const options = resolveOptions({ maximalDrop: 0.5, dropType: "relative" });
  const { metrics: [metric], holds } = await certify(memoOf({ float: 4, final: 6 }, "lower_better"), [-1, 0], options);
  assert.deepEqual([metric?.drop, metric?.threshold, holds], [2, 2, true]);
});
