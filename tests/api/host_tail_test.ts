/** Detectors end to end: the convolutions on the GPU, NonMaxSuppression and what follows on the host. */
import assert from "node:assert/strict";
import {
  datasetFromArrays,
  evaluateModel,
  inspectModel,
  loadModel,
  type Metric,
  type Model,
  quantizeModel,
  type QuantizeOptions,
  Runtime,
} from "../../mod.ts";
import { createRandom } from "../../src/base/random.ts";
import { type HostTensor, hostTensor } from "../../src/base/tensor.ts";
import { fileOf } from "../fixtures/classifier.ts";
import { detector } from "../fixtures/detector.ts";
import { runInOnnxRuntime } from "../fixtures/onnxruntime.ts";
import { openTestGpu } from "../support/adapter.ts";
import { assertClose } from "../support/compare.ts";

const probe = await openTestGpu();
probe?.destroy();
const needsGpu = { ignore: !probe };

const SAMPLES = 6;
const random = createRandom(3);
const pictures = hostTensor(
  "float32",
  [SAMPLES, 2, 4, 4],
  Array.from({ length: SAMPLES * 32 }, () => 4 * random() - 2),
);
const dataset = datasetFromArrays({ inputs: pictures });

function sampleOf(index: number): Map<string, HostTensor> {
  return new Map([["x", hostTensor("float32", [1, 2, 4, 4], pictures.data.slice(index * 32, (index + 1) * 32))]]);
}

/** A metric that keeps what it sees, and counts boxes. */
function recorder(): { metric: Metric; seen: Map<number, readonly HostTensor[]> } {
  const seen = new Map<number, readonly HostTensor[]>();
  const metric: Metric = {
    name: "boxes",
    direction: "higher_better",
    start() {
      let count = 0;
      return {
        add({ index, outputs }) {
          seen.set(index, outputs);
          count += outputs[0]!.shape[0]!;
          return outputs[0]!.shape[0]!;
        },
        value: () => count,
      };
    },
  };
  return { metric, seen };
}

async function evaluate(model: Model, batchSize?: number) {
  using runtime = await Runtime.open();
  const { metric, seen } = recorder();
  const result = await evaluateModel(runtime, model, dataset, { metrics: [metric], batchSize });
  return { seen, ...result };
}

/** Fails where ONNX Runtime gives other boxes or scores for a sample. */
async function assertAsOnnxRuntime(model: Model, seen: ReadonlyMap<number, readonly HostTensor[]>, absolute: number) {
  // The oracle takes no int64 outputs.
  const graph = { ...model.graph, outputs: model.graph.outputs.filter(({ dtype }) => dtype === "float32") };
  const counts = new Set<number>();
  for (let index = 0; index < SAMPLES; index++) {
    const expected = await runInOnnxRuntime(graph, sampleOf(index), "disabled");
    const [boxes, scores] = seen.get(index)!;
    assertClose(boxes!, expected.get("boxes")!, { relative: 1e-4, absolute }, `boxes of sample ${index}`);
    assertClose(scores!, expected.get("scores")!, { relative: 1e-4, absolute }, `scores of sample ${index}`);
    counts.add(boxes!.shape[0]!);
  }
  assert.ok(counts.size > 1, "samples differ in their number of boxes");
}

Deno.test(
  "evaluateModel() gives metrics the boxes that ONNX Runtime finds, whatever the batch size",
  needsGpu,
  async () => {
    const model = await loadModel(new Uint8Array(fileOf(detector())));
    const { seen, batchSize, notes } = await evaluate(model, 4);
    assert.equal(batchSize, 4);
    assert.match(notes.join(), /NonMaxSuppression node "[^"]+" and the \d+ nodes behind it run on the host/);
    await assertAsOnnxRuntime(model, seen, 1e-5);
    const alone = await evaluate(model, 1);
    assert.deepEqual(seen, alone.seen);
  },
);

Deno.test("evaluateModel() leaves outputs whole that have no batch axis", needsGpu, async () => {
  const { seen } = await evaluate(await loadModel(new Uint8Array(fileOf(detector()))));
  assert.deepEqual(seen.get(0)!.map(({ shape }) => shape.length), [2, 1, 1]);
});

Deno.test(
  "quantizeModel() exports a detector whole, and ONNX Runtime finds the same boxes in it",
  needsGpu,
  async () => {
    const model = await loadModel(new Uint8Array(fileOf(detector())));
    const { metric } = recorder();
    const options: QuantizeOptions = { algorithm: "DefaultQuantization", dataset, metrics: [metric] };
    using runtime = await Runtime.open();
    const result = await quantizeModel(runtime, model, options);
    const exported = await loadModel(new Uint8Array(result.bytes));
    const types = exported.graph.nodes.map(({ type }) => type);
    assert.ok(types.includes("QuantizeLinear") && types.includes("NonMaxSuppression"));
    assert.deepEqual(exported.graph.inputs, model.graph.inputs);
    assert.deepEqual(exported.graph.outputs, model.graph.outputs);
    const again = await evaluate(exported);
    assert.equal(again.values["boxes"], result.values["boxes"]);
    await assertAsOnnxRuntime(exported, again.seen, 1e-4);
  },
);

Deno.test("quantizeModel() hands whole networks to the caller's own evaluation", needsGpu, async () => {
  const model = await loadModel(new Uint8Array(fileOf(detector())));
  const shapes = new Set<string>();
  const options: QuantizeOptions = {
    algorithm: "DefaultQuantization",
    dataset,
    metrics: [],
    evaluate: {
      sampleCount: SAMPLES,
      metrics: [{ name: "boxes", direction: "higher_better" }],
      async evaluate(network, indices) {
        const counts = new Float64Array(indices.length);
        for (const [position, index] of indices.entries()) {
          const [boxes] = await network.run(Object.fromEntries(sampleOf(index)));
          shapes.add(boxes!.shape.join());
          counts[position] = boxes!.shape[0]!;
        }
        return { values: { boxes: counts.reduce((sum, count) => sum + count, 0) }, perSample: { boxes: counts } };
      },
    },
  };
  using runtime = await Runtime.open();
  await quantizeModel(runtime, model, options);
  assert.ok(shapes.size > 1 && [...shapes].every((shape) => shape.endsWith(",4")), [...shapes].join(" "));
});

Deno.test("inspectModel() knows what runs on the host, and groups the rest", async () => {
  const found = inspectModel(await loadModel(new Uint8Array(fileOf(detector()))));
  assert.equal(found.problem, undefined);
  assert.ok(found.operators.every(({ isSupported }) => isSupported));
  const onHost = (type: string) => found.operators.find((one) => one.type === type)?.onHost;
  assert.deepEqual([onHost("NonMaxSuppression"), onHost("Conv"), onHost("GatherND")], [1, 0, 1]);
  assert.ok(found.groups?.some(({ nodes, macs }) => nodes.some((name) => name.startsWith("conv")) && macs > 0));
});
