import assert from "node:assert/strict";
import { join } from "node:path";
import { openMetrics } from "../../src/api/metrics_by_name.ts";
import { UsageError } from "../../src/base/errors.ts";
import { withFolder } from "../data/fixtures.ts";

Deno.test("openMetrics() keeps the name that the user gave", async () => {
  const metrics = await openMetrics(["accuracy", "accuracy@top5", { name: "top three", type: "accuracy", topK: 3 }]);
  assert.deepEqual(metrics.map(({ name, direction }) => [name, direction]), [
    ["accuracy", "higher_better"],
    ["accuracy@top5", "higher_better"],
    ["top three", "higher_better"],
  ]);
});

Deno.test("openMetrics() refuses names that it does not know and names given twice", async () => {
  await assert.rejects(
    openMetrics(["mAP"]),
    (error) => error instanceof UsageError && /there is none/.test(error.message),
  );
  await assert.rejects(openMetrics(["accuracy", "accuracy"]), /Cannot use metric "accuracy": it is given twice/);
  await assert.rejects(openMetrics(["accuracy@top0"]), /top 0, expected an integer of at least 1/);
});

Deno.test("openMetrics() takes a list from a module", () =>
  withFolder({
    "two.ts": `const start = () => ({ add: () => 0, value: () => 0 });
      export default [{ name: "a", direction: "lower_better", start }, { name: "b", direction: "higher_better", start }];`,
  }, async (folder) => {
    const metrics = await openMetrics([join(folder, "two.ts")]);
    assert.deepEqual(metrics.map(({ name }) => name), ["a", "b"]);
  }));

Deno.test("openMetrics() says what a module lacks", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["export const x = 1;", /default export is undefined, expected a metric/],
    ["export default { direction: 'lower_better' };", /default export has no name/],
    ["export default { name: 'x', direction: 'up' };", /direction "up", expected higher_better or lower_better/],
    ["export default [{ name: 'x', direction: 'lower_better' }];", /has no function "start"/],
    ["export default (", /Cannot load metric ".*\.ts": /],
  ];
  return withFolder(Object.fromEntries(cases.map(([code], index) => [`m${index}.ts`, code])), async (folder) => {
    for (const [index, [, message]] of cases.entries()) {
      await assert.rejects(openMetrics([join(folder, `m${index}.ts`)]), (error) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, message);
        return true;
      });
    }
  });
});
