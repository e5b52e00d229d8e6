import assert from "node:assert/strict";
import { join } from "node:path";
import { METRIC_NAMES, openMetrics } from "../../src/api/metrics/metrics_by_name.ts";
import { UsageError } from "../../src/base/errors.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import { withFolder } from "../data/fixtures.ts";
import { labelled } from "../evaluate/samples.ts";

Deno.test("openMetrics() keeps the name that the user gave", async () => {
  const metrics = await openMetrics(["accuracy", "accuracy@top5", {
    name: "top three",
    type: "accuracy",
    options: { top_k: 3 },
  }]);
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
  await assert.rejects(openMetrics(["accuracy@top0"]), /top_k is 0, expected an integer of at least 1/);
});

Deno.test("openMetrics() opens every metric of the catalog", async () => {
  const names = METRIC_NAMES.map(({ name }) => /^coco/.test(name) ? `${name}:adapter=fastestdet` : name);
  assert.deepEqual((await openMetrics(names)).map(({ name }) => name), METRIC_NAMES.map(({ name }) => name));
});

Deno.test("openMetrics() hands options on, from text as from a configuration", async () => {
  const steps = { outputs: [hostTensor("int64", [2], [2, 1])], label: "A b", index: 0 };
  const dataset = labelled({ kind: "text", values: [], characters: ["<blank>", " b", "A"] });
  const values = (await openMetrics([
    "line_accuracy",
    { name: "strict", type: "line_accuracy", options: { counts_spaces: true, case_sensitive: true } },
  ])).map((metric) => metric.start(dataset).add(steps));
  assert.deepEqual(values, [1, 1]);
  const [wrong] = await openMetrics(["line_accuracy:blank=2, counts_spaces=true"]);
  assert.equal(wrong?.start(dataset).add(steps), 0);
});

Deno.test("openMetrics() refuses options that a metric does not have", async () => {
  const refused = (name: string, message: RegExp) => assert.rejects(openMetrics([name]), message);
  await refused("mse:peak=1", /Cannot use metric "mse": there is no option "peak"; it has none/);
  await refused("psnr:peek=1", /there is no option "peek"; did you mean "peak"\?/);
  await refused("psnr:peak=high", /peak is "high", expected a number/);
  await refused("psnr:peak", /Cannot use metric "psnr:peak": "peak" is no option, expected key=value/);
  await refused("coco_map", /no adapter is given, expected adapter=fastestdet, ssd, yolo_v3, yolo_v5, yolo_v8/);
  await refused("coco_map:adapter=yolo_v7", /there is no adapter "yolo_v7"; did you mean "yolo_v\d"/);
  await refused("coco_map:adapter=yolo_v8,anchors=1/2", /adapter yolo_v8 has no option "anchors"/);
  await refused("coco_map:adapter=ssd,order=xxyy", /order is "xxyy", expected xyxy, yxyx, xywh, cxcywh/);
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

Deno.test("openMetrics() identifies a metric of a module by the module's text", async () => {
  const text = (value: number) =>
    `const value = ${value};
    export default { name: "own", direction: "higher_better", start: () => ({ add: () => value, value: () => value }) };`;
  await withFolder({ "a.ts": text(1), "b.ts": text(2) }, async (folder) => {
    const [first] = await openMetrics([join(folder, "a.ts")]);
    const [second] = await openMetrics([join(folder, "b.ts")]);
    assert.equal(String(first?.start), String(second?.start));
    assert.notEqual(first?.identity, second?.identity);
  });
});
