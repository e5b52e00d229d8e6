/** Coordinates of detectors: how far boxes lie from each other is more than 8 bits can say. */
import type { Node } from "../graph/graph.ts";
import type { GraphView } from "./graph_view.ts";
import { MOVEMENT, operandBesideConstant } from "./operands.ts";

/** Operators that cut regions out of a feature map, OpenVINO's own among them. */
const REGION_FEATURES = new Set([
  "RoiAlign",
  "MaxRoiPool",
  "ExperimentalDetectronROIFeatureExtractor",
  "ExperimentalDetectronDetectionOutput",
]);

/** Operators that choose among boxes. */
const SELECTION = new Set(["NonMaxSuppression", "TopK"]);

/** What stands between a choice and the boxes that it is applied to. */
const INDEX_STEPS = new Set([...MOVEMENT, "Cast", "Split", "Concat"]);
const LONGEST_INDEX = 8;

/**
 * Sub → Mul → Mul by a constant → Add → Unsqueeze → Concat → Concat with a constant column, the index in the batch → Reshape → Conv:
 * boxes on their way to where features are sampled. Several coordinates may meet in the first Concat.
 */
export function findBatchIndex(view: GraphView, conv: Node): Node[] {
  const reshape = conv.type === "Conv" ? producerOf(view, conv.inputs[0], "Reshape") : undefined;
  const indexed = reshape && producerOf(view, reshape.inputs[0], "Concat");
  if (!indexed || !indexed.inputs.some((value) => view.isConstant(value))) return [];
  const joined = indexed.inputs.flatMap((value) => producerOf(view, value, "Concat") ?? []);
  const found = joined.flatMap((concat) => {
    const coordinates = concat.inputs.flatMap((value) => coordinateChain(view, value));
    return coordinates.length > 0 ? [...coordinates, concat] : [];
  });
  return found.length > 0 ? [...found, indexed, reshape!, conv] : [];
}

/** Sub → Mul → Mul by a constant → Add → Unsqueeze, from below; empty where it is something else. */
function coordinateChain(view: GraphView, value: string): Node[] {
  const unsqueeze = producerOf(view, value, "Unsqueeze");
  const shift = unsqueeze && producerOf(view, unsqueeze.inputs[0], "Add");
  for (const summand of shift?.inputs ?? []) {
    const scale = producerOf(view, summand, "Mul");
    const scaled = scale && operandBesideConstant(view, scale);
    const product = producerOf(view, scaled, "Mul");
    for (const factor of product?.inputs ?? []) {
      const difference = producerOf(view, factor, "Sub");
      if (difference) return [difference, product!, scale!, shift!, unsqueeze!];
    }
  }
  return [];
}

/** Features of regions, or boxes that were chosen → Add of a constant. */
export function findRegionShift(view: GraphView, node: Node): Node[] {
  const source = node.type === "Add" ? operandBesideConstant(view, node) : undefined;
  const producer = source === undefined ? undefined : view.producer(source);
  if (!producer) return [];
  if (REGION_FEATURES.has(producer.type)) return [node];
  const isChosen = (producer.type === "Gather" || producer.type === "GatherND") &&
    comesFromSelection(view, producer.inputs[1]!);
  return isChosen ? [node] : [];
}

/** Whether indices are those that a selection gave. */
function comesFromSelection(view: GraphView, indices: string): boolean {
  let value: string | undefined = indices;
  for (let steps = 0; value !== undefined && steps < LONGEST_INDEX; steps++) {
    const node = view.producer(value);
    if (!node) return false;
    if (SELECTION.has(node.type)) return true;
    value = INDEX_STEPS.has(node.type) ? node.inputs[0] : undefined;
  }
  return false;
}

function producerOf(view: GraphView, value: string | undefined, type: string): Node | undefined {
  const producer = value === undefined ? undefined : view.producer(value);
  return producer?.type === type && producer.domain === "" ? producer : undefined;
}
