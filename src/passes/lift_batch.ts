/** Frees a network of the batch size that its file fixes to 1. */
import type { HostTensor, TensorType } from "../base/tensor.ts";
import { freshName, withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { inferNode } from "../ops/infer.ts";
import { resolveNodes } from "../ops/resolve.ts";
import { knownType } from "../base/tensor.ts";

/** The network with whatever batch sizes it can take. */
export interface LiftedGraph {
  readonly graph: Graph;
  /** Whether any batch size is possible; otherwise only the one in the file. */
  readonly takesAnyBatch: boolean;
  /** Whether the file had fixed the batch size: worth checking that samples do not influence each other. */
  readonly wasFixed: boolean;
  /** Why the batch size could not be freed. */
  readonly reason?: string;
}

/** Name that a freed batch dimension gets. */
const BATCH = "N";

/**
 * Makes the first axis of every input symbolic, and lets every Reshape to a literal leading 1 copy the batch instead.
 * `typesFor` binds the inputs for a batch size. The result is kept only if types for batch 1 and 2 show that all outputs grow with the batch.
 */
export function liftBatch(
  graph: Graph,
  typesFor: (graph: Graph, batch: number) => Map<string, TensorType>,
): LiftedGraph {
  const wasFixed = graph.inputs.some((input) => typeof input.shape?.[0] === "number");
  if (!wasFixed) return { graph, takesAnyBatch: true, wasFixed };
  const fixed = (reason: string): LiftedGraph => ({ graph, takesAnyBatch: false, wasFixed, reason });
  const odd = graph.inputs.find((input) => typeof input.shape?.[0] === "number" && input.shape[0] !== 1);
  if (odd) return fixed(`input "${odd.name}" has ${odd.shape![0]} as its first extent`);
  const inputs = graph.inputs.map((input): ValueInfo => ({
    ...input,
    shape: input.shape && [BATCH, ...input.shape.slice(1)],
  }));
  const outputs = graph.outputs.map((output): ValueInfo => ({ ...output, shape: undefined }));
  try {
    const lifted = followBatch({ ...graph, inputs, outputs }, typesFor);
    return { graph: lifted, takesAnyBatch: true, wasFixed };
  } catch (error) {
    return fixed(error instanceof Error ? error.message : String(error));
  }
}

/** Infers types for batch 1 and 2 side by side, mending Reshape nodes on the way; throws where an output does not follow the batch. */
function followBatch(graph: Graph, typesFor: (graph: Graph, batch: number) => Map<string, TensorType>): Graph {
  const known = [...graph.initializers].map(([name, tensor]) => [name, knownType(tensor)] as const);
  const ones = new Map<string, TensorType>([...typesFor(graph, 1), ...known]);
  const twos = new Map<string, TensorType>([...typesFor(graph, 2), ...known]);
  let result = graph;
  const nodes = resolveNodes(graph).map((resolved): Node => {
    let { node } = resolved;
    const followed = followReshape(result, node, ones, twos);
    if (followed) {
      result = withInitializers(result, new Map([[followed.name, followed.tensor]]));
      for (const types of [ones, twos]) types.set(followed.name, knownType(followed.tensor));
      node = { ...node, inputs: [node.inputs[0]!, followed.name] };
    }
    for (const types of [ones, twos]) {
      const inferred = inferNode(
        { ...resolved, node },
        node.inputs.map((name) => name === "" ? undefined : types.get(name)),
      );
      node.outputs.forEach((name, place) => types.set(name, inferred[place]!));
    }
    return node;
  });
  for (const { name } of graph.outputs) {
    const [one, two] = [ones.get(name)!.shape, twos.get(name)!.shape];
    const follows = two[0] === 2 * one[0]! && one[0] === 1 &&
      one.slice(1).every((extent, axis) => extent === two[axis + 1]);
    if (!follows) throw new Error(`output "${name}" does not follow the batch`);
  }
  return withNodes(result, nodes);
}

/** For a Reshape of a batched value to a literal leading 1: the shape with 0 there, which copies the extent of the input. */
function followReshape(
  graph: Graph,
  node: Node,
  ones: ReadonlyMap<string, TensorType>,
  twos: ReadonlyMap<string, TensorType>,
): { name: string; tensor: HostTensor } | undefined {
  if (node.type !== "Reshape" || node.domain !== "" || node.attributes.get("allowzero")?.value === 1) return undefined;
  const shape = graph.initializers.get(node.inputs[1] ?? "");
  const isBatched = ones.get(node.inputs[0]!)?.shape[0] === 1 && twos.get(node.inputs[0]!)?.shape[0] === 2;
  if (!shape || shape.data[0] !== 1 || !isBatched) return undefined;
  const data = shape.data.slice();
  data[0] = 0;
  return { name: freshName(graph, `${node.inputs[1]}_any_batch`), tensor: { ...shape, data } };
}
