/** Removes nodes that pass a value through: Identity, and Dropout in inference whose mask nobody reads. */
import { consumersOf, renameReads, withNodes } from "../graph/edit.ts";
import { type Graph, type Node } from "../graph/graph.ts";

/** Removes pass-through nodes; those between a graph input and a graph output stay, since both names must. */
export function removeIdentity(graph: Graph): Graph {
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const consumers = consumersOf(graph);
  const names = new Map<string, string>();
  const kept = graph.nodes.filter((node) => {
    if (!passesThrough(node, consumers) || node.outputs.some((output) => outputs.has(output))) return true;
    names.set(node.outputs[0]!, node.inputs[0]!);
    return false;
  });
  return names.size === 0 ? graph : withNodes(graph, renameReads(kept, names));
}

function passesThrough(node: Node, consumers: ReadonlyMap<string, Node[]>): boolean {
  if (node.domain !== "") return false;
  if (node.type === "Identity") return node.inputs.length === 1 && node.outputs.length === 1;
  // A third input or an old attribute may ask for training, where Dropout is random.
  if (node.type !== "Dropout" || (node.inputs[2] ?? "") !== "" || node.attributes.has("is_test")) return false;
  return node.outputs.slice(1).every((output) => output === "" || !consumers.has(output));
}
