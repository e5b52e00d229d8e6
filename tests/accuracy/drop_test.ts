import assert from "node:assert/strict";
import {
  dropOf,
  dropsOf,
  isMet,
  potWorstTarget,
  type Target,
  thresholdOf,
  worstTarget,
} from "../../src/accuracy/drop.ts";

function target(name: string, baseline: number, threshold: number, scale = Math.abs(baseline) || 1): Target {
  return { name, direction: "higher_better", baseline, threshold, scale };
}

Deno.test("dropOf() is positive when the value became worse, for either direction", () => {
  assert.equal(dropOf(0.75, 0.5, "higher_better"), 0.25);
  assert.equal(dropOf(0.5, 0.75, "higher_better"), -0.25);
  assert.equal(dropOf(0.5, 0.75, "lower_better"), 0.25);
  assert.equal(dropOf(-2, -1, "higher_better"), -1);
});

Deno.test("dropOf() is infinite when the value has no meaning", () => {
  assert.equal(dropOf(0.75, NaN, "higher_better"), Infinity);
  assert.equal(dropOf(0.75, NaN, "lower_better"), Infinity);
  assert.equal(dropOf(0.75, Infinity, "lower_better"), Infinity);
});

Deno.test("thresholdOf() allows a share of the magnitude when relative, where POT keeps the sign", () => {
  assert.equal(thresholdOf(0.5, 0.01, "absolute"), 0.01);
  assert.equal(thresholdOf(50, 0.5, "relative"), 25);
  assert.equal(thresholdOf(-50, 0.5, "relative"), 25);
  assert.equal(thresholdOf(-50, 0.5, "relative", "pot"), -25);
  assert.equal(thresholdOf(0, 0.5, "relative"), 0);
});

Deno.test("isMet() counts equality as met and needs every metric", () => {
  const targets = [target("a", 1, 0.25), target("b", 1, 0.5)];
  assert.equal(isMet(targets, { a: 0.25, b: 0.5 }), true);
  assert.equal(isMet(targets, { a: 0.25, b: 0.5 + 1e-6 }), false);
  assert.equal(isMet(targets, { a: 0 }), false);
});

Deno.test("isMet() does not take rounding for a drop, but under POT's rule", () => {
  const drop = dropOf(0.945, 0.943, "higher_better");
  assert.ok(drop > 0.002, "what the difference is rounded to");
  assert.equal(isMet([target("a", 0.945, 0.002)], { a: drop }), true);
  assert.equal(isMet([target("a", 0.945, 0.002)], { a: drop }, "pot"), false);
});

Deno.test("isMet() does not take a tiny drop for rounding when the metric itself is tiny", () => {
  assert.equal(isMet([target("mse", 1e-10, 1e-11)], { mse: 2e-11 }), false);
  assert.equal(isMet([target("mse", 0, 1e-11)], { mse: 2e-11 }), false);
  assert.equal(isMet([target("perplexity", 945e6, 2e6)], { perplexity: 2e6 + 0.1 }), true);
});

Deno.test("dropsOf() is infinite for a metric that was not measured", () => {
  assert.deepEqual(dropsOf([target("a", 1, 0), target("b", 1, 0)], { a: 0.5 }), { a: 0.5, b: Infinity });
});

Deno.test("worstTarget() compares drops by their scale and ignores thresholds", () => {
  const loose = target("loss", 10, 100, 10);
  const tight = target("accuracy", 1, 0.001, 1);
  assert.equal(worstTarget([tight, loose], { accuracy: 0.1, loss: 2 }).name, "loss");
  assert.equal(worstTarget([tight, loose], { accuracy: 0.1, loss: 1 }).name, "accuracy");
});

Deno.test("potWorstTarget() takes the largest excess over the threshold per baseline, the last on ties", () => {
  const targets = [target("a", 1, 0.5), target("b", 2, 0), target("c", 0, 0)];
  assert.equal(potWorstTarget(targets, { a: 0.75, b: 0.25, c: 0 }).name, "a");
  assert.equal(potWorstTarget(targets, { a: 0.75, b: 0.5, c: 0.25 }).name, "c");
});
