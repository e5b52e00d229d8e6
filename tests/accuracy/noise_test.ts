import assert from "node:assert/strict";
import { runAccuracyAware } from "../../src/accuracy/accuracy_aware.ts";
import { pairedNoise } from "../../src/accuracy/noise.ts";
import { inventedProblem } from "./invented_evaluator.ts";

Deno.test("pairedNoise() is the standard error of the paired difference", () => {
  const float = Float64Array.of(1, 1, 1, 0);
  const current = Float64Array.of(1, 0, 1, 0);
  const noise = pairedNoise("accuracy", float, current, "higher_better", 4);
  const differences = [0, 1, 0, 0];
  const squares = differences.reduce((sum, one) => sum + (one - 0.25) ** 2, 0);
  assert.deepEqual(noise, { metric: "accuracy", standardError: Math.sqrt(squares) / 4, comparedSamples: 4 });
});

Deno.test("pairedNoise() leaves out samples without a value and is undefined for fewer than two", () => {
  const noise = pairedNoise("loss", Float64Array.of(1, NaN, 3), Float64Array.of(2, 1, 6), "lower_better", 100);
  assert.deepEqual(noise, { metric: "loss", standardError: 0.1, comparedSamples: 2 });
  assert.equal(pairedNoise("loss", Float64Array.of(1, NaN), Float64Array.of(2, 1), "lower_better", 2), undefined);
});

Deno.test("runAccuracyAware() warns when the allowed drop is below the standard error (W11)", async () => {
  const options = { metrics: [{ name: "accuracy" }], rankingSubsetSize: 30 };
  const problem = inventedProblem({ groupCount: 6, sampleCount: 200, seed: 4 });
  const tight = await runAccuracyAware(problem, { ...options, maximalDrop: 0.001, maxIterNum: 0 });
  assert.equal(tight.noise[0]?.comparedSamples, 200);
  assert.ok((tight.noise[0]?.standardError ?? 0) > 0.001);
  assert.match(
    tight.warnings.join(),
    /^The allowed drop 0\.001 of accuracy is below the standard error 0\.\d+ of its drop \(200/,
  );
  const loose = await runAccuracyAware(problem, { ...options, maximalDrop: 0.5, maxIterNum: 0 });
  assert.deepEqual(loose.warnings, []);
});
