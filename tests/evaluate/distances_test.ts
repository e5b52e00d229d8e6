import assert from "node:assert/strict";
import { cosineDistance, divergence, normalizedSquaredError, outputDistance } from "../../src/evaluate/distances.ts";
import { hostTensor } from "../../src/base/tensor.ts";

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) < 1e-6, `found ${found}, expected ${expected}`);
}

const row = (values: readonly number[]) => hostTensor("float32", [values.length], values);

Deno.test("normalizedSquaredError() divides by the first argument's norm", () => {
  near(normalizedSquaredError([2, 1, -1], [-2, 4, 1]), 4.833333);
  near(normalizedSquaredError([-2, 4, 1], [2, 1, -1]), 1.380952);
});

Deno.test("normalizedSquaredError() is 0 for equal zeros and NaN when only the reference is zero", () => {
  assert.equal(normalizedSquaredError([0, 0], [0, 0]), 0);
  assert.ok(Number.isNaN(normalizedSquaredError([0, 0], [0, 1])));
});

Deno.test("cosineDistance() ignores length and goes from 0 to 2", () => {
  near(cosineDistance([1, 2, -3], [2, 4, -6]), 0);
  near(cosineDistance([1, 0], [0, 5]), 1);
  near(cosineDistance([1, 2], [-1, -2]), 2);
  assert.ok(Number.isNaN(cosineDistance([1, 2], [0, 0])));
});

Deno.test("divergence() is that of the softmaxed rows, not symmetric, blind to a shift and safe from overflow", () => {
  const [p, q] = [[0.5, 0.5], [0.9, 0.1]];
  const logits = (values: readonly number[]) => row(values.map((value) => Math.log(value)));
  const expected = 0.5 * Math.log(0.5 / 0.9) + 0.5 * Math.log(0.5 / 0.1);
  near(divergence(logits(p), logits(q)), expected);
  near(divergence(logits(q), logits(p)), 0.9 * Math.log(0.9 / 0.5) + 0.1 * Math.log(0.1 / 0.5));
  near(divergence(row([5000, 5001]), row([-5000, -5002])), divergence(row([0, 1]), row([0, -2])));
  assert.equal(divergence(row([1e30, 0]), row([1e30, 0])), 0);
});

Deno.test("divergence() means over rows along the last axis, along the channels in pictures", () => {
  const rows = [[1, 2, 3], [0, 0, 1]];
  const others = [[3, 2, 1], [1, 0, 0]];
  const mean = (divergence(row(rows[0]!), row(others[0]!)) + divergence(row(rows[1]!), row(others[1]!))) / 2;
  near(divergence(hostTensor("float32", [2, 3], rows.flat()), hostTensor("float32", [2, 3], others.flat())), mean);
  const asPicture = (values: readonly number[][]) =>
    hostTensor("float32", [3, 1, 2], [0, 1, 2].flatMap((channel) => values.map((one) => one[channel]!)));
  near(divergence(asPicture(rows), asPicture(others)), mean);
});

Deno.test("outputDistance() means over the outputs that are floats", () => {
  const labels = hostTensor("int64", [1], [3]);
  const reference = [row([2, 1, -1]), labels, row([1, 0])];
  const other = [row([-2, 4, 1]), labels, row([1, 0])];
  near(outputDistance("nmse", reference, other), 4.833333 / 2);
  assert.ok(Number.isNaN(outputDistance("nmse", [labels], [labels])));
});
