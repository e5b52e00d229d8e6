/** Turns what depends on constants alone into initializers. */
import type { HostTensor } from "../base/tensor.ts";
import { withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import type { TypedGraph } from "../ops/infer.ts";

/**
 * Replaces nodes by initializers where every input is an initializer, whatever the shapes of the network's inputs. (Values
 * that follow from input shapes are known to the planner too, but differ from one shape to the next.)
 */
export function foldConstants({ graph, types }: TypedGraph): Graph {
  const constant = new Set(graph.initializers.keys());
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const folded = new Map<string, HostTensor>();
  const kept = graph.nodes.filter((node) => {
    const known = node.inputs.every((input) => input === "" || constant.has(input)) &&
      node.outputs.every((output) => output === "" || types.get(output)?.value);
    if (!known || node.outputs.some((output) => outputs.has(output))) return true;
    for (const output of node.outputs) {
      if (output === "") continue;
      const { dtype, shape, value } = types.get(output)!;
      folded.set(output, { dtype, shape, data: value! });
      constant.add(output);
    }
    return false;
  });
  return folded.size === 0 ? graph : withNodes(withInitializers(graph, folded), kept);
}
