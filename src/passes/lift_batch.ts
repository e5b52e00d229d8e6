/** Frees a network of the batch size that its file fixes to 1. */
import { knownType, type TensorType } from "../base/tensor.ts";
import { withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { inferNode } from "../ops/infer.ts";
import { type ResolvedNode, resolveNode, resolveNodes } from "../ops/resolve.ts";
import { followNode } from "./follow_batch.ts";

/** The network with whatever batch sizes it can take. */
export interface LiftedGraph {
  readonly graph: Graph;
  /** Whether any batch size is possible; otherwise only the one in the file. */
  readonly takesAnyBatch: boolean;
  /** Whether the file had fixed the batch size, in an input or inside: worth checking that samples do not influence each other. */
  readonly wasFixed: boolean;
  /** Why the batch size could not be freed. */
  readonly reason?: string;
}

/** Name that a freed batch dimension gets. */
const BATCH = "N";

/**
 * Makes the first axis of every input symbolic, and lets nodes with a literal batch of 1 follow the batch instead (see `followNode`).
 * `typesFor` binds the inputs for a batch size. The result is kept only if types for batch 1 and 2 show that all outputs grow with the batch.
 */
export function liftBatch(
  graph: Graph,
  typesFor: (graph: Graph, batch: number) => Map<string, TensorType>,
): LiftedGraph {
  const isFixed = ({ shape }: ValueInfo) => typeof shape?.[0] === "number";
  const hasFixedInputs = graph.inputs.some(isFixed);
  const fixed = (reason: string): LiftedGraph => ({ graph, takesAnyBatch: false, wasFixed: true, reason });
  const odd = graph.inputs.find((input) => isFixed(input) && input.shape![0] !== 1);
  if (odd) return fixed(`input "${odd.name}" has ${odd.shape![0]} as its first extent`);
  const inputs = graph.inputs.map((input): ValueInfo => ({
    ...input,
    shape: input.shape && [isFixed(input) ? BATCH : input.shape[0]!, ...input.shape.slice(1)],
  }));
  const outputs = hasFixedInputs
    ? graph.outputs.map((output): ValueInfo => ({ ...output, shape: undefined }))
    : graph.outputs;
  try {
    const { lifted, isMended } = followBatch({ ...graph, inputs, outputs }, typesFor);
    const wasFixed = hasFixedInputs || isMended;
    return { graph: wasFixed ? lifted : graph, takesAnyBatch: true, wasFixed };
  } catch (error) {
    return fixed(error instanceof Error ? error.message : String(error));
  }
}

/** Infers types for batch 1 and 2 side by side, mending nodes on the way; throws where an output does not follow the batch. */
function followBatch(
  graph: Graph,
  typesFor: (graph: Graph, batch: number) => Map<string, TensorType>,
): { lifted: Graph; isMended: boolean } {
  const known = [...graph.initializers].map(([name, tensor]) => [name, knownType(tensor)] as const);
  const ones = new Map<string, TensorType>([...typesFor(graph, 1), ...known]);
  const twos = new Map<string, TensorType>([...typesFor(graph, 2), ...known]);
  let result = graph;
  let isMended = false;
  const infer = (resolved: ResolvedNode): void => {
    const { node } = resolved;
    for (const types of [ones, twos]) {
      const inferred = inferNode(resolved, node.inputs.map((name) => name === "" ? undefined : types.get(name)));
      node.outputs.forEach((name, place) => types.set(name, inferred[place]!));
    }
  };
  const nodes = resolveNodes(graph).flatMap((resolved): readonly Node[] => {
    const following = followNode(result, resolved.node, { ones, twos });
    if (!following) {
      infer(resolved);
      return [resolved.node];
    }
    isMended = true;
    result = withInitializers(result, following.initializers);
    for (const [name, tensor] of following.initializers) {
      for (const types of [ones, twos]) types.set(name, knownType(tensor));
    }
    for (const node of following.nodes) infer(resolveNode(node, graph.opset));
    return following.nodes;
  });
  for (const { name } of graph.outputs) {
    const [one, two] = [ones.get(name)!.shape, twos.get(name)!.shape];
    const follows = two[0] === 2 * one[0]! && one[0] === 1 &&
      one.slice(1).every((extent, axis) => extent === two[axis + 1]);
    if (!follows) throw new Error(`output "${name}" does not follow the batch`);
  }
  return { lifted: withNodes(result, nodes), isMended };
}
