/** The only functions that change a graph: each returns a new one that shares what stays. */
import type { HostTensor } from "../base/tensor.ts";
import { capturedBy } from "./captures.ts";
import type { Graph, Node } from "./graph.ts";

/** Readers of every value, in graph order. */
export function consumersOf(graph: Graph): Map<string, Node[]> {
  const consumers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const input of new Set([...node.inputs, ...capturedBy(node)])) {
      if (input === "") continue;
      const list = consumers.get(input);
      if (list) list.push(node);
      else consumers.set(input, [node]);
    }
  }
  return consumers;
}

/** The node that produces each value. */
export function producersOf(graph: Graph): Map<string, Node> {
  return new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
}

/** Replaces the nodes; initializers that nothing reads any more are dropped. */
export function withNodes(graph: Graph, nodes: readonly Node[]): Graph {
  return dropUnusedInitializers({ ...graph, nodes });
}

/** Adds or replaces initializers. */
export function withInitializers(graph: Graph, tensors: ReadonlyMap<string, HostTensor>): Graph {
  return { ...graph, initializers: new Map([...graph.initializers, ...tensors]) };
}

/** Makes every reader of the old names read the new ones; names of graph outputs must not be among the old ones. */
export function renameReads(nodes: readonly Node[], names: ReadonlyMap<string, string>): Node[] {
  const rename = (name: string): string => {
    let last = name;
    for (let next = names.get(last); next !== undefined; next = names.get(last)) last = next;
    return last;
  };
  return nodes.map((node) =>
    node.inputs.some((input) => names.has(input)) ? { ...node, inputs: node.inputs.map(rename) } : node
  );
}

/** Removes nodes that no output depends on. */
export function removeDeadNodes(graph: Graph): Graph {
  const needed = new Set(graph.outputs.map((output) => output.name));
  const kept: Node[] = [];
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => output !== "" && needed.has(output))) continue;
    kept.push(node);
    for (const input of [...node.inputs, ...capturedBy(node)]) needed.add(input);
  }
  return withNodes(graph, kept.reverse());
}

/** A name that no value, initializer or node of the graph has. */
export function freshName(graph: Graph, wanted: string): string {
  return freshNames(graph)(wanted);
}

/** Gives names that no value, initializer or node of the graph has, each once. */
export function freshNames(graph: Graph): (wanted: string) => string {
  const taken = new Set([
    ...graph.initializers.keys(),
    ...graph.inputs.map((input) => input.name),
    ...graph.nodes.flatMap((node) => [node.name, ...node.outputs]),
  ]);
  return (wanted) => {
    let name = wanted;
    for (let count = 1; taken.has(name); count++) name = `${wanted}_${count}`;
    taken.add(name);
    return name;
  };
}

function dropUnusedInitializers(graph: Graph): Graph {
  const read = new Set(graph.outputs.map((output) => output.name));
  for (const node of graph.nodes) for (const input of [...node.inputs, ...capturedBy(node)]) read.add(input);
  return { ...graph, initializers: new Map([...graph.initializers].filter(([name]) => read.has(name))) };
}
