/**
 * Which groups of layers suffer in int8, by accuracy and by three distances of the outputs to the float network's. Distances tell
 * groups apart that the accuracy over a few samples finds equal; where they agree, a result can be trusted.
 *
 *     deno run -A examples/sensitivity.ts MODEL.onnx DATASET [LIMIT]
 */
import { accuracy, formatTable, loadModel, openDataset, rankModel, Runtime } from "../mod.ts";

const METHODS = ["metric", "kl", "nmse", "cosine"] as const;

const [modelPath, datasetPath, limit] = Deno.args;
if (modelPath === undefined || datasetPath === undefined) throw new Error("Give a model and a dataset");

using runtime = await Runtime.open();
const model = await loadModel(modelPath);
const dataset = await openDataset(datasetPath);
const ranks = new Map<string, number[]>();
for (const ranking of METHODS) {
  const { groups } = await rankModel(runtime, model, {
    dataset,
    metrics: [accuracy()],
    accuracy: { ranking, rankingSubsetSize: 50 },
    limit: limit === undefined ? undefined : Number(limit),
  });
  for (const { group, rank } of groups) ranks.set(group, [...ranks.get(group) ?? [], rank]);
}
const sum = (list: readonly number[]) => list.reduce((total, rank) => total + rank, 0);
const rows = [...ranks].sort(([, a], [, b]) => sum(a) - sum(b));
console.log(formatTable([["group", ...METHODS], ...rows.map(([group, places]) => [group, ...places])]));
dataset.close();
