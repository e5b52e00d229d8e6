/** Normalizations in their parts: what is averaged, squared and divided is too sensitive for codes. */
import type { Node } from "../graph/graph.ts";
import type { GraphView } from "./graph_view.ts";
import { isWeighted, operandBesideConstant } from "./operands.ts";

/** MeanVarianceNormalization → scale-shift, LpNormalization → Mul. */
export function findNormalizationScale(view: GraphView, node: Node): Node[] {
  if (node.type !== "MeanVarianceNormalization" && node.type !== "LpNormalization") return [];
  const scale = view.onlyConsumer(node.outputs[0]!);
  if (scale?.type !== "Mul") return [];
  const shift = view.onlyConsumer(scale.outputs[0]!);
  return shift?.type === "Add" && operandBesideConstant(view, shift) !== undefined ? [scale, shift] : [scale];
}

/** (x − mean) / √(mean((x − mean)²) + ε) [· scale] [+ shift], as written out before opset 17. */
export function findLayerNormalization(view: GraphView, division: Node): Node[] {
  if (division.type !== "Div" && division.type !== "Mul") return [];
  const [centered, deviation] = division.inputs.map((value) => view.producer(value));
  if (centered?.type !== "Sub" || !deviation) return [];
  const mean = view.producer(centered.inputs[1]!);
  if (mean?.type !== "ReduceMean" || mean.inputs[0] !== centered.inputs[0]) return [];
  const below = climb(view, deviation, new Set(["Sqrt", "Reciprocal", "Div", "Pow", "Add"]));
  const variance = below && view.producer(below.from);
  if (variance?.type !== "ReduceMean") return [];
  const square = view.producer(variance.inputs[0]!);
  const isSquare = square !== undefined && (square.type === "Pow" || square.type === "Mul");
  // Exporters may compute the difference twice.
  const difference = isSquare ? view.producer(square.inputs[0]!) : undefined;
  if (!difference || difference.type !== "Sub" || difference.inputs[0] !== centered.inputs[0]) return [];
  return [mean, centered, difference, square!, variance, ...below!.nodes, division, ...scaleShiftAfter(view, division)];
}

/** Exp → ReduceSum → Div, or → Reciprocal|Pow → Mul. */
export function findSoftmaxParts(view: GraphView, quotient: Node): Node[] {
  if (quotient.type !== "Div" && quotient.type !== "Mul") return [];
  for (const [data, other] of [[0, 1], [1, 0]] as const) {
    const exponential = view.producer(quotient.inputs[data]!);
    if (exponential?.type !== "Exp") continue;
    let divisor = view.producer(quotient.inputs[other]!);
    const inverse = divisor?.type === "Reciprocal" || divisor?.type === "Pow" ? divisor : undefined;
    if (inverse) divisor = view.producer(inverse.inputs[0]!);
    const isSum = divisor?.type === "ReduceSum" && divisor.inputs[0] === quotient.inputs[data];
    if (isSum) return inverse ? [inverse, divisor!, quotient] : [divisor!, quotient];
  }
  return [];
}

/** x / √(sum of x²) [with a floor or ε below the root or behind it]: what POT knows as NormalizeL2. */
export function findUnitVector(view: GraphView, division: Node): Node[] {
  if (division.type !== "Div") return [];
  const [data, length] = division.inputs as [string, string];
  const behind: Node[] = [];
  let root = view.producer(length);
  while (root && (root.type === "Clip" || root.type === "Add" || root.type === "Max" || root.type === "Expand")) {
    behind.push(root);
    root = view.producer(root.inputs[0]!);
  }
  if (root?.type === "ReduceL2" && root.inputs[0] === data) return [root, ...behind, division];
  const below = root && climb(view, root, new Set(["Sqrt", "Add", "Max", "Clip", "Pow"]));
  const sum = below && view.producer(below.from);
  if (sum?.type !== "ReduceSum") return [];
  const square = view.producer(sum.inputs[0]!);
  const isSquare = square?.type === "Pow" || (square?.type === "Mul" && square.inputs[1] === square.inputs[0]);
  return isSquare && square.inputs[0] === data ? [square, sum, ...below!.nodes, ...behind, division] : [];
}

/** Gemm or MatMul → Unsqueeze → Mul → Add → Squeeze: BatchNorm1d. */
export function findFlatNormalization(view: GraphView, unsqueeze: Node): Node[] {
  if (unsqueeze.type !== "Unsqueeze") return [];
  const source = view.producer(unsqueeze.inputs[0]!);
  if (!source || !isWeighted(view, source)) return [];
  const [scale, shift] = scaleShiftAfter(view, unsqueeze);
  const squeeze = shift && view.onlyConsumer(shift.outputs[0]!);
  return squeeze?.type === "Squeeze" ? [unsqueeze, scale!, shift!] : [];
}

function scaleShiftAfter(view: GraphView, node: Node): Node[] {
  const scale = view.onlyConsumer(node.outputs[0]!);
  if (scale?.type !== "Mul" || operandBesideConstant(view, scale) === undefined) return [];
  const shift = view.onlyConsumer(scale.outputs[0]!);
  return shift?.type === "Add" && operandBesideConstant(view, shift) !== undefined ? [scale, shift] : [scale];
}

/** Walks up single-source nodes of the given types; `from` is the value above them. */
function climb(view: GraphView, node: Node, types: ReadonlySet<string>): { nodes: Node[]; from: string } | undefined {
  const nodes: Node[] = [];
  let current: Node | undefined = node;
  let from = "";
  while (current && types.has(current.type)) {
    nodes.push(current);
    const source: string | undefined = current.inputs.length === 1
      ? current.inputs[0]
      : operandBesideConstant(view, current);
    if (source === undefined) return undefined;
    from = source;
    current = view.producer(source);
  }
  return nodes.length > 0 ? { nodes, from } : undefined;
}
