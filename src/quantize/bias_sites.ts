/** Where quantizers of biases stand. */
import { elementCount } from "../base/tensor.ts";
import type { Node } from "../graph/graph.ts";
import type { Quantizer } from "../graph/quantizer.ts";
import type { Edge, GraphView } from "./graph_view.ts";
import { operandKey, type Role } from "./groups.ts";

/** A quantizer that has no number and no group yet. */
export type Draft = Omit<Quantizer, "id" | "group">;

/** Operators whose constant bias becomes int32 with the scale of their products. */
const BIASED = new Set(["Conv", "ConvTranspose", "Gemm"]);

/**
 * Quantizers of constant biases. That of Conv, ConvTranspose and Gemm becomes int32; a constant added behind a MatMul stays
 * float, but bias correction may change it.
 */
export function biasDrafts(
  view: GraphView,
  drafts: readonly Draft[],
  quantizerAt: ReadonlyMap<string, number>,
  roleOf: (node: Node) => Role,
): { readonly draft: Draft; readonly weight: number }[] {
  return view.nodes.flatMap((node) => {
    const input = roleOf(node) === "quantized" ? view.weightInput(node) : undefined;
    const weight = input === undefined ? undefined : quantizerAt.get(operandKey(node.name, input));
    if (weight === undefined || drafts[weight]!.kind !== "weight") return [];
    const edge = biasOperand(view, node);
    if (!edge || !isPerChannel(view, node, input!, edge)) return [];
    const value = edge.node.inputs[edge.input]!;
    const rank = view.type(value)!.shape.length;
    return [{
      weight,
      draft: { name: value, value, kind: "bias", consumers: operands([edge]), channelAxis: rank - 1 },
    }];
  });
}

/** The operand that adds a constant to the products of a node. */
function biasOperand(view: GraphView, node: Node): Edge | undefined {
  const { quant } = view.resolved(node).operator;
  const input = quant.kind === "inputs_quantizable" ? quant.weight?.bias : undefined;
  if (BIASED.has(node.type)) {
    const isConstant = input !== undefined && view.isConstant(node.inputs[input]);
    return isConstant && hasPlainSum(node) ? { node, input } : undefined;
  }
  const add = node.type === "MatMul" ? view.onlyConsumer(node.outputs[0]!) : undefined;
  if (add?.type !== "Add") return undefined;
  const place = add.inputs.findIndex((value) => view.isConstant(value));
  return place < 0 ? undefined : { node: add, input: place };
}

/** Whether a Gemm adds its bias as it is: with factors, the int32 bias would need scales of its own. */
function hasPlainSum(node: Node): boolean {
  return node.type !== "Gemm" ||
    ((node.attributes.get("alpha")?.value ?? 1) === 1 && (node.attributes.get("beta")?.value ?? 1) === 1);
}

/** Whether a bias has exactly one entry per output channel, along its last axis. */
function isPerChannel(view: GraphView, node: Node, weightInput: number, edge: Edge): boolean {
  const shape = view.type(edge.node.inputs[edge.input]!)!.shape;
  const output = view.type(node.outputs[0]!)!.shape;
  const isMatrix = node.type === "Gemm" || node.type === "MatMul";
  const channels = isMatrix ? output.at(-1) : output[1];
  return view.weightInput(node) === weightInput && shape.length > 0 && shape.at(-1) === channels &&
    elementCount(shape) === channels;
}

/** Operands as quantizers name them. */
export function operands(edges: readonly Edge[]): Quantizer["consumers"] {
  return edges.map(({ node, input }) => ({ node: node.name, input }));
}
