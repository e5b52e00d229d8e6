/**
 * Quantizes a model within an allowed drop and writes it.
 *
 *     deno run -A examples/quantize.ts MODEL.onnx DATASET [OUTPUT.onnx [LIMIT]]
 */
import { accuracy, loadModel, openDataset, quantizeModel, Runtime } from "../mod.ts";

const [modelPath, datasetPath, output = "model.int8.onnx", limit] = Deno.args;
if (modelPath === undefined || datasetPath === undefined) throw new Error("Give a model and a dataset");

using runtime = await Runtime.open();
const model = await loadModel(modelPath);
const dataset = await openDataset(datasetPath);
const result = await quantizeModel(runtime, model, {
  dataset,
  metrics: [accuracy()],
  accuracy: { maximalDrop: 0.01, rankingSubsetSize: 100 },
  limit: limit === undefined ? undefined : Number(limit),
  onEvent: (event) => {
    if (event.kind === "step") console.error(event.step.action, event.group ?? "", event.step.drops);
  },
});
await Deno.writeFile(output, result.bytes);
const { reached, drops, reverted } = result.accuracy;
console.log(
  `${reached ? "Reached" : "Not reached"}: drop ${drops.accuracy}, in float: ${reverted.join(", ") || "none"}`,
);
dataset.close();
