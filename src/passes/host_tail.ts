/** Splits off what no plan can hold: nodes whose output shapes depend on data, with all that follows from them. */
import { UnsupportedError } from "../base/errors.ts";
import { formatShape, type HostTensor, hostTensor, knownTensor, knownType, type TensorType } from "../base/tensor.ts";
import { subgraphsOf } from "../graph/attributes.ts";
import { capturedBy } from "../graph/captures.ts";
import { freshName, producersOf, removeDeadNodes, withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { inferNode, inferTypes, isDataDependent } from "../ops/infer.ts";
import { resolveNode, resolveNodes } from "../ops/resolve.ts";
import { inlineControlFlow, isInlined } from "./inline_control_flow.ts";

/** The end of a network that is evaluated on the host, sample by sample. */
export interface HostTail {
  /** Takes the outputs of the device graph in their order; gives those of the whole network. */
  readonly graph: Graph;
  /** Types of its inputs. */
  readonly inputs: readonly TensorType[];
  /** Which outputs have the batch as their first axis, as far as the file says. */
  readonly isBatched: readonly boolean[];
  /** The graph that was split. */
  readonly source: Graph;
}

/** A network as the part that runs on the GPU and the part behind it. */
export interface SplitGraph {
  readonly device: Graph;
  /** undefined where the whole network can be planned. */
  readonly tail: HostTail | undefined;
}

/**
 * Splits a graph whose control flow is inlined, given the types of its inputs. Detectors end so: NonMaxSuppression and what picks
 * boxes by its result. Network outputs that do not depend on data go through the tail unchanged. Throws UnsupportedError that lists
 * all missing operators.
 */
export function splitTail(graph: Graph, inputs: ReadonlyMap<string, TensorType>): SplitGraph {
  const isPlannable = !graph.nodes.some(isInlined) &&
    resolveNodes({ ...graph, nodes: plainNodes(graph) }).every(({ operator }) => !operator.dataDependent);
  if (isPlannable) return { device: graph, tail: undefined };
  const { kept, late, types } = divide(graph, inputs);
  if (late.length === 0) return { device: graph, tail: undefined };
  const tail = keepBatches(graph, late, types);
  const boundary = boundaryOf(graph, tail);
  const known = boundary.flatMap((name) => {
    const tensor = knownTensor(types.get(name)!);
    return tensor ? [[name, tensor] as const] : [];
  });
  const carried = boundary.filter((name) => !types.get(name)!.value);
  const ports = carried.map((name): ValueInfo => {
    const { dtype, shape } = types.get(name)!;
    return { name, dtype, shape };
  });
  const tailGraph = withNodes({
    ...graph,
    inputs: ports,
    initializers: new Map([...graph.initializers, ...known]),
  }, tail);
  const outputs = ports.map((port): ValueInfo => ({ ...port, shape: undefined }));
  return {
    device: removeDeadNodes({ ...graph, outputs, nodes: kept }),
    tail: {
      graph: tailGraph,
      inputs: carried.map((name) => types.get(name)!),
      isBatched: batchedOutputs(graph),
      source: graph,
    },
  };
}

/** Outputs whose first extent is 1, or has the name that the first extent of an input has. */
function batchedOutputs({ inputs, outputs }: Graph): boolean[] {
  const batches = new Set<unknown>([1, ...inputs.map(({ shape }) => shape?.[0])].filter(Boolean));
  return outputs.map(({ shape }) => batches.has(shape?.[0]));
}

/**
 * Evaluates the tail by the operators' references. `boundary` has the outputs of the device graph in order; their shapes are those
 * of the tail's inputs unless the network ran with others.
 */
export function runTail({ graph }: HostTail, boundary: readonly HostTensor[]): HostTensor[] {
  const inputs = new Map(graph.inputs.map(({ name }, place) => [name, knownType(boundary[place]!)]));
  const { types } = inferTypes(inlineControlFlow(graph, inputs), inputs);
  return graph.outputs.map(({ name }) => {
    const { shape, ...type } = types.get(name)!;
    const tensor = knownTensor({ shape, ...type });
    if (tensor) return tensor;
    throw new UnsupportedError(`Cannot compute output "${name}" on the host: its shape is ${formatShape(shape)}`);
  });
}

/** Gives every output of the device graph a first axis of 1 where it has another one: one row for each sample. */
export function withRows({ device, tail }: { device: Graph; tail: HostTail }): Graph {
  let result = device;
  const outputs = device.outputs.map((output, place): ValueInfo => {
    const { shape } = tail.inputs[place]!;
    if (shape[0] === 1) return output;
    const [name, extents] = [freshName(result, `${output.name}/row`), freshName(result, `${output.name}/row_shape`)];
    const target = hostTensor("int64", [shape.length + 1], [1, ...shape]);
    const node: Node = {
      name,
      type: "Reshape",
      domain: "",
      inputs: [output.name, extents],
      outputs: [name],
      attributes: new Map(),
    };
    result = withInitializers({ ...result, nodes: [...result.nodes, node] }, new Map([[extents, target]]));
    return { ...output, name };
  });
  return { ...result, outputs };
}

/** Nodes of a graph and of the bodies in it, control flow itself left out. */
function plainNodes(graph: Graph): Node[] {
  return graph.nodes.flatMap((node) => isInlined(node) ? subgraphsOf(node.attributes).flatMap(plainNodes) : [node]);
}

interface Division {
  readonly kept: readonly Node[];
  /** Nodes that wait for data. */
  readonly late: readonly Node[];
  /** Of everything that does not wait. */
  readonly types: ReadonlyMap<string, TensorType>;
}

function divide(graph: Graph, inputs: ReadonlyMap<string, TensorType>): Division {
  const types = new Map<string, TensorType>(inputs);
  for (const [name, tensor] of graph.initializers) types.set(name, knownType(tensor));
  const waiting = new Set<string>();
  const [kept, late]: [Node[], Node[]] = [[], []];
  for (const node of graph.nodes) {
    // Control flow that could not be inlined waits for data.
    const outputs = isInlined(node) || node.inputs.some((name) => waiting.has(name))
      ? undefined
      : typesBefore(node, graph.opset, types);
    if (outputs) {
      kept.push(node);
      node.outputs.forEach((name, place) => name !== "" && types.set(name, outputs[place]!));
    } else {
      late.push(node);
      for (const output of node.outputs) waiting.add(output);
    }
  }
  return { kept, late, types };
}

/**
 * Takes nodes that drop the batch axis (Squeeze, Reshape to rows) into the tail, back to values with a first extent of 1, so that
 * what is left can run with any batch. Operators that multiply stay on the GPU.
 */
function keepBatches(graph: Graph, late: readonly Node[], types: ReadonlyMap<string, TensorType>): readonly Node[] {
  const producers = producersOf(graph);
  const moved = new Set(late);
  const inOrder = () => graph.nodes.filter((node) => moved.has(node));
  for (;;) {
    const dropping = boundaryOf(graph, inOrder()).map((name) => {
      const producer = producers.get(name);
      const { shape, value } = types.get(name)!;
      return value || shape[0] === 1 || !producer || resolveNode(producer, graph.opset).operator.macs
        ? undefined
        : producer;
    }).find((producer) => producer);
    if (!dropping) return inOrder();
    moved.add(dropping);
  }
}

/** Output types of a node, or undefined where they depend on data. */
function typesBefore(node: Node, opset: number, types: ReadonlyMap<string, TensorType>): TensorType[] | undefined {
  const resolved = resolveNode(node, opset);
  const operands = node.inputs.map((name) => name === "" ? undefined : types.get(name));
  return isDataDependent(resolved, operands) ? undefined : inferNode(resolved, operands);
}

/** What the tail reads from before it, and network outputs from there. */
function boundaryOf(graph: Graph, tail: readonly Node[]): string[] {
  const own = new Set(tail.flatMap((node) => node.outputs));
  const reads = tail.flatMap((node) => [...node.inputs, ...capturedBy(node)]);
  const outputs = graph.outputs.map((output) => output.name);
  return [...new Set([...reads, ...outputs])].filter((name) =>
    name !== "" && !own.has(name) && !graph.initializers.has(name)
  );
}
