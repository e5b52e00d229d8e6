/** What a quantization tells of its layers, against the comparison of the model files. */
import assert from "node:assert/strict";
import { compareModels, loadModel, quantizeModel, type QuantizeOptions, Runtime } from "../../mod.ts";
import { FLOAT } from "../../src/base/precision.ts";
import { smallModel, smallOptions } from "../fixtures/small_problem.ts";
import { openTestGpu } from "../support/adapter.ts";

const probe = await openTestGpu();
const hasTimestamps = probe?.device.features.has("timestamp-query") ?? false;
probe?.destroy();
const needsGpu = { ignore: !probe };
const model = await smallModel();

async function quantize(options: QuantizeOptions) {
  using runtime = await Runtime.open();
  const result = await quantizeModel(runtime, model, options);
  const exported = await loadModel(new Uint8Array(result.bytes));
  const { layers } = await compareModels(runtime, model, exported, result.dataset, { limit: 32 });
  return { result, compared: new Map(layers.map(({ node, sqnr }) => [node, sqnr])) };
}

Deno.test("quantizeModel() gives every layer's noise as compareModels() finds it in the files", needsGpu, async () => {
  const { result, compared } = await quantize(smallOptions({ maximalDrop: 1 }));
  assert.ok(result.assignment.every((state) => state !== FLOAT));
  const convolution = result.layers.find(({ name }) => name === "conv2")?.sqnr ?? NaN;
  assert.ok(convolution > 10 && convolution < 60, `${convolution} dB`);
  for (const { name, sqnr } of result.layers) {
    assert.ok(Math.abs((sqnr ?? NaN) - compared.get(name)!) < 1e-3, `${name}: ${sqnr} and ${compared.get(name)} dB`);
  }
});

Deno.test("quantizeModel() finds no noise in layers before the first in int8", needsGpu, async () => {
  const holds = { keepFloat: ["conv1"], keepInt8: [] };
  const { result } = await quantize({ ...smallOptions({ maximalDrop: 1 }), holds });
  const ratio = (layer: string) => result.layers.find(({ name }) => name === layer)?.sqnr;
  assert.equal(ratio("conv1"), Infinity);
  assert.ok(ratio("conv2")! < 60);
});

Deno.test({
  name: "quantizeModel() times every layer with a kernel of its own in both precisions",
  ignore: !hasTimestamps,
  async fn() {
    const { result: { layers } } = await quantize(smallOptions({ maximalDrop: 1 }));
    for (const { name, type, time } of layers) {
      const isFused = type === "Relu" || type === "Flatten";
      assert.equal(time === undefined, isFused, name);
      assert.ok(isFused || (time!.float > 0 && time!.final > 0), `${name}: ${JSON.stringify(time)}`);
    }
  },
});

Deno.test("quantizeModel() measures no layers where the caller does not ask for it", needsGpu, async () => {
  const { result } = await quantize({ ...smallOptions({ maximalDrop: 1 }), measureLayers: false });
  assert.equal(result.seconds.measure, 0);
  assert.deepEqual(result.layers.flatMap(({ sqnr, time }) => sqnr ?? time ?? []), []);
});
