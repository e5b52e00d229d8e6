import assert from "node:assert/strict";
import { ModelError, UsageError } from "../../src/base/errors.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import { aggregate, AGGREGATORS, quantile } from "../../src/quantize/aggregate.ts";
import { activationEstimator, type RangeEstimatorOptions, weightEstimator } from "../../src/quantize/estimators.ts";
import {
  absoluteQuantile,
  histogramQuantile,
  leastDivergenceShare,
  leastSquaresShare,
} from "../../src/quantize/histogram.ts";
import { createRandom } from "../../src/base/random.ts";
import {
  estimateActivations,
  estimateWeights,
  type HistogramRequest,
  type StatisticsSource,
} from "../../src/quantize/statistics.ts";

/** A source over given samples of one value `v`. */
function sourceOf(samples: readonly Float64Array[]): StatisticsSource & { requests: HistogramRequest[] } {
  const requests: HistogramRequest[] = [];
  const each = (measure: (sample: Float64Array) => number) => Float64Array.from(samples, measure);
  return {
    requests,
    ranges: () =>
      Promise.resolve(
        new Map([["v", {
          min: each((sample) => Math.min(...sample)),
          max: each((sample) => Math.max(...sample)),
          absMax: each((sample) => Math.max(...sample.map(Math.abs))),
        }]]),
      ),
    channelMeans: () => Promise.resolve(new Map()),
    histograms: (asked, visit) => {
      requests.push(...asked);
      for (const { name, low, high, bins } of asked) {
        samples.forEach((sample, index) => {
          const counts = new Uint32Array(bins);
          for (const value of sample) {
            counts[Math.min(Math.floor((value - low) / (high - low) * bins), bins - 1)]!++;
          }
          visit(name, index, counts);
        });
      }
      return Promise.resolve();
    },
  };
}

async function endsOf(
  samples: readonly number[][],
  mode: "symmetric" | "asymmetric",
  options: RangeEstimatorOptions = {},
): Promise<{ min: number; max: number }> {
  const estimator = activationEstimator(mode, options);
  const source = sourceOf(samples.map((sample) => Float64Array.from(sample)));
  return (await estimateActivations(new Map([["v", estimator]]), 255, source)).get("v")!;
}

const SAMPLES = [[-1, 2], [-3, 1], [0, 6]];

Deno.test("estimateActivations() takes the least minimum and the mean absolute maximum in symmetric mode", async () => {
  assert.deepEqual(await endsOf(SAMPLES, "symmetric"), { min: -3, max: 11 / 3 });
});

Deno.test("estimateActivations() takes mean minimum and mean maximum in asymmetric mode", async () => {
  assert.deepEqual(await endsOf(SAMPLES, "asymmetric"), { min: -4 / 3, max: 3 });
});

Deno.test("estimateActivations() lets the user choose statistic and aggregator of each end", async () => {
  const options = { min: { aggregator: "median" }, max: { type: "max", aggregator: "max" } } as const;
  assert.deepEqual(await endsOf(SAMPLES, "symmetric", options), { min: -1, max: 6 });
});

Deno.test("estimateActivations() averages the quantiles of each sample for preset quantile", async () => {
  const ramp = (top: number) => Array.from({ length: 20_001 }, (_, index) => -1 + (1 + top) * index / 20_000);
  const { min, max } = await endsOf([ramp(1), ramp(3)], "asymmetric", {
    preset: "quantile",
    min: { outlierProb: 0.1 },
    max: { outlierProb: 0.25 },
  });
  assert.ok(Math.abs(min - (-0.8 - 0.6) / 2) < 2e-3, `${min}`);
  assert.ok(Math.abs(max - (0.5 + 2) / 2) < 2e-3, `${max}`);
});

Deno.test("estimateActivations() keeps the plain minimum in symmetric mode for preset quantile", async () => {
  const source = sourceOf([Float64Array.of(-5, 0, 1, 2)]);
  const estimator = activationEstimator("symmetric", { preset: "quantile" });
  const ends = await estimateActivations(new Map([["v", estimator]]), 255, source);
  assert.equal(ends.get("v")!.min, -5);
  assert.deepEqual(source.requests.map(({ low, high }) => [low, high]), [[-5, 2]]);
});

Deno.test("estimateActivations() asks for no histograms when extremes suffice", async () => {
  const source = sourceOf([Float64Array.of(0, 1)]);
  await estimateActivations(new Map([["v", activationEstimator("symmetric")]]), 255, source);
  assert.deepEqual(source.requests, []);
});

// The least mean squared error of 20,000 normal values and one of 40 is where clipping and rounding errors balance.
for (const [preset, lowest, highest] of [["mse", 35.5, 37], ["entropy", 2, 20]] as const) {
  Deno.test(`estimateActivations() cuts a lone outlier off for preset ${preset}, but not the end of a flat distribution`, async () => {
    const random = createRandom(3);
    const gauss = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const bell = Array.from({ length: 20_000 }, gauss);
    const { max } = await endsOf([[...bell, 40]], "symmetric", { preset });
    assert.ok(max > lowest && max < highest, `cut at ${max}`);
    const flat = Array.from({ length: 20_000 }, () => 2 * random() - 1);
    const kept = await endsOf([flat], "symmetric", { preset });
    assert.ok(kept.max > 0.95, `flat distribution cut at ${kept.max}`);
  });

  Deno.test(`estimateActivations() does not let the zeros behind a Relu narrow the range for preset ${preset}`, async () => {
    const random = createRandom(4);
    const half = Array.from({ length: 20_000 }, () => Math.max(0, 2 * random() - 1));
    const { min, max } = await endsOf([half], "symmetric", { preset });
    assert.equal(min, 0);
    assert.ok(max > 0.9, `cut at ${max}`);
  });
}

Deno.test("estimateActivations() names the value and the sample that are not finite", async () => {
  await assert.rejects(endsOf([[0, 1], [0, NaN]], "symmetric"), /value "v": calibration sample 1 has NaN to NaN/);
});

Deno.test("histogramQuantile() interpolates within bins and absoluteQuantile() folds at zero", () => {
  const histogram = { low: -2, high: 2, counts: [1, 1, 1, 1] };
  assert.equal(histogramQuantile(histogram, 0.5), 0);
  assert.equal(histogramQuantile(histogram, 0.125), -1.5);
  assert.equal(histogramQuantile({ low: 0, high: 4, counts: [0, 4, 0, 0] }, 1), 2);
  assert.equal(absoluteQuantile(histogram, 0.5), 1);
});

Deno.test("leastSquaresShare() and leastDivergenceShare() keep the whole range when levels abound", () => {
  const counts = Array.from({ length: 64 }, () => 10);
  const shrink = (share: number) => ({ low: 0, high: share });
  // Values count as the centres of their bins, the last of which is half a bin from the end.
  assert.ok(leastSquaresShare({ low: 0, high: 1, counts }, 255, shrink) >= 63.5 / 64 - 1e-3);
  assert.equal(leastDivergenceShare({ low: 0, high: 1, counts }, 255, shrink), 1);
});

/** A bell around zero with a thin tail on one side. */
function skewed(): number[] {
  return Array.from({ length: 1024 }, (_, bin) => {
    const x = (bin + 0.5) / 512 - 1;
    return Math.round(1e5 * Math.exp(-(x * x) * 60)) + (x > 0 ? 3 : 0);
  });
}

Deno.test("leastDivergenceShare() does not depend on how many values are exactly zero", () => {
  const counts = skewed();
  const shrink = (share: number) => ({ low: -share, high: share });
  const plain = leastDivergenceShare({ low: -1, high: 1, counts }, 255, shrink);
  counts[512] = 1e9;
  assert.equal(leastDivergenceShare({ low: -1, high: 1, counts }, 255, shrink), plain);
  assert.ok(plain > 0.25 && plain < 1, `${plain}`);
});

Deno.test("leastDivergenceShare() treats tails below and above alike", () => {
  const shrink = (share: number) => ({ low: -share, high: share });
  const [up, down] = [skewed(), skewed().reverse()].map((counts) =>
    leastDivergenceShare({ low: -1, high: 1, counts }, 255, shrink)
  );
  assert.ok(Math.abs(up! - down!) < 0.02, `${up} and ${down}`);
});

// arange(16) of shape [2, 2, 2, 2], from POT's test_tensor_statistics.
const RANGE16 = hostTensor("float32", [2, 2, 2, 2], Array.from({ length: 16 }, (_, index) => index));

Deno.test("estimateWeights() gives each channel its extremes", () => {
  const { min, max } = estimateWeights("w", RANGE16, 0, weightEstimator("asymmetric"));
  assert.deepEqual([[...min], [...max]], [[0, 8], [7, 15]]);
  const inner = estimateWeights("w", RANGE16, 1, weightEstimator("asymmetric"));
  assert.deepEqual([[...inner.min], [...inner.max]], [[0, 4], [11, 15]]);
  const all = estimateWeights("w", RANGE16, undefined, weightEstimator("asymmetric"));
  assert.deepEqual([[...all.min], [...all.max]], [[0], [15]]);
});

Deno.test("estimateWeights() gives exact quantiles", () => {
  const estimator = weightEstimator("asymmetric", { preset: "quantile", min: { outlierProb: 0.01 } });
  const { min } = estimateWeights("w", RANGE16, 0, estimator);
  min.forEach((value, channel) => assert.ok(Math.abs(value - [0.07, 8.07][channel]!) < 1e-9, `${value}`));
});

Deno.test("estimateWeights() takes the largest absolute value in symmetric mode", () => {
  const { max } = estimateWeights("w", hostTensor("float32", [2, 2], [-3, 1, 2, -1]), 0, weightEstimator("symmetric"));
  assert.deepEqual([...max], [3, 2]);
});

Deno.test("estimateWeights() names the initializer and the element that are not finite", () => {
  const broken = hostTensor("float32", [1, 2], [1, Infinity]);
  assert.throws(
    () => estimateWeights("layer.weight", broken, 0, weightEstimator("symmetric")),
    (error) => error instanceof ModelError && /"layer.weight": element 1 is Infinity/.test(error.message),
  );
});

Deno.test("activationEstimator() refuses statistics, aggregators and probabilities that there are not", () => {
  const wrong = [{ max: { type: "maximum" } }, { min: { aggregator: "average" } }, { max: { outlierProb: 0.7 } }];
  for (const options of wrong) {
    assert.throws(() => activationEstimator("symmetric", options as RangeEstimatorOptions), UsageError);
  }
});

Deno.test("estimateWeights() cuts a lone weight off for preset mse where that loses less, in both modes", () => {
  const random = createRandom(5);
  const bell = Array.from({ length: 4000 }, () => random() + random() + random() - 1.5);
  const tensor = hostTensor("float32", [2, 4001], [...bell, 4, ...bell, bell[0]!]);
  const loss = (values: readonly number[], low: number, high: number, levels: number) => {
    const scale = (high - low) / levels;
    const code = (value: number) => Math.min(Math.max(Math.round((value - low) / scale), 0), levels);
    return values.reduce((sum, value) => sum + (value - (low + code(value) * scale)) ** 2, 0);
  };
  const symmetric = estimateWeights("w", tensor, 0, weightEstimator("symmetric", { preset: "mse" }), 14);
  assert.ok(symmetric.max[0]! > 0.8 && symmetric.max[0]! < 2, `cut at ${symmetric.max[0]}`);
  const found = loss([...bell, 4], -symmetric.max[0]!, symmetric.max[0]!, 14);
  assert.ok(found < loss([...bell, 4], -4, 4, 14) / 2);
  assert.ok(symmetric.max[1]! > 1.1, `other channel cut at ${symmetric.max[1]}`);
  const asymmetric = estimateWeights("w", tensor, 0, weightEstimator("asymmetric", { preset: "mse" }), 15);
  assert.ok(asymmetric.max[0]! < 3.5 && asymmetric.min[0]! < 0, `cut at ${asymmetric.max[0]}`);
});

Deno.test("weightEstimator() refuses the entropy of weights", () => {
  assert.throws(() => weightEstimator("symmetric", { preset: "entropy" }), UsageError);
});

/** Three samples with both signs; what each statistic is of each of them. */
const SIGNED = [[-4, 1, 2], [-1, 0.5, 3], [-2, 0, 5], [-8, 4, 6]];
const PER_SAMPLE: Readonly<Record<string, (sample: readonly number[]) => number>> = {
  min: (sample) => Math.min(...sample),
  max: (sample) => Math.max(...sample),
  abs_max: (sample) => Math.max(...sample.map(Math.abs)),
};

for (const type of ["min", "max", "abs_max"] as const) {
  for (const aggregator of AGGREGATORS) {
    Deno.test(`estimateActivations() follows ${type} with ${aggregator} at either end`, async () => {
      const expected = aggregate(Float64Array.from(SIGNED, (sample) => PER_SAMPLE[type]!(sample)), aggregator);
      for (const mode of ["symmetric", "asymmetric"] as const) {
        assert.equal((await endsOf(SIGNED, mode, { max: { type, aggregator } })).max, expected);
        assert.equal((await endsOf(SIGNED, mode, { min: { type, aggregator } })).min, expected);
      }
    });
  }
}

for (const type of ["quantile", "abs_quantile"] as const) {
  Deno.test(`estimateActivations() follows ${type} with its share of outliers at either end`, async () => {
    const ramp = Array.from({ length: 10_001 }, (_, place) => -1 + 4 * place / 10_000);
    const exact = (q: number) => quantile(type === "quantile" ? ramp : ramp.map(Math.abs), q);
    for (const outlierProb of [0, 0.01, 0.2]) {
      const { min, max } = await endsOf([ramp], "asymmetric", {
        min: { type, outlierProb },
        max: { type, outlierProb },
      });
      assert.ok(Math.abs(min - exact(outlierProb)) < 3e-3, `${min} for ${exact(outlierProb)}`);
      assert.ok(Math.abs(max - exact(1 - outlierProb)) < 3e-3, `${max} for ${exact(1 - outlierProb)}`);
    }
  });
}
