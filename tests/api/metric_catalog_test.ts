import assert from "node:assert/strict";
import { CATALOG, catalogMetric } from "../../src/api/metrics/metric_catalog.ts";

Deno.test("CATALOG has no name twice, and docs/metrics.md knows every metric and option", async () => {
  const names = CATALOG.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const text = await Deno.readTextFile(new URL("../../docs/metrics.md", import.meta.url));
  const options = CATALOG.flatMap((metric) => Object.keys(metric.options ?? {}));
  for (const word of [...names, ...options]) {
    assert.match(text, new RegExp(`\`${word}[=\`]`), `docs/metrics.md says nothing of ${word}`);
  }
});

Deno.test("catalogMetric() proposes what may be meant", () => {
  assert.throws(() => catalogMetric("mean_iuo"), /there is none; did you mean "mean_iou"\?/);
  assert.throws(() => catalogMetric("bleu_score_of_text"), /there is none, expected accuracy, f1, /);
});
