/**
 * Quantizers climb from the operators that want quantized inputs to where the values come from, over operators that only
 * move values: one quantizer before a MaxPool instead of one after it, and int8 in between.
 */
import type { Node } from "../graph/graph.ts";
import type { Edge, GraphView } from "./graph_view.ts";
import { operandKey } from "./groups.ts";

/** Activation quantizers during placement: the quantized value → the operands that read it so. */
export type Sites = Map<string, Edge[]>;

/** Operators that read a shape and not the values. */
const SHAPE_READERS = new Set(["Shape", "Size"]);

/** The inputs through which values enter a value-moving operator; others are indices, sizes or padding. */
export function dataInputs(node: Node): readonly number[] {
  return node.type === "Concat" ? node.inputs.map((_, input) => input) : [0];
}

/**
 * Moves every site up as far as it goes. A site may pass an operator only where all that reads its outputs sees quantized
 * values: otherwise some reader in float would get quantized ones.
 */
export function climb(view: GraphView, sites: Sites, isAgnostic: (node: Node) => boolean): void {
  // From the last node to the first: what lies below a node has arrived before the node is tried.
  for (const node of [...view.nodes].reverse()) {
    if (!isAgnostic(node) || !node.outputs.some((output) => sites.has(output))) continue;
    if (!readsOnlyQuantized(view, node, coveredOperands(sites), isAgnostic)) continue;
    for (const output of node.outputs) sites.delete(output);
    for (const input of dataInputs(node)) addSite(sites, node.inputs[input]!, { node, input });
  }
}

/** Adds an operand to the site on a value. */
export function addSite(sites: Sites, value: string, edge: Edge): void {
  const edges = sites.get(value) ?? [];
  const isKnown = edges.some((known) => known.node === edge.node && known.input === edge.input);
  sites.set(value, isKnown ? edges : [...edges, edge]);
}

/** Whether every reader of the node's outputs, through value-moving operators too, takes them quantized. */
function readsOnlyQuantized(
  view: GraphView,
  node: Node,
  covered: ReadonlySet<string>,
  isAgnostic: (node: Node) => boolean,
): boolean {
  return node.outputs.every((output) => {
    if (output === "") return true;
    if (view.escapes(output)) return false;
    return view.consumers(output).every(({ node: reader, input }) =>
      covered.has(operandKey(reader.name, input)) ||
      SHAPE_READERS.has(reader.type) ||
      (isAgnostic(reader) && dataInputs(reader).includes(input) &&
        readsOnlyQuantized(view, reader, covered, isAgnostic))
    );
  });
}

function coveredOperands(sites: Sites): Set<string> {
  const covered = new Set<string>();
  for (const edges of sites.values()) for (const { node, input } of edges) covered.add(operandKey(node.name, input));
  return covered;
}
