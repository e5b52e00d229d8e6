/** Folds BatchNormalization into the Conv, ConvTranspose or Gemm before it. */
import { elementCount, type HostTensor } from "../base/tensor.ts";
import { consumersOf, freshName, producersOf, withInitializers, withNodes } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";

/**
 * `scale · (W x + b − mean) / √(var + ε) + beta` becomes `W' x + b'` with `W' = f W`, `b' = f (b − mean) + beta`,
 * `f = scale / √(var + ε)` per output channel (ONNX BatchNormalization in inference). The folded node keeps the name
 * of the convolution and the output of the normalization. Folds only what nobody else reads.
 */
export function foldBatchNorm(graph: Graph): Graph {
  let result = graph;
  for (const node of graph.nodes) {
    if (node.type === "BatchNormalization" && node.domain === "") result = foldOne(result, node);
  }
  return result;
}

function foldOne(graph: Graph, norm: Node): Graph {
  const [source, ...parameters] = norm.inputs;
  const [scale, beta, mean, variance] = parameters.map((name) => graph.initializers.get(name));
  const producer = producersOf(graph).get(source!);
  const isTraining = norm.outputs.slice(1).some((output) => output !== "") ||
    norm.attributes.get("training_mode")?.value === 1;
  if (!scale || !beta || !mean || !variance || isTraining || !producer || !canTakeFactor(producer)) return graph;
  const consumers = consumersOf(graph);
  const isOutput = graph.outputs.some((output) => output.name === source);
  const weight = graph.initializers.get(producer.inputs[1]!);
  const biasName = producer.inputs[2] ?? "";
  const bias = graph.initializers.get(biasName);
  if (isOutput || consumers.get(source!)?.length !== 1 || !weight || (biasName !== "" && !bias)) return graph;

  const epsilon = (norm.attributes.get("epsilon")?.value as number | undefined) ?? 1e-5;
  const channels = elementCount(scale.shape);
  const factor = Float64Array.from(
    { length: channels },
    (_, c) => scale.data[c]! / Math.sqrt(variance.data[c]! + epsilon),
  );
  const axis = weightAxis(producer, channels, weight);
  if (axis === undefined || (bias && elementCount(bias.shape) !== channels)) return graph;
  const folded = Float32Array.from(factor, (f, c) => f * ((bias?.data[c] ?? 0) - mean.data[c]!) + beta.data[c]!);
  const weightName = freshName(graph, `${producer.inputs[1]}_folded`);
  const foldedBias = freshName(graph, biasName === "" ? `${producer.name}_bias` : `${biasName}_folded`);
  const merged: Node = {
    ...producer,
    inputs: [producer.inputs[0]!, weightName, foldedBias],
    outputs: [norm.outputs[0]!],
  };
  const nodes = graph.nodes.flatMap((node) =>
    node.name === producer.name ? [] : node.name === norm.name ? [merged] : [node]
  );
  const tensors = new Map<string, HostTensor>([
    [weightName, scaleChannels(weight, axis, factor, producer)],
    [foldedBias, { dtype: weight.dtype, shape: [channels], data: folded }],
  ]);
  return withNodes(withInitializers(graph, tensors), nodes);
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
  return { ...weight, data };
}
