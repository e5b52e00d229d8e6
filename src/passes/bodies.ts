/** Bodies of control flow, and the nodes that take their place. */
import { UnsupportedError } from "../base/errors.ts";
import type { AttributeValue } from "../graph/attributes.ts";
import type { Graph, Node } from "../graph/graph.ts";

/** A node of the ONNX domain without attributes. */
export function plainNode(type: string, name: string, inputs: readonly string[], outputs: readonly string[]): Node {
  return { name, type, domain: "", inputs, outputs, attributes: new Map() };
}

/** A body of a node; throws UnsupportedError where it is missing. */
export function bodyOf(node: Node, name: string): Graph {
  const attribute = node.attributes.get(name);
  if (attribute?.type !== "graph") {
    throw new UnsupportedError(`Cannot inline ${node.type} node "${node.name}": attribute "${name}" is missing`);
  }
  return attribute.value;
}

/** Bodies inside a body read the renamed values of what surrounds them; their own names shadow. */
export function renameCaptures(node: Node, rename: (name: string) => string): Node["attributes"] {
  return new Map([...node.attributes].map(([key, attribute]): [string, AttributeValue] => {
    if (attribute.type !== "graph") return [key, attribute];
    const body = attribute.value;
    const own = new Set([
      ...body.inputs.map((input) => input.name),
      ...body.initializers.keys(),
      ...body.nodes.flatMap((inner) => inner.outputs),
    ]);
    const outer = (name: string) => own.has(name) ? name : rename(name);
    const nodes = body.nodes.map((inner) => ({
      ...inner,
      inputs: inner.inputs.map(outer),
      attributes: renameCaptures(inner, outer),
    }));
    const outputs = body.outputs.map((output) => ({ ...output, name: outer(output.name) }));
    return [key, { type: "graph", value: { ...body, nodes, outputs } }];
  }));
}
