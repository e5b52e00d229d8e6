/** Gives every layer with weights a bias, so that bias correction has something to correct. */
import { elementCount, type HostTensor } from "../base/tensor.ts";
import { freshName, withInitializers, withNodes } from "../graph/edit.ts";
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
  let { graph } = view.typed;
  const added = new Set<string>();
  for (const node of graph.nodes) {
    const weight = acceptsBias(node) ? view.weightInput(node) : undefined;
    if (weight === undefined || (node.inputs[2] ?? "") !== "") continue;
    const channels = channelsOf(view, node);
    const name = freshName(graph, `${node.name}_bias`);
    const tensor: HostTensor = { dtype: "float32", shape: [channels], data: new Float32Array(channels) };
    const biased: Node = { ...node, inputs: [node.inputs[0]!, node.inputs[1]!, name] };
    const nodes = graph.nodes.map((one) => one.name === node.name ? biased : one);
    graph = withNodes(withInitializers(graph, new Map([[name, tensor]])), nodes);
    added.add(name);
  }
  return { graph, added };
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
