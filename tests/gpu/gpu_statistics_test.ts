/** Statistics are those of each sample wherever the batch axis lies. */
import assert from "node:assert/strict";
import { createRandom } from "../../src/base/random.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import { datasetFromArrays } from "../../src/data/memory_dataset.ts";
import { attachDataset } from "../../src/evaluate/feed.ts";
import { GpuStatistics } from "../../src/evaluate/gpu_statistics.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { quantile } from "../../src/quantize/aggregate.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);

const SAMPLES = 5;
const [STEPS, FEATURES] = [4, 6];
const random = createRandom(3);
const VALUES = Float32Array.from({ length: SAMPLES * STEPS * FEATURES }, () => 4 * random() - 2);

/** Samples [4, 6] twice as large, laid out as attention does: [3, N, 4, 2], [N·4, 6], [N·4, 2, 3] and untouched. */
function attentionLayouts(): Graph {
  const builder = new GraphBuilder();
  const doubled = builder.node("Add", [builder.input("x", [1, STEPS, FEATURES]), "x"], { outputs: ["doubled"] });
  const shape = (name: string, extents: readonly number[]) =>
    builder.constant(name, [extents.length], extents, "int64");
  const heads = builder.node("Reshape", [doubled, shape("heads_shape", [0, STEPS, 3, 2])]);
  builder.node("Transpose", [heads], { outputs: ["triple"], attributes: { perm: [2, 0, 1, 3] } });
  const merged = builder.node("Reshape", [doubled, shape("merged_shape", [-1, FEATURES])], { outputs: ["merged"] });
  builder.node("Reshape", [merged, shape("split_shape", [-1, 2, 3])], { outputs: ["split"] });
  return builder.output("doubled", "triple", "split").build();
}

/** Of one sample; `channelOf` gives the channel of a feature. */
function expectedOf(sample: number): { min: number; max: number } {
  const own = VALUES.subarray(sample * STEPS * FEATURES, (sample + 1) * STEPS * FEATURES).map((value) => value + value);
  return { min: Math.min(...own), max: Math.max(...own) };
}

/** Values of the features that count, of one sample. */
function ownValues(sample: number, counts: (feature: number) => boolean): Float64Array {
  const own = Float64Array.from(VALUES.subarray(sample * STEPS * FEATURES, (sample + 1) * STEPS * FEATURES));
  return own.filter((_, place) => counts(place % FEATURES)).map((value) => 2 * value);
}

function expectedMeans(channels: number, channelOf: (feature: number) => number): number[] {
  const sums = new Array<number>(channels).fill(0);
  VALUES.forEach((value, place) => sums[channelOf(place % FEATURES)]! += 2 * value);
  return sums.map((sum) => sum / (VALUES.length / channels));
}

function statisticsOf(batch: number): GpuStatistics {
  const dataset = datasetFromArrays({
    name: "seeded",
    inputs: hostTensor("float32", [SAMPLES, STEPS, FEATURES], VALUES),
  });
  const graph = attentionLayouts();
  const free = { ...graph, inputs: graph.inputs.map((input) => ({ ...input, shape: ["N", STEPS, FEATURES] })) };
  return new GpuStatistics({
    gpu: gpu!,
    pipelines: pipelines!,
    feed: attachDataset(free, dataset),
    dataset,
    indices: Array.from({ length: SAMPLES }, (_, index) => index),
    batch,
    memoryBudget: 1e8,
  });
}

// With three samples a batch, [3, N, 4, 2] has the batch's extent on its first axis by chance.
for (const batch of [1, 2, 3]) {
  Deno.test({
    name: `GpuStatistics.ranges() tells samples apart wherever the batch axis lies, batch ${batch}`,
    ignore: !gpu,
    async fn() {
      const ranges = await statisticsOf(batch).ranges(["doubled", "triple", "merged", "split"]);
      for (const [name, { min, max, absMax }] of ranges) {
        for (let sample = 0; sample < SAMPLES; sample++) {
          const expected = expectedOf(sample);
          assert.deepEqual([min[sample], max[sample]], [expected.min, expected.max], `${name}, sample ${sample}`);
          assert.equal(absMax[sample], Math.max(-expected.min, expected.max));
        }
      }
    },
  });

  Deno.test({
    name: `GpuStatistics.channelQuantiles() tells channels and samples apart, batch ${batch}`,
    ignore: !gpu,
    async fn() {
      const [least, middle, merged, triple] = await statisticsOf(batch).channelQuantiles([
        { name: "doubled", axis: 2, q: 0 },
        { name: "doubled", axis: 2, q: 0.4 },
        { name: "merged", axis: 1, q: 1 },
        { name: "triple", axis: 0, q: 1 },
      ]);
      const near = (found: Float64Array | undefined, channels: number, q: number) => {
        assert.equal(found!.length, SAMPLES * channels);
        found!.forEach((value, place) => {
          const own = ownValues(
            Math.floor(place / channels),
            (feature) => Math.floor(feature / (FEATURES / channels)) === place % channels,
          );
          assert.ok(Math.abs(value - quantile(own, q)) < 1e-6, `sample × channel ${place}`);
        });
      };
      near(least, FEATURES, 0);
      near(middle, FEATURES, 0.4);
      near(merged, FEATURES, 1);
      near(triple, 3, 1);
    },
  });

  Deno.test({
    name: `GpuStatistics.channelMeans() follows the channels of moved values, batch ${batch}`,
    ignore: !gpu,
    async fn() {
      const means = await statisticsOf(batch).channelMeans([
        { name: "doubled", axis: 2 },
        { name: "triple", axis: 0 },
        { name: "triple", axis: -1 },
        { name: "merged", axis: 1 },
        { name: "split", axis: 2 },
      ]);
      assert.ok(means.has("merged"));
      const near = (name: string, expected: readonly number[]) => {
        const found = means.get(name)!;
        assert.equal(found.length, expected.length);
        expected.forEach((value, channel) => assert.ok(Math.abs(found[channel]! - value) < 1e-5, `${name} ${channel}`));
      };
      near("doubled", expectedMeans(6, (feature) => feature));
      near("merged", expectedMeans(6, (feature) => feature));
      near("split", expectedMeans(3, (feature) => feature % 3));
      // Asked for twice with different axes, the last one stands under the value's name.
      near("triple", expectedMeans(2, (feature) => feature % 2));
      const first = await statisticsOf(batch).channelMeans([{ name: "triple", axis: 0 }]);
      expectedMeans(3, (feature) => Math.floor(feature / 2)).forEach((value, channel) =>
        assert.ok(Math.abs(first.get("triple")![channel]! - value) < 1e-5)
      );
    },
  });
}
