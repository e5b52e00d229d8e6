/** Sums and products with constants that runtimes fuse into the operator before them. */
import type { Node } from "../graph/graph.ts";
import { gateOf } from "./gate_patterns.ts";
import type { GraphView } from "./graph_view.ts";
import { ACTIVATIONS, isArithmetic, isWeighted, operandBesideConstant } from "./operands.ts";

/** MatMul, Conv, … → Add of a constant: the addition is its bias. */
export function findBias(view: GraphView, node: Node): Node[] {
  const source = operandBesideConstant(view, node);
  const producer = source === undefined ? undefined : view.producer(source);
  const isBias = node.type === "Add" && producer && isWeighted(view, producer) && view.onlyConsumer(source!) === node;
  return isBias ? [node] : [];
}

/** Mul → Add of a constant: the addition goes with the product. */
export function findShift(view: GraphView, node: Node): Node[] {
  const source = operandBesideConstant(view, node);
  return node.type === "Add" && source !== undefined && view.producer(source)?.type === "Mul" ? [node] : [];
}

/** Weights [→ bias] [→ activation] → elementwise operators with constants, all read once: fused into the weights' kernel. */
export function findFusedEltwise(view: GraphView, node: Node): Node[] {
  const source = isArithmetic(node) ? operandBesideConstant(view, node) : undefined;
  if (source === undefined) return [];
  let value = source;
  for (let steps = 0; steps < 4; steps++) {
    const producer = view.producer(value);
    if (!producer || !hasOneReader(view, value)) return [];
    if (isWeighted(view, producer)) return [node];
    const before = ACTIVATIONS.has(producer.type)
      ? producer.inputs[0]
      : gateSource(view, producer) ?? eltwiseSource(view, producer);
    if (before === undefined) return [];
    value = before;
  }
  return [];
}

/** Whether one node reads a value, or one gate, which is a single operator where POT looks at it. */
function hasOneReader(view: GraphView, value: string): boolean {
  if (view.onlyConsumer(value) !== undefined) return true;
  const readers = view.consumers(value).map((edge) => edge.node);
  const gate = readers.map((reader) => gateOf(view, reader)).find((nodes) => nodes !== undefined);
  return gate !== undefined && !view.escapes(value) && readers.every((reader) => gate.includes(reader));
}

/** What goes into the gate that ends with a node; undefined where none does. */
function gateSource(view: GraphView, end: Node): string | undefined {
  const scaled = operandBesideConstant(view, end);
  const product = scaled === undefined ? end : view.producer(scaled);
  const gate = product && gateOf(view, product);
  if (gate?.at(-1) !== end) return undefined;
  return product!.inputs.find((value) => !gate.some((node) => node.outputs.includes(value)));
}

function eltwiseSource(view: GraphView, node: Node): string | undefined {
  return node.type === "Add" || isScaleShift(view, node) ? operandBesideConstant(view, node) : undefined;
}

/** Whether a node multiplies by a constant what a following node adds a constant to. */
export function isScaleShift(view: GraphView, node: Node): boolean {
  if (node.type !== "Mul" || operandBesideConstant(view, node) === undefined) return false;
  const next = view.onlyConsumer(node.outputs[0]!);
  return next?.type === "Add" && operandBesideConstant(view, next) !== undefined;
}

/** Add → Mul by a constant → Add of a constant → graph output. */
export function findResultScale(view: GraphView, shift: Node): Node[] {
  if (shift.type !== "Add" || !view.escapes(shift.outputs[0]!)) return [];
  const scaled = operandBesideConstant(view, shift);
  const scale = scaled === undefined ? undefined : view.producer(scaled);
  const source = scale?.type === "Mul" ? operandBesideConstant(view, scale) : undefined;
  return source !== undefined && view.producer(source)?.type === "Add" ? [scale!, shift] : [];
}

/** Clip → Mul by a constant. */
export function findClipScale(view: GraphView, node: Node): Node[] {
  const source = node.type === "Mul" ? operandBesideConstant(view, node) : undefined;
  return source !== undefined && view.producer(source)?.type === "Clip" ? [node] : [];
}
