/** Rewrites nodes whose constants hold a batch size of 1, so that they follow the batch. */
import { elementCount, type HostTensor, hostTensor, knownTensor, type TensorType } from "../base/tensor.ts";
import { normalizeAxis } from "../base/shape.ts";
import { freshName } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";

/** Types of all values before a node for batch sizes 1 and 2. */
export interface BatchTypes {
  readonly ones: ReadonlyMap<string, TensorType>;
  readonly twos: ReadonlyMap<string, TensorType>;
}

/** What stands in for a node: the nodes, itself last, and the constants that they need. */
export interface Following {
  readonly nodes: readonly Node[];
  readonly initializers: ReadonlyMap<string, HostTensor>;
}

/** The node in a form that follows the batch, or undefined where it does so, or has no such form. */
export function followNode(graph: Graph, node: Node, types: BatchTypes): Following | undefined {
  if (node.domain !== "") return undefined;
  if (node.type === "Reshape") return followReshape(graph, node, types);
  if (node.type === "Concat") return expandOperands(graph, node, node.inputs.keys().toArray(), types);
  if (node.type === "LSTM" || node.type === "GRU" || node.type === "RNN") {
    // Initial states are [directions, batch, hidden].
    return expandOperands(graph, node, [5, 6].filter((place) => (node.inputs[place] ?? "") !== ""), types);
  }
  if (node.type === "Resize" && (node.inputs[3] ?? "") !== "") return followSizes(graph, node, types);
  return undefined;
}

/** The axis that grows with the batch, where there is exactly one. */
export function batchAxis(name: string, { ones, twos }: BatchTypes): number | undefined {
  const [one, two] = [ones.get(name)?.shape, twos.get(name)?.shape];
  if (!one || !two || one.length !== two.length) return undefined;
  const growing = one.flatMap((extent, axis) => extent === two[axis] ? [] : [axis]);
  const [axis] = growing;
  return axis !== undefined && growing.length === 1 && two[axis] === 2 * one[axis]! ? axis : undefined;
}

/** What the file states for a value, as an initializer or by nodes that know nothing of the batch. */
function literalOf(graph: Graph, name: string, { ones, twos }: BatchTypes): HostTensor | undefined {
  const [one, two] = [ones.get(name), twos.get(name)].map((type) => type && knownTensor(type));
  const isSame = one && two && one.data.every((value, place) => value === two.data[place]);
  return graph.initializers.get(name) ?? (isSame ? one : undefined);
}

/** The samples of a batch lie one behind the other from some axis on; in the new shape that is the axis with as many elements before it. */
function followReshape(graph: Graph, node: Node, types: BatchTypes): Following | undefined {
  const [data, shapeName] = [node.inputs[0]!, node.inputs[1] ?? ""];
  const literal = literalOf(graph, shapeName, types);
  const axis = batchAxis(data, types);
  if (!literal || axis === undefined || node.attributes.get("allowzero")?.value === 1) return undefined;
  const from = types.ones.get(data)!.shape;
  const wanted = Array.from(literal.data);
  const target = resolved(wanted, from);
  const outer = elementCount(from.slice(0, axis));
  const place = target.findIndex((_, index) => elementCount(target.slice(0, index)) === outer);
  if (place < 0) return undefined;
  const doubled = from.map((extent, index) => index === axis ? 2 * extent : extent);
  const expected = target.map((extent, index) => index === place ? 2 * extent : extent);
  const follows = (shape: readonly number[]) => {
    const found = resolved(shape, doubled);
    return found.every((extent, index) => extent === expected[index]);
  };
  if (follows(wanted)) return undefined;
  const copied = wanted.map((extent, index) => index === place ? 0 : extent);
  const leftOver = wanted.map((extent, index) => {
    if (index === place) return -1;
    return extent === -1 || (extent === 0 && index === axis) ? target[index]! : extent;
  });
  const mended = place === axis && from[axis] === target[place] && follows(copied) ? copied : leftOver;
  const name = freshName(graph, `${shapeName}_any_batch`);
  return {
    nodes: [{ ...node, inputs: [data, name] }],
    initializers: new Map([[name, hostTensor("int64", literal.shape, mended)]]),
  };
}

/** ONNX Reshape's target: 0 copies, -1 takes what is left. */
function resolved(wanted: readonly number[], from: readonly number[]): number[] {
  const shape = wanted.map((extent, index) => extent === 0 ? from[index] ?? 0 : extent);
  const known = elementCount(shape.filter((extent) => extent !== -1));
  return shape.map((extent) => extent === -1 ? elementCount(from) / Math.max(1, known) : extent);
}

/** Repeats operands at `places` that are the same for every sample, such as class tokens and initial states, along the batch. */
function expandOperands(
  graph: Graph,
  node: Node,
  places: readonly number[],
  types: BatchTypes,
): Following | undefined {
  const recurrent = node.type !== "Concat";
  const leader = recurrent ? node.inputs[0]! : node.inputs.find((name) => batchAxis(name, types) !== undefined);
  if (leader === undefined) return undefined;
  const leaderAxis = batchAxis(leader, types);
  if (leaderAxis === undefined) return undefined;
  const axis = recurrent ? 1 : leaderAxis;
  const rank = types.ones.get(leader)!.shape.length;
  if (!recurrent && normalizeAxis(node.attributes.get("axis")?.value as number ?? 0, rank) === axis) return undefined;
  const alike = places.filter((place) => {
    const shape = types.twos.get(node.inputs[place]!)?.shape;
    return shape?.length === rank && shape[axis] === 1;
  });
  if (alike.length === 0 || types.ones.get(leader)!.shape[leaderAxis] !== 1) return undefined;
  const extents = extentsWithBatch(graph, node, leader, { leaderAxis, axis, extents: new Array<number>(rank).fill(1) });
  const expansions = alike.map((place): Node => ({
    ...plainNode(freshName(graph, `${node.name}_expand${place}`)),
    type: "Expand",
    inputs: [node.inputs[place]!, extents.output],
  }));
  const inputs = node.inputs.map((name, place) => {
    const index = alike.indexOf(place);
    return index < 0 ? name : expansions[index]!.outputs[0]!;
  });
  return { nodes: [...extents.nodes, ...expansions, { ...node, inputs }], initializers: extents.initializers };
}

/** Resize to literal extents that begin with a batch of 1. */
function followSizes(graph: Graph, node: Node, types: BatchTypes): Following | undefined {
  const sizes = literalOf(graph, node.inputs[3]!, types);
  const data = node.inputs[0]!;
  const rank = types.ones.get(data)?.shape.length;
  if (sizes?.data[0] !== 1 || sizes.data.length !== rank || batchAxis(data, types) !== 0) return undefined;
  if (types.ones.get(data)!.shape[0] !== 1) return undefined;
  const extents = extentsWithBatch(graph, node, data, { leaderAxis: 0, axis: 0, extents: Array.from(sizes.data) });
  const inputs = node.inputs.map((name, place) => place === 3 ? extents.output : name);
  return { nodes: [...extents.nodes, { ...node, inputs }], initializers: extents.initializers };
}

/** Nodes that compute `extents` with the extent of `leader`'s batch axis at `axis`. */
function extentsWithBatch(
  graph: Graph,
  node: Node,
  leader: string,
  { leaderAxis, axis, extents }: { leaderAxis: number; axis: number; extents: readonly number[] },
): Following & { readonly output: string } {
  const named = (suffix: string) => freshName(graph, `${node.name}_${suffix}`);
  const initializers = new Map<string, HostTensor>();
  const constant = (suffix: string, values: readonly number[]): string => {
    const name = named(suffix);
    initializers.set(name, hostTensor("int64", [values.length], values));
    return name;
  };
  const shape = { ...plainNode(named("batch_shape")), type: "Shape", inputs: [leader] };
  const batch = {
    ...plainNode(named("batch")),
    type: "Gather",
    inputs: [shape.outputs[0]!, constant("batch_axis", [leaderAxis])],
  };
  const parts = [
    ...(axis > 0 ? [constant("extents_before", extents.slice(0, axis))] : []),
    batch.outputs[0]!,
    ...(axis < extents.length - 1 ? [constant("extents_behind", extents.slice(axis + 1))] : []),
  ];
  const whole: Node = {
    ...plainNode(named("batch_extents")),
    type: "Concat",
    inputs: parts,
    attributes: new Map([["axis", { type: "int", value: 0 }]]),
  };
  return { nodes: [shape, batch, whole], initializers, output: whole.outputs[0]! };
}

/** A node without type and inputs, whose output has its name. */
function plainNode(name: string): Omit<Node, "type" | "inputs"> {
  return { name, domain: "", outputs: [name], attributes: new Map() };
}
