import assert from "node:assert/strict";
import { listCandidates } from "../../src/api/candidates.ts";
import { contentOf, tunedOptions } from "../../src/api/requantize.ts";
import { confidenceOf } from "../../src/api/own_labels.ts";
import { RANGE_GRID } from "../../src/accuracy/tuning_grid.ts";

const labels = (...given: Parameters<typeof listCandidates>) =>
  listCandidates(...given).options.map(({ label }) => label);

Deno.test("listCandidates() has the user's settings alone when nothing else may be chosen", () => {
  assert.deepEqual(labels({}, { mend: false, mixed: false }), ["performance"]);
  assert.deepEqual(labels({ preset: "mixed" }, { mend: false, mixed: true }), ["mixed"]);
});

Deno.test("listCandidates() offers mending one candidate of each kind", () => {
  assert.deepEqual(
    labels({}, { mend: true, mixed: false }).sort(),
    [
      "performance",
      "mixed",
      "performance, no bias correction",
      "mixed, no bias correction",
      "performance, ranges of least squared error, no bias correction",
    ].sort(),
  );
  const own = { biasCorrection: false, activationRange: { preset: "quantile" } } as const;
  assert.deepEqual(labels(own, { mend: true, mixed: false }), ["performance", "mixed"]);
});

Deno.test("listCandidates() numbers the recipes to try first without making any twice", () => {
  const tryFirst = ["no_bias_correction", "quantile", "mixed", "bias_correction"];
  const list = listCandidates({}, { mend: true, mixed: false, tryFirst });
  const tried = list.tryFirst.map((index) => list.options[index]?.label);
  assert.deepEqual(tried, ["performance, no bias correction", "performance, quantile ranges", "mixed"]);
  assert.deepEqual(list.idle, ["bias_correction"]);
  assert.equal(new Set(list.options.map(contentOf)).size, list.options.length);
});

Deno.test("tunedOptions() follows absolute values where ranges are symmetric", () => {
  const activations = RANGE_GRID.at(-1)!;
  assert.deepEqual(tunedOptions({}, activations).activationRange, {
    max: { type: "abs_quantile", aggregator: "mean", outlierProb: 1e-4 },
  });
  assert.deepEqual(tunedOptions({ preset: "mixed" }, activations).activationRange, {
    min: { type: "quantile", aggregator: "mean", outlierProb: 1e-4 },
    max: { type: "quantile", aggregator: "mean", outlierProb: 1e-4 },
  });
});

Deno.test("contentOf() tells apart what the grid makes different, and nothing else", () => {
  const distinct = (preset: "performance" | "mixed") =>
    new Set(RANGE_GRID.map((parameters) => contentOf(tunedOptions({ preset }, parameters)))).size;
  // Weights once; activations by three high ends, and by three low ends where they count.
  assert.deepEqual([distinct("performance"), distinct("mixed")], [1 + 3, 1 + 9]);
  assert.equal(tunedOptions({ biasCorrection: false }, { useFastBias: true }).biasCorrection !== false, true);
  assert.equal(tunedOptions({}, { useFastBias: false }).biasCorrection, false);
});

Deno.test("confidenceOf() takes probabilities as they are and the softmax of anything else", () => {
  assert.equal(confidenceOf([0.1, 0.7, 0.2]), 0.7);
  assert.ok(Math.abs(confidenceOf([Math.log(1), Math.log(3), Math.log(4)]) - 0.5) < 1e-12);
  assert.equal(confidenceOf([1000, 0]), 1);
});
