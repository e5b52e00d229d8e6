/** Gives every layer with weights a bias, so that bias correction has something to correct. */
import { elementCount, type HostTensor } from "../base/tensor.ts";
import { freshNames, withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { GraphView } from "./graph_view.ts";

/** A graph whose Conv, ConvTranspose and Gemm nodes with constant weights all have a bias. */
export interface BiasedGraph {
  readonly graph: Graph;
  /** Initializers that were added; all zero. The export drops those that are still zero then. */
  readonly added: ReadonlySet<string>;
}

/** Adds zero biases where there are none. */
export function addBiases(view: GraphView): BiasedGraph {
  const { graph } = view.typed;
  const nameOf = freshNames(graph);
  const added = new Map<string, HostTensor>();
  const nodes = graph.nodes.map((node): Node => {
    const weight = acceptsBias(node) ? view.weightInput(node) : undefined;
    if (weight === undefined || (node.inputs[2] ?? "") !== "") return node;
    const channels = channelsOf(view, node);
    const name = nameOf(`${node.name}_bias`);
    added.set(name, { dtype: "float32", shape: [channels], data: new Float32Array(channels) });
    return { ...node, inputs: [node.inputs[0]!, node.inputs[1]!, name] };
  });
  return { graph: withNodes(withInitializers(graph, added), nodes), added: new Set(added.keys()) };
}

/** Whether a tensor is zero throughout. */
export function isZero({ data }: HostTensor): boolean {
  return data.every((value) => value === 0);
}

function acceptsBias(node: Node): boolean {
  return node.domain === "" && (node.type === "Conv" || node.type === "ConvTranspose" || node.type === "Gemm");
}

function channelsOf(view: GraphView, node: Node): number {
  const { shape } = view.type(node.outputs[0]!)!;
  const channels = node.type === "Gemm" ? shape.at(-1) : shape[1];
  return channels ?? elementCount(shape);
}
