/** Outputs as evaluation takes them: samples along the first axis. */
import { freshName } from "../graph/edit.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";

/** The graph with its outputs transposed so that `axes` (by the output's name) become the first ones; others stay as they are. */
export function leadBatches(
  graph: Graph,
  axes: ReadonlyMap<string, number>,
  ranks: ReadonlyMap<string, number>,
): Graph {
  let result = graph;
  const outputs = graph.outputs.map((output): ValueInfo => {
    const axis = axes.get(output.name);
    if (axis === undefined) return output;
    const others = Array.from({ length: ranks.get(output.name)! }, (_, place) => place).filter((one) => one !== axis);
    const name = freshName(result, `${output.name}/rows`);
    const node: Node = {
      name,
      type: "Transpose",
      domain: "",
      inputs: [output.name],
      outputs: [name],
      attributes: new Map([["perm", { type: "ints", value: [axis, ...others] }]]),
    };
    result = { ...result, nodes: [...result.nodes, node] };
    return { ...output, name, shape: undefined };
  });
  return { ...result, outputs };
}
