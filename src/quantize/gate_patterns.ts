/** Activations that multiply a value by a gate made of it: swish, hard swish in its spellings, mish. */
import type { Node } from "../graph/graph.ts";
import type { GraphView } from "./graph_view.ts";
import { operandBesideConstant } from "./operands.ts";

/** What a gate such as that of swish (x · sigmoid(x)) is spelled with, constants aside. */
const GATE_CORES = new Set(["Sigmoid", "HardSigmoid", "Clip", "Relu", "Softplus", "Tanh", "Erf"]);
const GATE_STEPS = new Set([...GATE_CORES, "Add", "Sub", "Mul", "Div", "Min", "Max"]);

/** x · gate(x): swish, hard swish in its spellings, mish; with the factor of hard swish behind it. */
export function gateOf(view: GraphView, node: Node): Node[] | undefined {
  if (node.type !== "Mul") return undefined;
  for (const [data, gate] of [[0, 1], [1, 0]] as const) {
    const chain = gateChain(view, node.inputs[gate]!, node.inputs[data]!);
    if (!chain) continue;
    const factor = view.onlyConsumer(node.outputs[0]!);
    return factor && (factor.type === "Div" || factor.type === "Mul") && operandBesideConstant(view, factor)
      ? [...chain, node, factor]
      : [...chain, node];
  }
  return undefined;
}

/** Elementwise nodes with constants between `from` and `gate`, at least one of them an activation. */
function gateChain(view: GraphView, gate: string, from: string): Node[] | undefined {
  const chain: Node[] = [];
  let value = gate;
  while (value !== from) {
    const node = view.producer(value);
    if (!node || !GATE_STEPS.has(node.type) || node.domain !== "" || chain.length === 6) return undefined;
    const source = GATE_CORES.has(node.type) ? node.inputs[0] : operandBesideConstant(view, node);
    if (source === undefined || source === "") return undefined;
    chain.push(node);
    value = source;
  }
  return chain.some((node) => GATE_CORES.has(node.type)) ? chain : undefined;
}
