/** Networks with free extents are planned for the samples that they get. */
import assert from "node:assert/strict";
import { datasetFromArrays, evaluateModel, loadModel, meanMetric, Runtime } from "../../mod.ts";
import { createRandom } from "../../src/base/random.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import { exportGraph } from "../../src/graph/export.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const probe = await openTestGpu();
probe?.destroy();

/** Mean of every channel's positive values, and in between a Reshape to extents that are computed from the input's shape. */
function pooling() {
  const builder = new GraphBuilder();
  const x = builder.input("x", [1, 2, 4, 4]);
  const kept = builder.node("Slice", [
    builder.node("Shape", [x]),
    builder.constant("from", [1], [0], "int64"),
    builder.constant("to", [1], [2], "int64"),
  ]);
  const target = builder.node("Concat", [kept, builder.constant("rest", [1], [-1], "int64")], {
    attributes: { axis: 0 },
  });
  const flat = builder.node("Reshape", [builder.node("Relu", [x]), target]);
  const graph = builder.output(builder.node("ReduceMean", [flat], { attributes: { axes: [2], keepdims: 0 } })).build();
  const free = {
    ...graph,
    inputs: [{ ...graph.inputs[0]!, shape: ["N", 2, "H", "W"] }],
    outputs: [{ ...graph.outputs[0]!, shape: ["N", 2] }],
  };
  return loadModel(new Uint8Array(encodeModel(exportGraph(free))));
}

Deno.test({
  name: "evaluateModel() plans a network with free height and width for each dataset's samples",
  ignore: !probe,
  async fn() {
    using runtime = await Runtime.open();
    const model = await pooling();
    const random = createRandom(4);
    for (const [height, width] of [[4, 4], [5, 9], [1, 3], [4, 4]] as const) {
      const length = 2 * height * width;
      const values = Float32Array.from({ length: 3 * length }, () => 2 * random() - 1);
      const dataset = datasetFromArrays({
        name: "seeded",
        inputs: hostTensor("float32", [3, 2, height, width], values),
      });
      const closeness = meanMetric("closeness", "lower_better", ({ outputs: [means], index }) => {
        assert.deepEqual(means!.shape, [2]);
        return Math.max(...[0, 1].map((channel) => {
          const own = values.subarray(
            index * length + channel * length / 2,
            index * length + (channel + 1) * length / 2,
          );
          const mean = own.reduce((sum, value) => sum + Math.max(0, value), 0) / own.length;
          return Math.abs(mean - means!.data[channel]!);
        }));
      });
      const { values: found } = await evaluateModel(runtime, model, dataset, { metrics: [closeness] });
      assert.ok(found["closeness"]! < 1e-6, `${height}x${width}: ${found["closeness"]}`);
    }
  },
});
