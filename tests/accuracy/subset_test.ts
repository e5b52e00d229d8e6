import assert from "node:assert/strict";
import {
  comparedIndices,
  potRankingSubset,
  potRegressions,
  rankingSubset,
  sampleRegressions,
} from "../../src/accuracy/subset.ts";

const FIXTURES: readonly [errors: number[], size: number, expected: number[]][] = [
  [[-0.1, 0.02, 0.2, 0.1, 0.05], 4, [1, 2, 3, 4]],
  [[1, 2, 1, 2, 3, 1], 4, [1, 3, 4, 5]],
  [[0.1, 0.1, 0.1, 0.1], 3, [1, 2, 3]],
  [[5, 5, 3, 3, 2, 2, 1, 1], 6, [0, 1, 2, 3, 4, 5]],
  [[-10, -0.1, -5, -5, -0.1, -0.001], 4, [1, 3, 4, 5]],
  [[3, 1, 2], 0, []],
  [[3, 1, 2], 5, [0, 1, 2]],
];

Deno.test("potRankingSubset() takes the samples of the pot_version fixtures", () => {
  for (const [errors, size, expected] of FIXTURES) {
    assert.deepEqual(potRankingSubset(Float64Array.from(errors), size), expected);
  }
});

Deno.test("potRankingSubset() takes NaN first when there are any", () => {
  assert.deepEqual(potRankingSubset(Float64Array.of(3, NaN, 1), 1), [1]);
});

Deno.test("potRegressions() ties samples that lost, gained and never had a value, before all others", () => {
  const [float, current] = [Float64Array.of(1, 1, NaN, NaN, 1), Float64Array.of(0, NaN, 1, NaN, 1)];
  const regressions = potRegressions(float, current, "higher_better");
  assert.deepEqual(regressions, Float64Array.of(1, NaN, NaN, NaN, 0));
  assert.deepEqual(potRankingSubset(regressions, 2), [2, 3], "the last of the ties, whatever they are");
  assert.deepEqual(potRankingSubset(regressions, 4), [0, 1, 2, 3]);
  assert.deepEqual(potRegressions(Float64Array.of(3), Float64Array.of(5), "lower_better"), Float64Array.of(2));
});

Deno.test("rankingSubset() takes every fixture's regressions when nothing is tied at the cut", () => {
  assert.deepEqual(rankingSubset([Float64Array.of(-0.1, 0.02, 0.2, 0.1, 0.05)], 4, 0), [1, 2, 3, 4]);
  assert.deepEqual(rankingSubset([Float64Array.of(5, 5, 3, 3, 2, 2, 1, 1)], 6, 0), [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(rankingSubset([Float64Array.of(3, 1, 2)], 0, 0), []);
  assert.deepEqual(rankingSubset([Float64Array.of(3, 1, 2)], 9, 0), [0, 1, 2]);
});

Deno.test("rankingSubset() fills up from the whole range and not from its end when samples are tied (W6, W12)", () => {
  const regressions = new Float64Array(1000);
  regressions[3] = 1;
  const subset = rankingSubset([regressions], 101, 5);
  const filled = subset.filter((index) => index !== 3);
  assert.ok(subset.includes(3));
  assert.ok(filled.filter((index) => index < 500).length > 30, "a fair share comes from the first half");
  assert.ok(filled.filter((index) => index >= 500).length > 30, "a fair share comes from the second half");
  assert.deepEqual(rankingSubset([regressions], 101, 5), subset);
  assert.notDeepEqual(rankingSubset([regressions], 101, 6), subset);
});

Deno.test("rankingSubset() takes samples without a value last when others are left", () => {
  assert.deepEqual(rankingSubset([Float64Array.of(NaN, -5, 0, NaN, -Infinity)], 3, 1), [1, 2, 4]);
});

Deno.test("rankingSubset() lets metrics choose in turn when there are several", () => {
  const first = Float64Array.of(9, 8, 7, 0, 0, 0);
  const second = Float64Array.of(0, 0, 0, 7, 8, 9);
  assert.deepEqual(rankingSubset([first, second], 4, 0), [0, 1, 4, 5]);
});

Deno.test("sampleRegressions() is positive where a sample became worse, for either direction", () => {
  const [before, after] = [Float64Array.of(1, 0, 0.5), Float64Array.of(0, 1, 0.5)];
  assert.deepEqual(sampleRegressions(before, after, "higher_better"), Float64Array.of(1, -1, 0));
  assert.deepEqual(sampleRegressions(before, after, "lower_better"), Float64Array.of(-1, 1, 0));
});

Deno.test("sampleRegressions() ranks lost values worst and keeps never-valued samples apart", () => {
  const regressions = sampleRegressions(Float64Array.of(1, NaN, NaN), Float64Array.of(NaN, 1, NaN), "higher_better");
  assert.deepEqual(regressions, Float64Array.of(Infinity, -Infinity, NaN));
});

Deno.test("comparedIndices() draws a seeded share only when the baseline is given (W12)", () => {
  assert.deepEqual(comparedIndices(4, 0.5, false, 1), [0, 1, 2, 3]);
  const drawn = comparedIndices(100, 0.25, true, 1);
  assert.equal(drawn.length, 25);
  assert.deepEqual(drawn, comparedIndices(100, 0.25, true, 1));
  assert.notDeepEqual(drawn, comparedIndices(100, 0.25, true, 2));
  assert.deepEqual(drawn, [...new Set(drawn)].sort((a, b) => a - b));
  assert.deepEqual(comparedIndices(3, 0.01, true, 1).length, 1);
});
