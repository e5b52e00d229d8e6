/** What bodies of control flow read from around them. */
import { subgraphsOf } from "./attributes.ts";
import type { Node } from "./graph.ts";

/** Names that the bodies of a control-flow node read from the enclosing graph; empty for other nodes. */
export function capturedBy(node: Node): string[] {
  const captured = new Set<string>();
  for (const body of subgraphsOf(node.attributes)) {
    const own = new Set([...body.inputs.map((input) => input.name), ...body.initializers.keys()]);
    for (const inner of body.nodes) inner.outputs.forEach((output) => own.add(output));
    for (const inner of body.nodes) {
      for (const name of [...inner.inputs, ...capturedBy(inner)]) if (name !== "" && !own.has(name)) captured.add(name);
    }
    for (const output of body.outputs) if (!own.has(output.name)) captured.add(output.name);
  }
  return [...captured];
}
