/**
 * Arithmetic that gains nothing from quantized operands: without weights, and read by float operators alone, or dividing by
 * an activation. QDQ runtimes compute a sum or product in integers only where its result is quantized again, and a quotient
 * never; elsewhere they dequantize first, and the quantizers on the operands cost accuracy and time. A divisor costs most:
 * what counts there is its relative error. POT quantizes all of it nevertheless.
 */
import type { Node } from "../graph/graph.ts";
import type { Edge, GraphView } from "./graph_view.ts";
import { operandKey } from "./groups.ts";
import { ACTIVATIONS } from "./operands.ts";

const ARITHMETIC = new Set(["Add", "Sub", "Mul", "Div"]);

/** Names of lone nodes among those that want quantized operands. `wanted`: node → its quantizable operands. */
export function findLone(
  view: GraphView,
  wanted: ReadonlyMap<string, readonly Edge[]>,
  isAgnostic: (node: Node) => boolean,
): Set<string> {
  const lone = new Set<string>();
  const covered = new Set(
    [...wanted.values()].flatMap((edges) => edges.map(({ node, input }) => operandKey(node.name, input))),
  );
  const hasQuantizedReader = (value: string): boolean =>
    view.escapes(value) ||
    view.consumers(value).some(({ node, input }) =>
      wanted.has(node.name)
        ? !lone.has(node.name) && covered.has(operandKey(node.name, input))
        : (isAgnostic(node) || ACTIVATIONS.has(node.type)) && node.outputs.some(hasQuantizedReader)
    );
  // Backwards, so that a chain of lone nodes is found as a whole.
  for (const node of [...view.nodes].reverse()) {
    if (!wanted.has(node.name) || !ARITHMETIC.has(node.type)) continue;
    if (dividesByActivation(view, node) || !node.outputs.some(hasQuantizedReader)) lone.add(node.name);
  }
  return lone;
}

function dividesByActivation(view: GraphView, node: Node): boolean {
  return node.type === "Div" && !view.isConstant(node.inputs[1]);
}
