/** The embedded network from file to verified int8 model: what Holdfast reports is what ONNX Runtime computes. */
import assert from "node:assert/strict";
import { measureParity } from "../../bench/ort_parity.ts";
import { accuracy, evaluateModel, loadModel, openDataset, quantizeModel, Runtime } from "../../mod.ts";
import { openTestGpu } from "../support/adapter.ts";

const FOLDER = new URL("../../models/fashion_mnist/", import.meta.url).pathname;
const MODEL = `${FOLDER}mobilenet_v3_fashion.onnx`;

/** Samples of the test set to use. */
const SAMPLES = 1000;

const probe = await openTestGpu();
probe?.destroy();

Deno.test({
  name: "evaluateModel() gives the embedded network's accuracy in ONNX Runtime to the last sample",
  ignore: !probe,
  async fn() {
    using runtime = await Runtime.open();
    const parity = await measureParity(runtime, MODEL, FOLDER, { limit: SAMPLES });
    assert.equal(parity.holdfast, parity.onnxRuntime);
    assert.equal(parity.agreement, 1);
    assert.ok(parity.maxRelativeError! < 1e-3, `outputs are off by ${parity.maxRelativeError}`);
  },
});

Deno.test({
  name: "quantizeModel() gives a QDQ model that ONNX Runtime executes to the same predictions",
  ignore: !probe,
  async fn() {
    using runtime = await Runtime.open();
    const model = await loadModel(MODEL);
    const dataset = await openDataset(FOLDER);
    const calibration = await openDataset(`${FOLDER}dataset.calibration.json`);
    try {
      const result = await quantizeModel(runtime, model, {
        algorithm: "DefaultQuantization",
        dataset,
        calibration,
        metrics: [accuracy()],
        statSubsetSize: 100,
        limit: SAMPLES,
      });
      const bytes = new Uint8Array(result.bytes);
      // The emulation inside the loop, and the exported file read back, are one computation.
      const again = await evaluateModel(runtime, await loadModel(bytes), dataset, {
        metrics: [accuracy()],
        limit: SAMPLES,
      });
      assert.equal(again.values["accuracy"], result.values["accuracy"]);
      assert.ok(bytes.length < 0.5 * model.byteLength, `${bytes.length} of ${model.byteLength} bytes`);
      const parity = await measureParity(runtime, bytes, FOLDER, { limit: SAMPLES });
      assert.ok(parity.agreement! >= 0.995, `top-1 agreement is ${parity.agreement}`);
      assert.ok(
        Math.abs(parity.onnxRuntime - result.values["accuracy"]!) <= 0.002,
        `${parity.onnxRuntime}`,
      );
    } finally {
      dataset.close();
      calibration.close();
    }
  },
});
