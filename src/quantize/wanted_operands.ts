/** Which operands the quantizable operators of a graph want quantized. */
import type { Node } from "../graph/graph.ts";
import type { Edge, GraphView } from "./graph_view.ts";
import { isScaleShift } from "./scale_patterns.ts";
import type { QuantizableOperator } from "./targets.ts";

/** Node → operands that it wants quantized, in graph order. */
export function wantedOperands(
  view: GraphView,
  operatorOf: (node: Node) => QuantizableOperator | undefined,
): Map<string, readonly Edge[]> {
  const wanted = new Map<string, readonly Edge[]>();
  for (const node of view.nodes) {
    const operator = node.domain === "" ? operatorOf(node) : undefined;
    if (!operator) continue;
    const edges = (operator.inputs ?? node.inputs.map((_, input) => input))
      .filter((input) => (node.inputs[input] ?? "") !== "").map((input) => ({ node, input }))
      // A factor that goes with a summand stays float, as POT has it: it has an entry per channel, and codes are per tensor.
      .filter(({ input }) => !(isScaleShift(view, node) && view.isConstant(node.inputs[input])));
    if (isWorthQuantizing(view, edges)) wanted.set(node.name, edges);
  }
  return wanted;
}

/** All inputs can carry a quantizer, and not all are constant. */
function isWorthQuantizing(view: GraphView, edges: readonly Edge[]): boolean {
  const values = edges.map(({ node, input }) => node.inputs[input]!);
  return values.every((value) => view.isQuantizableValue(value)) && values.some((value) => !view.isConstant(value));
}
