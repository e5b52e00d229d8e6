/** What can be said against a quantization before anything is calibrated. */
import { DatasetError, ModelError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Metric } from "../evaluate/metric.ts";
import type { Model } from "./model.ts";
import { quantizingNode, vectorLength } from "./init/network_facts.ts";

/** Throws ModelError for a network whose activations are quantized already: its codes would be quantized once more. */
export function refuseQuantized({ name, graph }: Model): void {
  const node = quantizingNode(graph);
  if (!node) return;
  throw new ModelError(
    `Cannot quantize ${name}: it is quantized already (${node.type} node "${node.name}"), expected the float network`,
  );
}

/** Throws ModelError where nothing is left to quantize. `skipped` has quantizable layers that stay in float, and why. */
export function refuseWithoutGroups(
  { name, graph }: Model,
  groups: readonly unknown[],
  skipped: ReadonlyMap<string, string>,
): void {
  if (groups.length > 0) return;
  const [left] = skipped;
  const types = [...new Set(graph.nodes.map(({ type }) => type))].sort().join(", ");
  const found = left === undefined
    ? `it has ${types}, expected a layer that int8 computes, such as Conv, Gemm or MatMul`
    : `all its layers stay in float, "${left[0]}" for one: ${left[1]}`;
  throw new ModelError(`Cannot quantize ${name}: ${found}`);
}

/** Metrics of the project that read labels as places in the output. */
const CLASS_METRICS = /^(accuracy|f1|mcc|mean_accuracy)/;

/** Throws DatasetError where a metric cannot use the labels, or labels are no outputs of the network. */
export function checkLabels({ graph }: Model, dataset: Dataset, metrics: readonly Metric[]): void {
  for (const metric of metrics) metric.start(dataset);
  const outputs = vectorLength(graph.outputs[0]);
  if (dataset.labels?.kind !== "classes" || outputs === undefined || outputs < 2) return;
  if (!metrics.some(({ name }) => CLASS_METRICS.test(name))) return;
  const { values } = dataset.labels;
  const index = values.findIndex((value) => value >= outputs);
  if (index < 0) return;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const isFromOne = low > 0 && high === outputs;
  throw new DatasetError(
    `Cannot use labels of dataset "${dataset.name}": sample "${dataset.sampleName(index)}" has ${
      values[index]
    }, expected 0 to ${outputs - 1} (outputs of the network)${
      isFromOne ? '; they seem to count from 1, which "label_offset": -1 in dataset.json makes good' : ""
    }`,
  );
}
