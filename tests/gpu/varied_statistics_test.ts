/** Means of a network with other constants, which full bias correction asks for. */
import assert from "node:assert/strict";
import { createRandom } from "../../src/base/random.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import { datasetFromArrays } from "../../src/data/memory_dataset.ts";
import { attachDataset } from "../../src/evaluate/feed.ts";
import { GpuStatistics } from "../../src/evaluate/gpu_statistics.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { HostStatistics } from "../fixtures/host_statistics.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();

const SAMPLES = 7;

Deno.test({
  name: "GpuStatistics.channelMeans() varies constants over a share of the samples and forgets them again",
  ignore: !gpu,
  async fn() {
    const random = createRandom(5);
    const values = Float32Array.from({ length: SAMPLES * 6 }, () => 2 * random() - 1);
    const b = new GraphBuilder();
    const product = b.node("MatMul", [b.input("x", [1, 6]), b.constant("w", [6, 3])], { outputs: ["product"] });
    const graph = b.output(b.node("Relu", [product], { outputs: ["y"] })).build();
    const dataset = datasetFromArrays({ inputs: hostTensor("float32", [SAMPLES, 6], values) });
    const source = new GpuStatistics({
      gpu: gpu!,
      pipelines: new PipelineCache(gpu!),
      feed: attachDataset({ ...graph, inputs: graph.inputs.map((one) => ({ ...one, shape: ["N", 6] })) }, dataset),
      dataset,
      indices: Array.from({ length: SAMPLES }, (_, index) => index),
      batch: 2,
      memoryBudget: 1e8,
    });
    const samples = Array.from(
      { length: SAMPLES },
      (_, index) => new Map([["x", hostTensor("float32", [1, 6], values.slice(6 * index, 6 * index + 6))]]),
    );
    const host = new HostStatistics(graph, samples);
    const constants = new Map([["w", hostTensor("float32", [6, 3], Array.from({ length: 18 }, () => random()))]]);
    const wanted = [{ name: "y", axis: 1 }];
    for (const variation of [undefined, { constants, share: 0.5 }, { constants: new Map(), share: 0.2 }, undefined]) {
      const [found, expected] = [
        await source.channelMeans(wanted, variation),
        await host.channelMeans(wanted, variation),
      ];
      found.get("y")!.forEach((mean, channel) => assert.ok(Math.abs(mean - expected.get("y")![channel]!) < 1e-5));
    }
  },
});
