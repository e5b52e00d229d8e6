/**
 * A metric of one's own: the mean number of classes that the network likes better than the right one. Lower is better.
 *
 *     deno run -A cli.ts evaluate MODEL.onnx --dataset DATASET --metric examples/custom_metric.ts
 *     deno run -A cli.ts quantize MODEL.onnx --dataset DATASET --metric examples/custom_metric.ts --maximal-drop 0.01
 */
import { meanMetric } from "../mod.ts";

export default meanMetric("rank_of_truth", "lower_better", ({ outputs, label }) => {
  const scores = outputs[0]?.data;
  if (!scores || typeof label !== "number") return NaN;
  const own = scores[label] ?? -Infinity;
  return Array.from(scores).filter((score) => score > own).length;
});
