/** What a network says of the samples that it wants and of what it gives: read off the graph, without running it. */
import { isFloat } from "../../base/tensor.ts";
import type { Layout } from "../../data/pixels.ts";
import type { Graph, Node, ValueInfo } from "../../graph/graph.ts";

/** An input that takes pictures. */
export interface PictureInput {
  readonly name: string;
  readonly layout: Layout;
  readonly channels: number;
  /** Undefined where the network takes any. */
  readonly height: number | undefined;
  readonly width: number | undefined;
  /** Why the layout is this one. */
  readonly reason: string;
  /** The node that scales or shifts the input before anything else, where there is one. */
  readonly scaling: Node | undefined;
}

/** Where a network comes from, as far as normalization goes by it. */
export type Origin = "pytorch" | "tensorflow" | "paddle" | "unknown";

/** The first input as pictures; undefined where it takes something else. */
export function pictureInputOf(graph: Graph): PictureInput | undefined {
  const [input] = graph.inputs;
  if (!input || !isFloat(input.dtype) || input.shape?.length !== 4) return undefined;
  const chain = firstNodes(graph, input.name);
  const transposed = chain.find(({ type }) => type === "Transpose")?.attributes.get("perm");
  const [, second = "", third = "", fourth = ""] = input.shape;
  const convolved = channelsOfFirstConv(graph, chain);
  const isLast = isChannels(fourth) && (!isChannels(second) || isChannelsFirstPermutation(transposed?.value));
  const layout = isLast ? "NHWC" : "NCHW";
  const [channels, height, width] = isLast ? [fourth, second, third] : [second, third, fourth];
  const count = typeof channels === "number" ? channels : convolved;
  if (count === undefined || !isChannels(count)) return undefined;
  return {
    name: input.name,
    layout,
    channels: count,
    height: typeof height === "number" ? height : undefined,
    width: typeof width === "number" ? width : undefined,
    reason: `input "${input.name}" is [${input.shape.map((extent) => extent === "" ? "?" : extent).join(", ")}]`,
    scaling: chain.find(({ type }) => SCALING.has(type)),
  };
}

const SCALING = new Set(["Sub", "Add", "Mul", "Div", "BatchNormalization"]);

/** Operators that leave pixels what they are, or only scale them. */
const PASSED = new Set([...SCALING, "Transpose", "Cast", "Identity", "Squeeze", "Unsqueeze", "Pad"]);

/** The nodes that a value goes through one after the other up to the first that computes something of it, that included. */
function firstNodes({ nodes }: Graph, value: string): Node[] {
  const found: Node[] = [];
  for (let at = value;;) {
    const readers = nodes.filter(({ inputs }) => inputs.includes(at));
    const [reader] = readers;
    if (!reader || readers.length > 1) return found;
    found.push(reader);
    const [next] = reader.outputs;
    if (!PASSED.has(reader.type) || next === undefined) return found;
    at = next;
  }
}

function channelsOfFirstConv({ initializers }: Graph, chain: readonly Node[]): number | undefined {
  const conv = chain.find(({ type }) => type === "Conv");
  return initializers.get(conv?.inputs[1] ?? "")?.shape[1];
}

function isChannels(extent: number | string): boolean {
  return extent === 1 || extent === 3;
}

function isChannelsFirstPermutation(perm: unknown): boolean {
  return Array.isArray(perm) && perm.join() === "0,3,1,2";
}

/** How many values a sample has in the output, where it is a vector of them; undefined for anything else. */
export function vectorLength(output: ValueInfo | undefined): number | undefined {
  const [, ...extents] = output?.shape ?? [];
  const wide = extents.filter((extent) => extent !== 1);
  if (extents.length === 0 || wide.length > 1) return undefined;
  const [length = 1] = wide;
  return typeof length === "number" ? length : undefined;
}

/** By the producer that the file names, else by the names that exporters give to nodes and inputs. */
export function originOf(graph: Graph): { readonly origin: Origin; readonly reason: string } {
  const { producerName } = graph.metadata;
  for (const [origin, producers] of PRODUCERS) {
    if (producers.test(producerName)) return { origin, reason: `the file says "${producerName}"` };
  }
  const names = [...graph.inputs.map(({ name }) => name), ...graph.nodes.map(({ name }) => name)];
  for (const [origin, pattern] of NAMES) {
    const name = names.find((one) => pattern.test(one));
    if (name !== undefined) return { origin, reason: `"${name}" is a name as its exporters give them` };
  }
  return { origin: "unknown", reason: "neither the file's producer nor its names tell where it comes from" };
}

const PRODUCERS: readonly (readonly [Origin, RegExp])[] = [
  ["pytorch", /pytorch|torch/i],
  ["tensorflow", /tf2onnx|keras|tensorflow|tflite/i],
  ["paddle", /paddle/i],
];

const NAMES: readonly (readonly [Origin, RegExp])[] = [
  ["pytorch", /^\/?(layer\d|features|stages|backbone)[./]|^Conv_\d+$|^input\.1$|::/],
  [
    "tensorflow",
    /MobilenetV|^conv_?2d|^depthwise_conv_?2d|^conv_(dw|pw)_\d|serving_default|StatefulPartitionedCall|:0$|_bn\//,
  ],
  ["paddle", /^(p2o|pd_|conv2d_\d+\.tmp)/],
];

/** Whether activations of both signs are to be expected between layers: then asymmetric ones make better use of 8 bits. */
export function signedActivation({ nodes }: Graph): Node | undefined {
  return nodes.find(({ type }) => SIGNED.has(type));
}

const SIGNED = new Set([
  "HardSwish",
  "HardSigmoid",
  "Gelu",
  "Erf",
  "Elu",
  "Celu",
  "Selu",
  "LeakyRelu",
  "PRelu",
  "Mish",
  "Tanh",
]);

/** The product of attention: a MatMul that reads a Softmax. */
export function attentionProduct({ nodes }: Graph): Node | undefined {
  const softmaxes = new Set(nodes.filter(({ type }) => type === "Softmax").flatMap(({ outputs }) => outputs));
  return nodes.find(({ type, inputs }) => type === "MatMul" && inputs.some((name) => softmaxes.has(name)));
}

/** A node that quantizes activations. Weights alone may be stored as codes: the network computes in float all the same. */
export function quantizingNode({ nodes }: Graph): Node | undefined {
  return nodes.find(({ type }) =>
    /^(QuantizeLinear|DynamicQuantizeLinear|QLinear\w+|ConvInteger|MatMulInteger)$/.test(type)
  );
}
