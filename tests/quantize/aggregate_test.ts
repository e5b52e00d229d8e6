import assert from "node:assert/strict";
import { aggregate, aggregateChannels, type Aggregator, quantile } from "../../src/quantize/aggregate.ts";

// From POT's test_tensor_statistics: two samples of two images.
const SCALARS: Readonly<Partial<Record<Aggregator, number>>> = {
  mean: 1.5,
  median: 1.5,
  hl_estimator: 1.5,
  max: 3,
  min: 0,
  power_of_2: 4,
  batch_mean: 1.5,
};

for (const [aggregator, expected] of Object.entries(SCALARS)) {
  Deno.test(`aggregate() gives ${aggregator} ${expected} of 0, 1, 2, 3`, () => {
    assert.equal(aggregate(Float64Array.of(0, 1, 2, 3), aggregator as Aggregator), expected);
  });
}

Deno.test("aggregate() goes to the next power of 2 when the largest value is one itself", () => {
  assert.equal(aggregate(Float64Array.of(1, -4), "power_of_2"), 8);
});

Deno.test("aggregateChannels() takes each channel by itself", () => {
  const values = [0, 1, 2, 3, 4, 5, 6, 7];
  assert.deepEqual([...aggregateChannels(values, 2, "mean")], [3, 4]);
  assert.deepEqual([...aggregateChannels(values, 2, "median")], [3, 4]);
  assert.deepEqual([...aggregateChannels(values, 2, "max")], [6, 7]);
});

Deno.test("aggregate() leaves out outliers beyond the 1 % and 99 % quantiles", () => {
  const values = Float64Array.from({ length: 100 }, (_, index) => index === 99 ? 1e6 : index === 0 ? -1e6 : 5);
  assert.equal(aggregate(values, "mean_no_outliers"), 5);
  assert.equal(aggregate(values, "median_no_outliers"), 5);
  assert.equal(aggregate(values, "mean"), 4.9);
});

Deno.test("aggregate() keeps both of two samples, which lie outside their own quantiles", () => {
  assert.equal(aggregate(Float64Array.of(1, 3), "mean_no_outliers"), 2);
});

Deno.test("aggregate() takes one sample as it is", () => {
  for (const aggregator of ["mean", "median", "hl_estimator", "mean_no_outliers"] as const) {
    assert.equal(aggregate(Float64Array.of(7), aggregator), 7);
  }
});

Deno.test("quantile() interpolates linearly between ranks", () => {
  assert.ok(Math.abs(quantile([0, 1, 2, 3], 0.01) - 0.03) < 1e-12);
  assert.equal(quantile([3, 0, 2, 1], 1), 3);
  assert.ok(Math.abs(quantile([0, 1, 2, 3, 4, 5, 6, 7], 0.01) - 0.07) < 1e-12);
});
