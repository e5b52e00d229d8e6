/** Brings nodes into topological order. */
import { ModelError } from "../base/errors.ts";
import { capturedBy } from "./captures.ts";
import type { Node } from "./graph.ts";

/**
 * Every node behind those that it reads from, otherwise in the order given: a sorted list stays as it is. `given` are values that no
 * node produces. Throws ModelError where a value has no producer or a node depends on itself. Takes time linear in nodes and edges.
 */
export function sortNodes(nodes: readonly Node[], given: ReadonlySet<string>): Node[] {
  const producers = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const sorted: Node[] = [];
  const states = new Map<Node, "open" | "done">();
  for (const root of nodes) {
    // A stack of its own: chains are longer than what recursion survives.
    const open: Visit[] = states.has(root) ? [] : [visit(root)];
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const { node, reads } = top;
      states.set(node, "open");
      const input = reads.pop();
      if (input === undefined) {
        states.set(node, "done");
        sorted.push(node);
        open.pop();
        continue;
      }
      if (input === "" || given.has(input)) continue;
      const producer = producers.get(input);
      const state = producer && states.get(producer);
      if (!producer || state === "open") {
        const found = producer ? "depends on its own output" : "has no producer";
        throw new ModelError(`Cannot import ${node.type} node "${node.name}": its input "${input}" ${found}`);
      }
      if (state === undefined) open.push(visit(producer));
    }
  }
  return sorted;
}

/** A node on its way, with what it reads and was not looked at yet, last one first. */
interface Visit {
  readonly node: Node;
  readonly reads: string[];
}

function visit(node: Node): Visit {
  return { node, reads: [...node.inputs, ...capturedBy(node)].reverse() };
}
