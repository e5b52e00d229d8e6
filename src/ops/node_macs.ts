/** Work of a network. */
import type { TypedGraph } from "./infer.ts";

/** Multiply-accumulates of every node, by name in the order of the graph. */
export function nodeMacs({ nodes, types }: TypedGraph): Map<string, number> {
  return new Map(nodes.map(({ node, operator, attributes }) => {
    const inputs = node.inputs.map((name) => name === "" ? undefined : types.get(name));
    const outputs = node.outputs.flatMap((name) => types.get(name) ?? []);
    return [node.name, operator.macs?.(inputs, outputs, attributes) ?? 0];
  }));
}
