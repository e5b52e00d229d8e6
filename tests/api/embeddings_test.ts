/** A table of embeddings end to end: emulated on the GPU, exported, read again, and put back to float. */
import assert from "node:assert/strict";
import {
  accuracy,
  datasetFromArrays,
  loadModel,
  quantizeModel,
  type QuantizeOptions,
  Runtime,
  verifyExport,
} from "../../mod.ts";
import { FLOAT } from "../../src/base/precision.ts";
import { createRandom } from "../../src/base/random.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import { fileOf } from "../fixtures/classifier.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const probe = await openTestGpu();
probe?.destroy();
const needsGpu = { ignore: !probe };

const [WORDS, WIDTH, LENGTH, SAMPLES] = [200, 16, 5, 40];

/** Words → rows → mean → classes. */
function network(): Uint8Array<ArrayBuffer> {
  const b = new GraphBuilder(17);
  b.constant("table", [WORDS, WIDTH]);
  const rows = b.node("Gather", ["table", b.input("words", [1, LENGTH], "int64")], { name: "embed" });
  b.constant("w", [WIDTH, 4]);
  const mean = b.node("ReduceMean", [rows], { name: "mean", attributes: { axes: [1], keepdims: 0 } });
  b.output(b.node("Gemm", [mean, "w"], { name: "classify" }));
  const graph = b.build();
  return new Uint8Array(fileOf({
    ...graph,
    inputs: [{ name: "words", dtype: "int64", shape: ["N", LENGTH] }],
    outputs: graph.outputs.map((output) => ({ ...output, shape: ["N", 4] })),
  }));
}

function options(more: Partial<QuantizeOptions> = {}): QuantizeOptions & { readonly evaluate?: undefined } {
  const random = createRandom(9);
  const words = Array.from({ length: SAMPLES * LENGTH }, () => Math.floor(WORDS * random()));
  return {
    dataset: datasetFromArrays({ name: "drawn", inputs: hostTensor("int64", [SAMPLES, LENGTH], words) }),
    metrics: [accuracy()],
    annotationConfThreshold: 0,
    algorithm: "DefaultQuantization",
    accuracy: { annotationFree: true },
    ...more,
    evaluate: undefined,
  };
}

Deno.test(
  "quantizeModel() stores a table of embeddings in int8, and the file gives what was reported",
  needsGpu,
  async () => {
    using runtime = await Runtime.open();
    const model = await loadModel(network());
    const result = await quantizeModel(runtime, model, options());
    assert.deepEqual(result.groups.map(({ name }) => name), ["embed", "mean", "classify"]);
    const exported = await loadModel(new Uint8Array(result.bytes));
    const tables = [...exported.graph.initializers.values()].filter(({ shape }) => shape[0] === WORDS);
    assert.deepEqual(tables.map(({ dtype }) => dtype), ["int8"]);
    assert.deepEqual(await verifyExport(runtime, options(), result), result.values);
    const without = await quantizeModel(runtime, model, options({ int8Embeddings: false }));
    assert.deepEqual(without.groups.map(({ name }) => name), ["mean", "classify"]);
    assert.ok(without.bytes.length - result.bytes.length > 2 * WORDS * WIDTH, "three bytes of four are saved");
  },
);

Deno.test("quantizeModel() leaves a table in float that its group is held in", needsGpu, async () => {
  using runtime = await Runtime.open();
  const model = await loadModel(network());
  const holds = { keepFloat: ["embed"], keepInt8: [] };
  const result = await quantizeModel(
    runtime,
    model,
    options({ algorithm: "AccuracyAwareQuantization", accuracy: { annotationFree: true, maximalDrop: 1 }, holds }),
  );
  assert.deepEqual(result.assignment.map((state) => state === FLOAT), [true, false, false]);
  const exported = await loadModel(new Uint8Array(result.bytes));
  assert.deepEqual(exported.graph.initializers.get("table")?.data, model.graph.initializers.get("table")?.data);
});
