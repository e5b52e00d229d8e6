/** Subgraphs of attention that stay in float: masks, and what stands between softmax and the product with the values. */
import { isFloat } from "../base/tensor.ts";
import type { Node } from "../graph/graph.ts";
import type { GraphView } from "./graph_view.ts";
import { MOVEMENT, operandBesideConstant } from "./operands.ts";

/**
 * Magnitude from which a constant is taken for a mask's "minus infinity": no logit comes near it, yet exporters write anything
 * from −10 000 (BERT, for float16) to the lowest float.
 */
const MASK_MAGNITUDE = 9999;

/** Steps that a mask may take from its constant to the logits. */
const LONGEST_MASK = 8;

const MASK_MOVEMENT = new Set([...MOVEMENT, "Cast", "Expand", "Tile"]);
const MASK_ARITHMETIC = new Set(["Mul", "Div", "Add", "Sub", "Where"]);

/** Softmax → Reshape|Transpose|Gather … → MatMul of two activations. */
export function findAttention(view: GraphView, softmax: Node): Node[] {
  if (softmax.type !== "Softmax") return [];
  let next = view.onlyConsumer(softmax.outputs[0]!);
  const moves: Node[] = [];
  while (next && MOVEMENT.has(next.type)) {
    moves.push(next);
    next = view.onlyConsumer(next.outputs[0]!);
  }
  const isAttention = moves.length > 0 && next?.type === "MatMul" && view.weightInput(next) === undefined;
  return isAttention ? [...moves, next!] : [];
}

/**
 * Sum → Reshape → Transpose → MatMul with what comes straight from Softmax: values projected for several heads. POT leaves the product
 * in float, and the bias with what moves it.
 */
export function findProjectedValues(view: GraphView, product: Node): Node[] {
  if (product.type !== "MatMul") return [];
  for (const [weights, values] of [[0, 1], [1, 0]] as const) {
    if (view.producer(product.inputs[weights]!)?.type !== "Softmax") continue;
    const transpose = view.producer(product.inputs[values]!);
    const reshape = transpose?.type === "Transpose" ? view.producer(transpose.inputs[0]!) : undefined;
    const sum = reshape?.type === "Reshape" ? view.producer(reshape.inputs[0]!) : undefined;
    if (sum?.type === "Add") return [sum, reshape!, transpose!, product];
  }
  return [];
}

/**
 * Logits + mask, or a choice between logits and a huge negative constant: a range that holds the mask has a single code for
 * all logits. Skipped are the sum and what makes the mask.
 */
export function findMask(view: GraphView, node: Node): Node[] {
  if (node.type === "Where" || node.type === "Max" || node.type === "Min") {
    return node.inputs.some((value) => isMaskConstant(view, value)) ? [node] : [];
  }
  if (node.type !== "Add" && node.type !== "Sub") return [];
  for (const value of node.inputs) {
    const chain = maskChain(view, value);
    if (chain) return [...chain, node];
  }
  return [];
}

/** Nodes from a mask's constant down to `value`; empty where the value is that constant, undefined where it is no mask. */
function maskChain(view: GraphView, value: string): Node[] | undefined {
  const chain: Node[] = [];
  let current: string | undefined = value;
  while (current !== undefined && chain.length < LONGEST_MASK) {
    if (isMaskConstant(view, current)) return chain;
    const node = view.producer(current);
    if (!node || node.domain !== "" || !(MASK_MOVEMENT.has(node.type) || MASK_ARITHMETIC.has(node.type))) {
      return undefined;
    }
    chain.push(node);
    // The constant makes the mask, whatever it is multiplied with or chosen by.
    if (MASK_ARITHMETIC.has(node.type) && node.inputs.some((input) => isMaskConstant(view, input))) return chain;
    current = MASK_MOVEMENT.has(node.type) ? node.inputs[0] : operandBesideConstant(view, node);
  }
  return undefined;
}

/** Whether a constant's lowest element is far below anything that is computed: a masked place. */
function isMaskConstant(view: GraphView, value: string | undefined): boolean {
  const tensor = value === undefined ? undefined : view.typed.graph.initializers.get(value);
  if (!tensor || !isFloat(tensor.dtype)) return false;
  return tensor.data.some((element) => element <= -MASK_MAGNITUDE);
}
