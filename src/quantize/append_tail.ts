/** Puts what runs on the host back behind an exported graph. */
import type { TensorType } from "../base/tensor.ts";
import { capturedBy } from "../graph/captures.ts";
import { producersOf, removeDeadNodes, withNodes } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import { raiseOpset } from "./opset.ts";

/** A network split in two, as `passes/host_tail.ts` does. */
export interface TailParts {
  /** The second part; its inputs are values of the first. */
  readonly graph: Graph;
  /** The whole. */
  readonly source: Graph;
}

/**
 * Completes `device`, made from the first part of a network, with the second one in the opset of `device`. Inputs and outputs are those
 * of the whole network again. `types` are of the values of the first part.
 */
export function appendTail(device: Graph, tail: TailParts, types: ReadonlyMap<string, TensorType>): Graph {
  const { source } = tail;
  const second = withNodes(source, nodesToAppend(device, tail));
  const raised = device.opset > second.opset ? raiseOpset(second, types, 13) : second;
  const first = renameClashes(device, raised);
  return removeDeadNodes({
    ...first,
    inputs: source.inputs,
    outputs: source.outputs,
    initializers: new Map([...first.initializers, ...raised.initializers]),
    nodes: [...first.nodes, ...raised.nodes],
  });
}

/** Nodes of the second part, and those of the first that lead to what it reads and that `device` has no longer: shape arithmetic. */
function nodesToAppend(device: Graph, { graph, source }: TailParts): Node[] {
  const [given, made] = [producersOf(source), producersOf(device)];
  const carried = new Set(graph.inputs.map((input) => input.name));
  const isThere = (name: string) => {
    const [before, now] = [given.get(name), made.get(name)];
    return carried.has(name) || !before || (now?.name === before.name && now.type === before.type);
  };
  const appended = new Set(graph.nodes.map((node) => node.name));
  const waiting = [...graph.nodes];
  for (let node = waiting.pop(); node; node = waiting.pop()) {
    for (const name of [...node.inputs, ...capturedBy(node)]) {
      const producer = given.get(name);
      if (!producer || isThere(name) || appended.has(producer.name)) continue;
      appended.add(producer.name);
      waiting.push(producer);
    }
  }
  return source.nodes.filter((node) => appended.has(node.name));
}

/** Renames values and nodes of `first` whose names `second` gives to something else. */
function renameClashes(first: Graph, second: Graph): Graph {
  const defined = new Set([...second.initializers.keys(), ...second.nodes.flatMap((node) => node.outputs)]);
  const nodeNames = new Set(second.nodes.map((node) => node.name));
  const taken = new Set([...defined, ...nodeNames, ...namesIn(first)]);
  const renamed = new Map<string, string>();
  for (const name of [...first.initializers.keys(), ...first.nodes.flatMap((node) => node.outputs)]) {
    const isSame = first.initializers.has(name) && first.initializers.get(name) === second.initializers.get(name);
    if (defined.has(name) && !isSame) renamed.set(name, fresh(name, taken));
  }
  const rename = (name: string) => renamed.get(name) ?? name;
  return {
    ...first,
    initializers: new Map([...first.initializers].map(([name, tensor]) => [rename(name), tensor])),
    nodes: first.nodes.map((node) => ({
      ...node,
      name: nodeNames.has(node.name) ? fresh(node.name, taken) : node.name,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    })),
  };
}

function namesIn(graph: Graph): string[] {
  return [
    ...graph.inputs.map((input) => input.name),
    ...graph.initializers.keys(),
    ...graph.nodes.flatMap((node) => [node.name, ...node.outputs]),
  ];
}

function fresh(wanted: string, taken: Set<string>): string {
  let name = wanted;
  for (let count = 1; taken.has(name); count++) name = `${wanted}_${count}`;
  taken.add(name);
  return name;
}
