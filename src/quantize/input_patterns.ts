/** The normalization of its input that a network begins with. */
import type { Node } from "../graph/graph.ts";
import type { GraphView } from "./graph_view.ts";
import { isArithmetic, operandBesideConstant } from "./operands.ts";

/** Operators that a network may convert and reorder its input with. */
const STEPS = new Set(["Cast", "Transpose", "Gather", "Slice"]);

/** Graph input [→ Cast, Transpose, reversal of channels] → arithmetic with constants: the network's own normalization. */
export function findPreprocessing(view: GraphView, node: Node): Node[] {
  if (!isArithmetic(node)) return [];
  let value = operandBesideConstant(view, node);
  for (let steps = 0; value !== undefined && steps < 6; steps++) {
    if (view.isGraphInput(value)) return [node];
    const producer = view.producer(value);
    if (!producer) return [];
    value = STEPS.has(producer.type)
      ? producer.inputs[0]
      : producer.type === "Concat"
      ? splitSource(view, producer)
      : isArithmetic(producer)
      ? operandBesideConstant(view, producer)
      : undefined;
  }
  return [];
}

/** What a Concat puts together again: the one value that all its inputs are pieces of. */
function splitSource(view: GraphView, concat: Node): string | undefined {
  const sources = concat.inputs.map((piece) => {
    const producer = view.producer(piece);
    return producer?.type === "Split" || producer?.type === "Slice" ? producer.inputs[0] : undefined;
  });
  return sources.every((source) => source === sources[0]) ? sources[0] : undefined;
}
