/** Frees a network of the batch size that its file fixes to 1. */
import { knownType, type TensorType } from "../base/tensor.ts";
import { withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { inferNode } from "../ops/infer.ts";
import { type ResolvedNode, resolveNode, resolveNodes } from "../ops/resolve.ts";
import { batchAxis, followNode } from "./follow_batch.ts";

/** The network with whatever batch sizes it can take. */
export interface LiftedGraph {
  readonly graph: Graph;
  /** Whether any batch size is possible; otherwise only the one in the file. */
  readonly takesAnyBatch: boolean;
  /** Whether the file had fixed the batch size, in an input or inside: worth checking that samples do not influence each other. */
  readonly wasFixed: boolean;
  /** Why the batch size could not be freed. */
  readonly reason?: string;
  /** Outputs whose batch is not their first axis → that axis: recurrent networks give time steps first. */
  readonly batchAxes: ReadonlyMap<string, number>;
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
  const fixed = (reason: string): LiftedGraph => ({
    graph,
    takesAnyBatch: false,
    wasFixed: true,
    reason,
    batchAxes: new Map(),
  });
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
    const { lifted, isMended, batchAxes } = followBatch({ ...graph, inputs, outputs }, typesFor);
    const wasFixed = hasFixedInputs || isMended;
    if (!wasFixed) return { graph, takesAnyBatch: true, wasFixed, batchAxes };
    const shaped = graph.outputs.map((output) => withBatch(output, batchAxes.get(output.name) ?? 0));
    return { graph: { ...lifted, outputs: shaped }, takesAnyBatch: true, wasFixed, batchAxes };
  } catch (error) {
    return fixed(error instanceof Error ? error.message : String(error));
  }
}

/** What the file says of an output, its batch symbolic: a model whose outputs have no shapes is not valid ONNX. */
function withBatch(output: ValueInfo, axis: number): ValueInfo {
  return { ...output, shape: output.shape?.map((extent, place) => place === axis ? BATCH : extent) };
}

/** Infers types for batch 1 and 2 side by side, mending nodes on the way; throws where an output does not follow the batch. */
function followBatch(
  graph: Graph,
  typesFor: (graph: Graph, batch: number) => Map<string, TensorType>,
): { lifted: Graph; isMended: boolean; batchAxes: Map<string, number> } {
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
  const batchAxes = new Map<string, number>();
  for (const { name } of graph.outputs) {
    const axis = batchAxis(name, { ones, twos });
    if (axis === undefined || ones.get(name)!.shape[axis] !== 1) {
      throw new Error(`output "${name}" does not follow the batch`);
    }
    if (axis > 0) batchAxes.set(name, axis);
  }
  return { lifted: withNodes(result, nodes), isMended, batchAxes };
}
