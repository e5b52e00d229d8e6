/** Folds BatchNormalization into the Conv, ConvTranspose or Gemm before it. */
import { elementCount, type HostTensor } from "../base/tensor.ts";
import { consumersOf, freshNames, producersOf, withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";

/**
 * `scale · (W x + b − mean) / √(var + ε) + beta` becomes `W' x + b'` with `W' = f W`, `b' = f (b − mean) + beta`,
 * `f = scale / √(var + ε)` per output channel (ONNX BatchNormalization in inference). The folded node keeps the name
 * of the convolution and the output of the normalization. Folds only what nobody else reads.
 */
export function foldBatchNorm(graph: Graph): Graph {
  const folding: Folding = {
    producers: producersOf(graph),
    consumers: consumersOf(graph),
    outputs: new Set(graph.outputs.map((output) => output.name)),
    nameOf: freshNames(graph),
    tensors: new Map(graph.initializers),
    standing: new Map(graph.nodes.map((node) => [node.name, node])),
    placeOf: new Map(),
  };
  for (const node of graph.nodes) {
    if (node.type === "BatchNormalization" && node.domain === "") foldOne(folding, node);
  }
  if (folding.placeOf.size === 0) return graph;
  const nodes = graph.nodes.flatMap(({ name }) => folding.standing.get(name) ?? []);
  return withNodes(withInitializers(graph, folding.tensors), nodes);
}

/** The graph while it is being folded. */
interface Folding {
  readonly producers: Map<string, Node>;
  readonly consumers: ReadonlyMap<string, readonly Node[]>;
  readonly outputs: ReadonlySet<string>;
  readonly nameOf: (wanted: string) => string;
  /** All initializers, those folded included. */
  readonly tensors: Map<string, HostTensor>;
  /** What stands in the place of each node. */
  readonly standing: Map<string, Node>;
  /** The node in whose place a folded one stands, by the name of the latter. */
  readonly placeOf: Map<string, string>;
}

function foldOne({ producers, consumers, outputs, nameOf, tensors, standing, placeOf }: Folding, norm: Node): void {
  const [source, ...parameters] = norm.inputs;
  const [scale, beta, mean, variance] = parameters.map((name) => tensors.get(name));
  const producer = producers.get(source!);
  const isTraining = norm.outputs.slice(1).some((output) => output !== "") ||
    norm.attributes.get("training_mode")?.value === 1;
  if (!scale || !beta || !mean || !variance || isTraining || !producer || !canTakeFactor(producer)) return;
  const weight = tensors.get(producer.inputs[1]!);
  const biasName = producer.inputs[2] ?? "";
  const bias = tensors.get(biasName);
  const isShared = outputs.has(source!) || consumers.get(source!)?.length !== 1;
  if (isShared || !weight || (biasName !== "" && !bias)) return;

  const epsilon = (norm.attributes.get("epsilon")?.value as number | undefined) ?? 1e-5;
  const channels = elementCount(scale.shape);
  const factor = Float64Array.from(
    { length: channels },
    (_, c) => scale.data[c]! / Math.sqrt(variance.data[c]! + epsilon),
  );
  const axis = weightAxis(producer, channels, weight);
  if (axis === undefined || (bias && elementCount(bias.shape) !== channels)) return;
  const folded = Float32Array.from(factor, (f, c) => f * ((bias?.data[c] ?? 0) - mean.data[c]!) + beta.data[c]!);
  const weightName = nameOf(`${producer.inputs[1]}_folded`);
  const foldedBias = nameOf(biasName === "" ? `${producer.name}_bias` : `${biasName}_folded`);
  const merged: Node = {
    ...producer,
    inputs: [producer.inputs[0]!, weightName, foldedBias],
    outputs: [norm.outputs[0]!],
  };
  tensors.set(weightName, scaleChannels(weight, axis, factor, producer));
  tensors.set(foldedBias, { dtype: weight.dtype, shape: [channels], data: folded });
  standing.delete(placeOf.get(producer.name) ?? producer.name);
  standing.set(norm.name, merged);
  placeOf.set(producer.name, norm.name);
  producers.set(norm.outputs[0]!, merged);
}

function canTakeFactor(node: Node): boolean {
  if (node.domain !== "") return false;
  if (node.type === "Conv" || node.type === "ConvTranspose") return true;
  const attribute = (name: string, fallback: number) => node.attributes.get(name)?.value ?? fallback;
  return node.type === "Gemm" && attribute("alpha", 1) === 1 && attribute("beta", 1) === 1;
}

/** Axis of the weight that runs over output channels, or over those of one group for ConvTranspose. */
function weightAxis(node: Node, channels: number, weight: HostTensor): number | undefined {
  if (node.type === "Conv") return weight.shape[0] === channels ? 0 : undefined;
  if (node.type === "Gemm") return node.attributes.get("transB")?.value === 1 ? 0 : 1;
  return weight.shape[1]! * groupsOf(node) === channels ? 1 : undefined;
}

function groupsOf(node: Node): number {
  return (node.attributes.get("group")?.value as number | undefined) ?? 1;
}

function scaleChannels(weight: HostTensor, axis: number, factor: Float64Array, node: Node): HostTensor {
  const extent = weight.shape[axis]!;
  const inner = elementCount(weight.shape.slice(axis + 1));
  // ConvTranspose weights are [C_in, C_out / group, …]: the group of an input channel tells which outputs it feeds.
  const inputsPerGroup = node.type === "ConvTranspose" ? weight.shape[0]! / groupsOf(node) : Infinity;
  const data = Float32Array.from(weight.data, (value, index) => {
    const channel = Math.floor(index / inner) % extent;
    const group = Math.floor(Math.floor(index / (inner * extent)) / inputsPerGroup);
    return value * factor[channel + group * extent]!;
  });
  return { dtype: weight.dtype, shape: weight.shape, data };
}
