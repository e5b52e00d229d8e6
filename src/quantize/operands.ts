/** Shapes of subgraphs that several patterns look for. */
import type { Node } from "../graph/graph.ts";
import type { GraphView } from "./graph_view.ts";

/** Operators that move or reinterpret values without computing any. */
export const MOVEMENT: ReadonlySet<string> = new Set([
  "Reshape",
  "Transpose",
  "Gather",
  "Squeeze",
  "Unsqueeze",
  "Flatten",
  "Slice",
]);

/** Functions of one value that runtimes fuse into the operator before. */
export const ACTIVATIONS: ReadonlySet<string> = new Set([
  "Relu",
  "LeakyRelu",
  "PRelu",
  "Clip",
  "Elu",
  "Selu",
  "Celu",
  "Sigmoid",
  "HardSigmoid",
  "HardSwish",
  "Tanh",
  "Softplus",
  "Softsign",
  "Mish",
  "Gelu",
  "ThresholdedRelu",
]);

/** The activation among two operands of which the other is constant. */
export function operandBesideConstant(view: GraphView, node: Node): string | undefined {
  const [a, b] = node.inputs;
  if (a === undefined || b === undefined || node.inputs.length !== 2) return undefined;
  if (view.isConstant(b) && !view.isConstant(a)) return a;
  return view.isConstant(a) && !view.isConstant(b) ? b : undefined;
}
