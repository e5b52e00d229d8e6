/** Recognizers as PyTorch exports them: a literal batch of 1, shapes as Constant nodes, and outputs with time steps before the batch. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  datasetFromArrays,
  evaluateModel,
  loadModel,
  type Metric,
  type Model,
  quantizeModel,
  Runner,
  Runtime,
} from "../../mod.ts";
import { createRandom } from "../../src/base/random.ts";
import { type HostTensor, hostTensor } from "../../src/base/tensor.ts";
import { fileOf } from "../fixtures/classifier.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { runInOnnxRuntime } from "../fixtures/onnxruntime.ts";
import { openTestGpu } from "../support/adapter.ts";
import { assertClose } from "../support/compare.ts";

const probe = await openTestGpu();
probe?.destroy();
const needsGpu = { ignore: !probe };

const [SAMPLES, CHANNELS, STEPS, CLASSES] = [6, 4, 7, 5];
const random = createRandom(11);
const lines = hostTensor(
  "float32",
  [SAMPLES, 3, 2, STEPS],
  Array.from({ length: SAMPLES * 6 * STEPS }, () => 2 * random() - 1),
);
const dataset = datasetFromArrays({ inputs: lines });
const CLOSE = { relative: 1e-4, absolute: 1e-5 };

function recognizer(): Uint8Array {
  const builder = new GraphBuilder();
  const x = builder.input("x", [1, 3, 2, STEPS]);
  const features = builder.node("Relu", [
    builder.node("Conv", [x, builder.constant("w", [CHANNELS, 3, 1, 3])], { attributes: { pads: [0, 1, 0, 1] } }),
  ]);
  const steps = builder.node("Transpose", [features], { attributes: { perm: [3, 0, 1, 2] } });
  const shape = builder.node("Constant", [], {
    attributes: { value: { type: "tensor", value: hostTensor("int64", [3], [STEPS, 1, 2 * CHANNELS]) } },
  });
  const rows = builder.node("Reshape", [steps, shape]);
  const scores = builder.node("MatMul", [rows, builder.constant("classes", [2 * CHANNELS, CLASSES])]);
  return fileOf(builder.output(builder.node("LogSoftmax", [scores], { attributes: { axis: 2 } })).build());
}

/** A metric that keeps what it sees. */
function recorder(): { metric: Metric; seen: Map<number, HostTensor> } {
  const seen = new Map<number, HostTensor>();
  const metric: Metric = {
    name: "seen",
    direction: "higher_better",
    start: () => ({ add: ({ index, outputs }) => (seen.set(index, outputs[0]!), 0), value: () => 0 }),
  };
  return { metric, seen };
}

async function expectedOf(model: Model, index: number): Promise<HostTensor> {
  const row = lines.data.slice(index * 6 * STEPS, (index + 1) * 6 * STEPS);
  const outputs = await runInOnnxRuntime(
    model.graph,
    new Map([["x", hostTensor("float32", [1, 3, 2, STEPS], row)]]),
    "disabled",
  );
  return { ...outputs.values().next().value!, shape: [STEPS, CLASSES] };
}

Deno.test(
  "evaluateModel() gives metrics the steps of each sample when they come before the batch",
  needsGpu,
  async () => {
    const model = await loadModel(new Uint8Array(recognizer()));
    using runtime = await Runtime.open();
    const { metric, seen } = recorder();
    const { batchSize } = await evaluateModel(runtime, model, dataset, { metrics: [metric], batchSize: 4 });
    assert.equal(batchSize, 4);
    for (let index = 0; index < SAMPLES; index++) {
      assertClose(seen.get(index)!, await expectedOf(model, index), CLOSE, `sample ${index}`);
    }
  },
);

Deno.test("quantizeModel() exports a recognizer with its outputs as they were", needsGpu, async () => {
  const model = await loadModel(new Uint8Array(recognizer()));
  using runtime = await Runtime.open();
  const { metric, seen } = recorder();
  const options = { algorithm: "DefaultQuantization", dataset, metrics: [metric] } as const;
  const { bytes, groups } = await quantizeModel(runtime, model, options);
  assert.ok(groups.length > 0);
  const exported = await loadModel(new Uint8Array(bytes));
  assert.deepEqual(exported.graph.outputs.map(({ name }) => name), model.graph.outputs.map(({ name }) => name));
  for (let index = 0; index < SAMPLES; index++) {
    assertClose(seen.get(index)!, await expectedOf(exported, index), CLOSE, `sample ${index}`);
  }
});

Deno.test("loadModel() reads what Node's Buffer holds as it reads a Uint8Array", needsGpu, async () => {
  using runtime = await Runtime.open();
  const outputs = await Promise.all([Buffer.from(recognizer()), new Uint8Array(recognizer())].map(async (bytes) => {
    using runner = new Runner(runtime, await loadModel(bytes as Uint8Array<ArrayBuffer>));
    return await runner.run({ x: hostTensor("float32", [1, 3, 2, STEPS], lines.data.slice(0, 6 * STEPS)) });
  }));
  assert.deepEqual(outputs[0], outputs[1]);
});

Deno.test("evaluateModel() says so when nodes count on another batch size than 1", needsGpu, async () => {
  const builder = new GraphBuilder();
  const shape = builder.constant("shape", [2], [4, 3 * STEPS], "int64");
  const rows = builder.node("Reshape", [builder.input("x", [2, 3, 2, STEPS]), shape]);
  const model = await loadModel(new Uint8Array(fileOf(builder.output(rows).build())));
  using runtime = await Runtime.open();
  await assert.rejects(
    evaluateModel(runtime, model, dataset, { metrics: [recorder().metric] }),
    /^ModelError: Cannot run network for one sample: input "x" has a batch of 2 that nodes count on, expected/,
  );
});
