import assert from "node:assert/strict";
import { UsageError } from "../../src/base/errors.ts";
import { type AccuracyAwareOptions, OPTIONS, resolveOptions } from "../../src/accuracy/options.ts";

Deno.test("resolveOptions() gives POT's defaults for POT's parameters", () => {
  const options = resolveOptions({});
  assert.deepEqual(options, {
    maximalDrop: 0.01,
    dropType: "absolute",
    metrics: [],
    rankingSubsetSize: 300,
    maxIterNum: Infinity,
    usePrevIfDropIncrease: true,
    convertToMixedPreset: false,
    metricSubsetRatio: 0.5,
    tuneHyperparams: false,
    annotationFree: false,
    compatibility: "default",
    ranking: "metric",
    seed: 0,
    mend: true,
    putBack: true,
    revert: "all",
    tryFirst: [],
  });
  const { mend, putBack } = resolveOptions({ compatibility: "pot" });
  assert.deepEqual([mend, putBack], [false, false]);
});

Deno.test("resolveOptions() names the parameter and what it expects when a value makes no sense", () => {
  const cases: readonly [given: Record<string, unknown>, message: string][] = [
    [{ maximalDrop: -0.1 }, "Cannot use maximal_drop: -0.1, expected at least 0"],
    [{ maximalDrop: NaN }, "Cannot use maximal_drop: NaN, expected a number"],
    [{ maximalDrop: Infinity }, "Cannot use maximal_drop: Infinity, expected a finite number"],
    [{ maximalDrop: "0.1" }, 'Cannot use maximal_drop: "0.1", expected a number'],
    [{ dropType: "percent" }, 'Cannot use drop_type: "percent", expected absolute or relative'],
    [{ rankingSubsetSize: 0 }, "Cannot use ranking_subset_size: 0, expected at least 1"],
    [{ rankingSubsetSize: Infinity }, "Cannot use ranking_subset_size: Infinity, expected an integer"],
    [{ maxIterNum: 1.5 }, "Cannot use max_iter_num: 1.5, expected an integer"],
    [{ metricSubsetRatio: 1.5 }, "Cannot use metric_subset_ratio: 1.5, expected at most 1"],
    [{ mend: "yes" }, 'Cannot use mend: "yes", expected true or false'],
    [{ mend: true, compatibility: "pot" }, "Cannot use mend: true, expected false with compatibility pot"],
    [{ tryFirst: [-1] }, "Cannot use try_first: [-1], expected a list of candidate numbers"],
    [
      { metrics: [{ name: "a", maximalDrop: -1 }] },
      'Cannot use metrics: [{"name":"a","maximalDrop":-1}], expected a maximal_drop of at least 0 for "a"',
    ],
    [{ maximal_drop: 1 }, 'Cannot use options: unknown "maximal_drop"'],
  ];
  for (const [given, message] of cases) {
    assert.throws(() => resolveOptions(given as Partial<AccuracyAwareOptions>), (error) => {
      assert.ok(error instanceof UsageError);
      assert.equal(error.message, message);
      return true;
    });
  }
  assert.equal(resolveOptions({ maximalDrop: 0, maxIterNum: 0 }).maxIterNum, 0);
});

Deno.test("OPTIONS spells every key in snake case once and describes it in one sentence", () => {
  for (const { pot, key, description } of OPTIONS) {
    assert.equal(pot.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()), key);
    assert.match(description, /^[A-Z].*\.$/);
  }
  assert.equal(new Set(OPTIONS.map(({ key }) => key)).size, OPTIONS.length);
});
