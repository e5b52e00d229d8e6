/** Where the channels of a value can be divided at no cost: in constants that the value is made with. */
import type { Node } from "../graph/graph.ts";
import type { GraphView } from "./graph_view.ts";
import { operandBesideConstant } from "./operands.ts";

/** A constant operand to divide, channels along `axis`. */
export interface Division {
  readonly node: Node;
  readonly input: number;
  readonly axis: number;
}

/** Functions f with f(x / s) = f(x) / s for positive s. */
const HOMOGENEOUS = new Set(["Relu", "LeakyRelu", "Identity", "Dropout"]);

/**
 * The constants whose division by one factor per channel divides the last axis of `value`; undefined where there are none, or where
 * others than `readers` would see it.
 */
export function findDivisions(view: GraphView, value: string, readers: readonly Node[]): Division[] | undefined {
  const channels = view.type(value)!.shape.at(-1)!;
  const divisions: Division[] = [];
  let current = value;
  let below = readers;
  while (readsAlone(view, current, below)) {
    const node = view.producer(current);
    if (!node || node.domain !== "") return undefined;
    const step = stepOver(view, node, channels);
    if (!step) return undefined;
    divisions.push(...step.divisions);
    if (step.from === undefined) return divisions;
    current = step.from;
    below = [node];
  }
  return undefined;
}

/** What to divide of a node, and the input that must be divided too; undefined where a product takes all. */
interface Step {
  readonly divisions: readonly Division[];
  readonly from: string | undefined;
}

function stepOver(view: GraphView, node: Node, channels: number): Step | undefined {
  if (HOMOGENEOUS.has(node.type)) return { divisions: [], from: node.inputs[0] };
  switch (node.type) {
    case "LayerNormalization":
      return normalizationStep(view, node, channels);
    case "MatMul":
    case "Gemm":
      return productStep(view, node, channels);
    case "Mul":
    case "Add":
    case "Sub":
      return arithmeticStep(view, node, channels);
    default:
      return undefined;
  }
}

/** Scale and bias take all of it, whatever axes are normalized. */
function normalizationStep(view: GraphView, node: Node, channels: number): Step | undefined {
  const found = vectorDivisions(view, node, [1, 2], channels);
  return found && { ...found, from: undefined };
}

/** Columns of the weights and the bias take all of it. */
function productStep(view: GraphView, node: Node, channels: number): Step | undefined {
  const weights = view.weightInput(node) === 1 ? view.type(node.inputs[1]!) : undefined;
  if (weights?.dtype !== "float32" || weights.shape.length !== 2) return undefined;
  const bias = vectorDivisions(view, node, [2], channels);
  const axis = node.attributes.get("transB")?.value === 1 ? 0 : 1;
  return bias && { divisions: [{ node, input: 1, axis }, ...bias.divisions], from: undefined };
}

/** A factor takes all of it; a summand takes its part, the other one must take its own. */
function arithmeticStep(view: GraphView, node: Node, channels: number): Step | undefined {
  const from = operandBesideConstant(view, node);
  // A constant that makes the value larger than the other operand would not leave the channels where they are.
  if (from === undefined || view.type(from)!.shape.at(-1) !== channels) return undefined;
  const found = vectorDivisions(view, node, [node.inputs[0] === from ? 1 : 0], channels);
  return found && { ...found, from: node.type === "Mul" ? undefined : from };
}

/** Divisions of operands that are absent or have one entry per channel along their last axis; undefined where one is neither. */
function vectorDivisions(
  view: GraphView,
  node: Node,
  inputs: readonly number[],
  channels: number,
): { readonly divisions: Division[] } | undefined {
  const divisions: Division[] = [];
  for (const input of inputs) {
    const name = node.inputs[input] ?? "";
    if (name === "") continue;
    const type = view.isConstant(name) ? view.type(name) : undefined;
    if (type?.dtype !== "float32" || type.shape.at(-1) !== channels) return undefined;
    if (type.shape.slice(0, -1).some((extent) => extent !== 1)) return undefined;
    divisions.push({ node, input, axis: type.shape.length - 1 });
  }
  return { divisions };
}

/** Matrix products must read it as their activation; other nodes are only asked for where they have no other operand but constants. */
function readsAlone(view: GraphView, value: string, readers: readonly Node[]): boolean {
  return !view.escapes(value) &&
    view.consumers(value).every(({ node, input }) =>
      readers.includes(node) && (input === 0 || (node.type !== "MatMul" && node.type !== "Gemm"))
    );
}
