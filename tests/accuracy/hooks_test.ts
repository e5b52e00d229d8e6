import assert from "node:assert/strict";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import type { AccuracyAwareOptions } from "../../src/accuracy/options.ts";
import { dropTable, groupsNamed, tableProblem } from "./invented_evaluator.ts";

/** What a caller hears, in order: targets, what begins, and what was decided. */
async function heard(options: Partial<AccuracyAwareOptions>): Promise<string[]> {
  const problem = tableProblem(groupsNamed("AB"), {
    accuracy: { full: dropTable("AB", { "-": 0.02, A: 0.01, AB: 0, B: 0.01 }), subset: { A: 2, B: 1 } },
  });
  const lines: string[] = [];
  await runAccuracyAware(problem, { rankingSubsetSize: 2, mend: false, putBack: false, ...options }, {
    onTargets: (targets) => targets.forEach(({ name, threshold }) => lines.push(`allowed ${name} ${threshold}`)),
    onBegin: ({ action, groups }) => lines.push([action, ...groups].join(" ")),
    onStep: ({ action }) => lines.push(`done ${action}`),
  });
  return lines;
}

Deno.test("runAccuracyAware() says what begins before it is decided, and once what is allowed", async () => {
  for (const compatibility of ["default", "pot"] as const) {
    assert.deepEqual(await heard({ maximalDrop: 0.012, compatibility }), [
      "baseline",
      "allowed accuracy 0.012",
      "done baseline",
      "quantize",
      "done quantize",
      "rank 0 1",
      "done rank",
      "revert 0",
      "done revert",
    ], compatibility);
  }
});

Deno.test("runAccuracyAware() begins no baseline where it is given", async () => {
  const metrics = [{ name: "accuracy", baselineValue: 0.9 }];
  const lines = await heard({ maximalDrop: 100, metrics });
  assert.deepEqual(lines, ["allowed accuracy 100", "quantize", "done quantize"]);
});
