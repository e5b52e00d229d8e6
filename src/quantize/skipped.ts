/** Parts of a network that are never quantized whatever the operators: tails of detectors, padding with other than zero. */
import type { Node } from "../graph/graph.ts";
import type { GraphView } from "./graph_view.ts";

const SELECTION = new Set(["NonMaxSuppression", "TopK"]);

/** Names of the nodes before a NonMaxSuppression or TopK, up to operators with weights or reading constants. */
export function findDetectionTails(view: GraphView): Set<string> {
  const found = new Set<string>();
  const waiting = view.nodes.filter((node) => SELECTION.has(node.type));
  while (waiting.length > 0) {
    const node = waiting.pop()!;
    for (const value of node.inputs) {
      const producer = view.producer(value);
      if (!producer || found.has(producer.name) || readsConstant(view, producer)) continue;
      found.add(producer.name);
      waiting.push(producer);
    }
  }
  return found;
}

/** Constants of type integer are axes, sizes and indices, which operators that move values have too. */
function readsConstant(view: GraphView, node: Node): boolean {
  return node.inputs.some((value) => view.isConstant(value) && view.isQuantizableValue(value));
}

/** Whether a Pad fills with zeros or repeats values: a quantized zero is exactly zero, other constants fall between codes. */
export function zeroPads(view: GraphView, node: Node): boolean {
  const mode = node.attributes.get("mode")?.value ?? "constant";
  if (mode !== "constant") return true;
  const attribute = node.attributes.get("value")?.value;
  if (attribute !== undefined && attribute !== 0) return false;
  const filled = node.inputs[2] ?? "";
  if (filled === "") return true;
  const value = view.type(filled)?.value;
  return value !== undefined && value.every((entry) => entry === 0);
}
