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

const WEIGHTED = new Set(["Conv", "ConvTranspose", "MatMul", "Gemm"]);

/** Whether a node sums products with constant weights. */
export function isWeighted(view: GraphView, node: Node): boolean {
  return WEIGHTED.has(node.type) && view.weightInput(node) !== undefined;
}

/** Whether a node is one of the four operations of arithmetic. */
export function isArithmetic(node: Node): boolean {
  return node.type === "Add" || node.type === "Sub" || node.type === "Mul" || node.type === "Div";
}
