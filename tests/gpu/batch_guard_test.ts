/** Networks whose file fixes the batch run in batches exactly where that changes nothing. */
import assert from "node:assert/strict";
import { compareModels, evaluateModel, loadModel, meanMetric, Runtime } from "../../mod.ts";
import { createRandom } from "../../src/base/random.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import { datasetFromArrays } from "../../src/data/memory_dataset.ts";
import { exportGraph } from "../../src/graph/export.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const probe = await openTestGpu();
probe?.destroy();

const SAMPLES = 6;
const random = createRandom(8);
const dataset = datasetFromArrays({
  name: "seeded",
  inputs: hostTensor("float32", [SAMPLES, 2, 3], Array.from({ length: SAMPLES * 6 }, () => 2 * random() - 1)),
});

/** Softmax over `axes` of [1, 2, 3], put together from reductions. */
function normalizing(axes: readonly number[]) {
  const builder = new GraphBuilder();
  const x = builder.input("x", [1, 2, 3]);
  const powers = builder.node("Exp", [x]);
  const sums = builder.node("ReduceSum", [powers, builder.constant("axes", [axes.length], axes, "int64")]);
  return loadModel(
    new Uint8Array(encodeModel(exportGraph(builder.output(builder.node("Div", [powers, sums])).build()))),
  );
}

async function evaluate(axes: readonly number[]) {
  using runtime = await Runtime.open();
  const seen: number[][] = [];
  const recorder = meanMetric("recorder", "higher_better", ({ outputs, index }) => {
    seen[index] = [...outputs[0]!.data];
    return 0;
  });
  const { batchSize, notes } = await evaluateModel(runtime, await normalizing(axes), dataset, {
    metrics: [recorder],
    batchSize: 4,
  });
  return { batchSize, notes, seen };
}

Deno.test({
  name: "evaluateModel() takes batches where the file fixes one sample but samples do not meet",
  ignore: !probe,
  async fn() {
    const { batchSize, notes, seen } = await evaluate([1, 2]);
    assert.deepEqual([batchSize, notes], [4, []]);
    for (const values of seen) assert.ok(Math.abs(values.reduce((sum, value) => sum + value, 0) - 1) < 1e-6);
  },
});

Deno.test({
  name: "evaluateModel() takes one sample at a time where samples of a batch would meet",
  ignore: !probe,
  async fn() {
    const { batchSize, notes, seen } = await evaluate([0, 1, 2]);
    assert.deepEqual([batchSize, notes], [
      1,
      ["The network runs with batch size 1: samples of a batch influence each other"],
    ]);
    assert.equal(seen.length, SAMPLES);
    for (const values of seen) assert.ok(Math.abs(values.reduce((sum, value) => sum + value, 0) - 1) < 1e-6);
  },
});

Deno.test({
  name: "compareModels() takes one sample at a time where samples of a batch would meet in either network",
  ignore: !probe,
  async fn() {
    using runtime = await Runtime.open();
    const [apart, meeting] = [await normalizing([1, 2]), await normalizing([0, 1, 2])];
    const { layers, notes } = await compareModels(runtime, apart, meeting, dataset, { batchSize: 4 });
    assert.deepEqual(notes, ["The network runs with batch size 1: samples of a batch influence each other"]);
    for (const { value, maxError } of layers) assert.ok(maxError < 1e-6, `${value} differs by ${maxError}`);
  },
});
