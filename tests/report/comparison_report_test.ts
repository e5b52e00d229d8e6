import assert from "node:assert/strict";
import {
  type ComparedLayer,
  type Comparison,
  comparisonPlot,
  encodeComparison,
  formatComparison,
} from "../../src/report/comparison_report.ts";

function layer(node: string, sqnr: number, position: number): ComparedLayer {
  return {
    position,
    value: `${node}_out`,
    node,
    type: "Conv",
    isQuantized: position > 0,
    sqnr,
    loss: position > 0 ? 3 : undefined,
    cosine: 0.999,
    maxError: 0.25,
  };
}

const comparison: Comparison = {
  samples: 8,
  layers: [layer("worst", 12.34, 2), layer("better", 31, 1), layer("same", Infinity, 0)],
  notes: [],
  seconds: 1,
};

Deno.test("formatComparison() shows the worst layers and says how many it leaves out", () => {
  const lines = formatComparison(comparison, 2).split("\n");
  assert.match(lines[1]!, /^12\.3 +3\.0 +0\.999000 +0\.250 +Conv +worst +yes$/);
  assert.match(lines[2]!, /^31\.0 .* better /);
  assert.deepEqual(lines.slice(3), ["… and 1 values with less noise", "3 values over 8 samples"]);
  assert.match(formatComparison(comparison), /^exact +– +0\.999000 .* same +no$/m);
});

Deno.test("encodeComparison() writes null where there is no noise", () => {
  const { version, layers } = JSON.parse(encodeComparison(comparison));
  assert.equal(version, 1);
  assert.deepEqual(layers.map((one: { sqnr: number | null }) => one.sqnr), [12.34, 31, null]);
});

Deno.test("comparisonPlot() draws a point per value with noise, and nothing where there is none", async () => {
  const svg = await comparisonPlot(comparison) ?? "";
  assert.ok(svg.startsWith("<svg"));
  assert.ok(svg.includes("Conv worst: 12.3 dB") && !svg.includes("Conv same"));
  assert.equal(await comparisonPlot({ ...comparison, layers: comparison.layers.slice(2) }), undefined);
});
