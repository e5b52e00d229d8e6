/** Squeeze-and-excite blocks, which stay in float but for their first and last operator. */
import type { Node } from "../graph/graph.ts";
import { gateOf } from "./gate_patterns.ts";
import type { GraphView } from "./graph_view.ts";
import { isWeighted } from "./operands.ts";
import { findBias } from "./scale_patterns.ts";

/** Pool → conv → activation → conv → Sigmoid → Mul; the pool and the final product stay quantizable. */
export function findSqueezeExcite(view: GraphView, pool: Node): Node[] {
  if (pool.type !== "ReduceMean" && pool.type !== "GlobalAveragePool") return [];
  const squeeze = weightedAfter(view, pool);
  if (!squeeze) return [];
  const activation = activationAfter(view, squeeze.end);
  const excite = activation && weightedAfter(view, activation.end);
  const gate = excite && view.onlyConsumer(excite.end.outputs[0]!);
  if (gate?.type !== "Sigmoid" || view.onlyConsumer(gate.outputs[0]!)?.type !== "Mul") return [];
  return [...squeeze.nodes, ...activation!.nodes, ...excite!.nodes, gate];
}

interface Stretch {
  readonly nodes: readonly Node[];
  readonly end: Node;
}

function weightedAfter(view: GraphView, node: Node): Stretch | undefined {
  const weighted = view.onlyConsumer(node.outputs[0]!);
  if (!weighted || !isWeighted(view, weighted)) return undefined;
  const add = view.onlyConsumer(weighted.outputs[0]!);
  return add && findBias(view, add).length > 0
    ? { nodes: [weighted, add], end: add }
    : { nodes: [weighted], end: weighted };
}

function activationAfter(view: GraphView, node: Node): Stretch | undefined {
  const value = node.outputs[0]!;
  const consumers = view.consumers(value).map((edge) => edge.node);
  const [first] = consumers;
  if (consumers.length === 1 && (first!.type === "Relu" || first!.type === "PRelu")) {
    return { nodes: [first!], end: first! };
  }
  const product = consumers.find((consumer) => consumer.type === "Mul");
  const swish = product && gateOf(view, product);
  return swish?.some((part) => part.type === "Sigmoid") ? { nodes: swish, end: product! } : undefined;
}
