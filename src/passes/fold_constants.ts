/** Turns what depends on constants alone into initializers. */
import { normalizeAxis } from "../base/shape.ts";
import { type CodeSteps, elementCount, type HostTensor, type TensorType } from "../base/tensor.ts";
import { withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { TypedGraph } from "../ops/infer.ts";

/**
 * Replaces nodes by initializers where every input is an initializer, whatever the shapes of the network's inputs. (Values
 * that follow from input shapes are known to the planner too, but differ from one shape to the next.) What was dequantized
 * keeps its steps.
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
      const steps = stepsOf(node, types);
      folded.set(output, { dtype, shape, data: value!, ...(steps && { steps }) });
      constant.add(output);
    }
    return false;
  });
  return folded.size === 0 ? graph : withNodes(withInitializers(graph, folded), kept);
}

/** Steps of what a DequantizeLinear node gives; undefined for other nodes and where scales lie in blocks. */
function stepsOf(
  { type, domain, inputs, attributes }: Node,
  types: ReadonlyMap<string, TensorType>,
): CodeSteps | undefined {
  const [codes, scale] = inputs.map((name) => types.get(name));
  const isBlocked = (attributes.get("block_size")?.value ?? 0) !== 0;
  if (type !== "DequantizeLinear" || domain !== "" || isBlocked || !codes || !scale?.value) return undefined;
  const { dtype, shape } = codes;
  const axis = attributes.get("axis");
  const isSingle = elementCount(scale.shape) === 1;
  return {
    dtype,
    scale: Float32Array.from(scale.value),
    axis: isSingle ? undefined : normalizeAxis(axis?.type === "int" ? axis.value : 1, shape.length),
  };
}
