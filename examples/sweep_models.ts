/**
 * Several drops for each of several models: how much of each network can compute in int8 for how much accuracy.
 *
 *     deno run -A examples/sweep_models.ts DATASET MODEL.onnx… [--limit=N]
 */
import { accuracy, loadModel, openDataset, Runtime, sweepQuantization } from "../mod.ts";

const DROPS = [0.001, 0.005, 0.02];

const limit = Deno.args.find((arg) => arg.startsWith("--limit="))?.slice("--limit=".length);
const [datasetPath, ...modelPaths] = Deno.args.filter((arg) => !arg.startsWith("--"));
if (datasetPath === undefined || modelPaths.length === 0) throw new Error("Give a dataset and models");

using runtime = await Runtime.open();
const dataset = await openDataset(datasetPath);
console.log("model,maximal_drop,reached,drop,int8_macs,bytes");
for (const path of modelPaths) {
  const model = await loadModel(path);
  const entries = await sweepQuantization(runtime, model, DROPS, {
    dataset,
    metrics: [accuracy()],
    accuracy: { rankingSubsetSize: 50 },
    limit: limit === undefined ? undefined : Number(limit),
  });
  for (const { maximalDrop, result: { accuracy: outcome, bytes } } of entries) {
    const { reached, drops, floatMacs } = outcome;
    console.log([model.name, maximalDrop, reached, drops.accuracy, 1 - floatMacs, bytes.length].join());
  }
}
dataset.close();
