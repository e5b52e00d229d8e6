/** What metrics are shown when a network runs: reduced outputs, and those of the float network. */
import assert from "node:assert/strict";
import { evaluateModel, loadModel, quantizeModel, Runtime } from "../../mod.ts";
import { floatSquaredError, topAgreement } from "../../src/evaluate/agreement.ts";
import { meanMetric, type Metric } from "../../src/evaluate/metric.ts";
import { exportGraph } from "../../src/graph/export.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import { residualDataset, residualNetwork } from "../fixtures/residual_network.ts";
import { openTestGpu } from "../support/adapter.ts";

const probe = await openTestGpu();
probe?.destroy();

const dataset = residualDataset(13);
const loadResidual = () => loadModel(new Uint8Array(encodeModel(exportGraph(residualNetwork()))));

/** Mean of the class numbers that the network gives. */
function meanClass(name: string, reduction?: Metric["reduction"]): Metric {
  const metric = meanMetric(name, "higher_better", ({ outputs: [scores] }) => {
    if (scores!.shape.length === 0) return scores!.data[0]!;
    assert.equal(reduction, undefined, "scores were not reduced");
    return scores!.data.indexOf(Math.max(...scores!.data));
  });
  return { ...metric, ...(reduction ? { reduction } : {}) };
}

Deno.test({
  name: "evaluateModel() reduces outputs on the GPU for metrics that need no more",
  ignore: !probe,
  async fn() {
    using runtime = await Runtime.open();
    const reduced = meanClass("reduced", () => ({ kind: "arg_max", axis: 0 }));
    const model = await loadResidual();
    const { values } = await evaluateModel(runtime, model, dataset, { metrics: [meanClass("whole"), reduced] });
    assert.equal(values["reduced"], values["whole"]);
    assert.notEqual(values["whole"], 0);
    const alone = await evaluateModel(runtime, model, dataset, { metrics: [reduced], batchSize: 4 });
    assert.equal(alone.values["reduced"], values["whole"]);
  },
});

Deno.test({
  name: "quantizeModel() compares with the float network without labels",
  ignore: !probe,
  async fn() {
    using runtime = await Runtime.open();
    const model = await loadResidual();
    const metrics = [floatSquaredError(), topAgreement()];
    const unlabelled = { ...dataset, labels: undefined };
    const plain = await quantizeModel(runtime, model, {
      algorithm: "DefaultQuantization",
      dataset: unlabelled,
      metrics,
      batchSize: 4,
    });
    const error = plain.values["float_mse"]!;
    assert.ok(error > 0);
    // The exported model, compared with the float one from outside, gives the same.
    const exported = await loadModel(new Uint8Array(plain.bytes));
    const outside = await evaluateModel(runtime, exported, unlabelled, { metrics, reference: model });
    assert.ok(Math.abs(outside.values["float_mse"]! - error) < 1e-3 * error);
    assert.equal(outside.values["agreement"], plain.values["agreement"]);
    const careful = await quantizeModel(runtime, model, {
      dataset: unlabelled,
      metrics,
      accuracy: { maximalDrop: error / 4, dropType: "absolute" },
    });
    assert.equal(careful.accuracy.baseline["float_mse"], 0);
    assert.ok(careful.values["float_mse"]! <= error / 4);
  },
});

Deno.test({
  name: "evaluateModel() asks for the float network where a metric compares with it",
  ignore: !probe,
  async fn() {
    using runtime = await Runtime.open();
    await assert.rejects(
      evaluateModel(runtime, await loadResidual(), dataset, { metrics: [topAgreement()] }),
      /Cannot compute agreement: it compares with the float network, expected one as reference/,
    );
  },
});
