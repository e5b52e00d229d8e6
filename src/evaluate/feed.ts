/** Puts a dataset in front of a network: which input gets what, and the normalization as a node of the graph. */
import { DatasetError, ModelError } from "../base/errors.ts";
import { elementCount, formatShape, type HostTensor, isFloat, type TensorType } from "../base/tensor.ts";
import type { Dataset, SampleInput } from "../data/dataset.ts";
import { withInitializers } from "../graph/edit.ts";
import type { Graph, Node, ValueInfo } from "../graph/graph.ts";
import { INTERNAL_DOMAIN, normalizeSamples } from "../ops/normalize_samples.ts";

/** A network with its dataset in front. */
export interface Feed {
  /** The graph, whose inputs are what the dataset stores. */
  readonly graph: Graph;
  /** One entry per input of the dataset, in its order. */
  readonly inputs: readonly FeedInput[];
}

/** How one input of the dataset reaches the network. */
export interface FeedInput {
  /** Input of the feed's graph. */
  readonly name: string;
  readonly stored: SampleInput;
  /** Words of one sample in GPU memory. */
  readonly sampleWords: number;
  /** Whether four bytes share a word. */
  readonly packsBytes: boolean;
}

/**
 * Matches the dataset's inputs with the network's, and replaces inputs that need normalization or unpacking by stored
 * samples and a node that normalizes. The network's own values keep their names.
 */
export function attachDataset(graph: Graph, dataset: Dataset): Feed {
  if (graph.inputs.length !== dataset.inputs.length) {
    throw new DatasetError(
      `Cannot feed network: dataset "${dataset.name}" has ${dataset.inputs.length} inputs, expected ${graph.inputs.length} (${
        graph.inputs.map((input) => input.name).join(", ")
      })`,
    );
  }
  let result = graph;
  const inputs = dataset.inputs.map((stored): FeedInput => {
    const input = inputFor(graph, stored, dataset);
    checkShape(input, stored, dataset);
    const isByte = stored.dtype === "uint8" && input.dtype !== "uint8";
    if (!isByte && !stored.normalization) {
      return { name: input.name, stored, sampleWords: elementCount(stored.shape), packsBytes: false };
    }
    result = normalized(result, input, stored);
    const words = isByte ? Math.ceil(elementCount(stored.shape) / 4) : elementCount(stored.shape);
    return { name: `${input.name}/stored`, stored, sampleWords: words, packsBytes: isByte };
  });
  return { graph: result, inputs };
}

/** Types of the feed's inputs for a batch size. */
export function feedTypes(feed: Feed, batch: number): Map<string, TensorType> {
  return new Map(feed.inputs.map(({ name, stored, sampleWords, packsBytes }) => {
    if (!name.endsWith("/stored")) return [name, { dtype: networkType(feed, name), shape: [batch, ...stored.shape] }];
    return [name, { dtype: packsBytes ? "int32" as const : "float32" as const, shape: [batch, sampleWords] }];
  }));
}

function networkType(feed: Feed, name: string): TensorType["dtype"] {
  return feed.graph.inputs.find((input) => input.name === name)!.dtype;
}

function inputFor(graph: Graph, stored: SampleInput, dataset: Dataset): ValueInfo {
  const input = stored.name === undefined ? graph.inputs[0] : graph.inputs.find(({ name }) => name === stored.name);
  if (input) return input;
  throw new DatasetError(
    `Cannot feed network: dataset "${dataset.name}" names an input "${stored.name}", the network has ${
      graph.inputs.map(({ name }) => `"${name}"`).join(", ")
    }`,
  );
}

function checkShape(input: ValueInfo, stored: SampleInput, dataset: Dataset): void {
  const expected = input.shape?.slice(1);
  if (!expected) return;
  const fits = expected.length === stored.shape.length &&
    expected.every((extent, axis) => typeof extent === "string" || extent === stored.shape[axis]);
  if (fits) return;
  throw new ModelError(
    `Cannot feed input "${input.name}": samples of dataset "${dataset.name}" are ${
      formatShape(stored.shape)
    }, expected ${formatShape(expected.map((extent) => extent === "" ? "?" : extent))}${remedyFor(stored, expected)}`,
  );
}

/** What makes pictures fit: the commonest reason why samples do not. */
function remedyFor({ dtype, shape }: SampleInput, expected: readonly (number | string)[]): string {
  if (dtype !== "uint8" || shape.length !== 3 || expected.length !== 3) return "";
  const isTransposed = expected[0] === shape[2] || expected[2] === shape[0];
  return isTransposed
    ? '; "layout" of dataset.json is the order of axes for pictures, arrays have to be stored in it'
    : "; pictures need a resize or crop step in dataset.json, which init writes";
}

/** Puts a NormalizeSamples node before an input. Bytes without normalization go through it with mean 0 and deviation 1. */
function normalized(graph: Graph, input: ValueInfo, stored: SampleInput): Graph {
  if (!isFloat(input.dtype) || input.dtype === "float64") {
    throw new ModelError(
      `Cannot feed input "${input.name}": it takes ${input.dtype}, the dataset stores ${stored.dtype}`,
    );
  }
  // Without normalization one mean serves every element: an axis past the last has one channel.
  const channelAxis = stored.normalization?.channelAxis ?? stored.shape.length;
  const channels = stored.normalization ? stored.normalization.mean.length : 1;
  const constant = (values: readonly number[]): HostTensor => ({
    dtype: "float32",
    shape: [channels],
    data: Float32Array.from(values),
  });
  const [deviation, mean] = [`${input.name}/std`, `${input.name}/mean`];
  const node: Node = {
    name: `${input.name}/normalize`,
    type: normalizeSamples.type,
    domain: INTERNAL_DOMAIN,
    inputs: [`${input.name}/stored`, deviation, mean],
    outputs: [input.name],
    attributes: new Map([
      ["shape", { type: "ints", value: stored.shape }],
      ["channel_axis", { type: "int", value: channelAxis }],
      ["bytes", { type: "int", value: stored.dtype === "uint8" ? 1 : 0 }],
    ]),
  };
  const inputs = graph.inputs.map((one): ValueInfo =>
    one.name === input.name ? { name: `${input.name}/stored`, dtype: "int32", shape: undefined } : one
  );
  return withInitializers(
    { ...graph, inputs, nodes: [node, ...graph.nodes] },
    new Map([
      [deviation, constant(stored.normalization?.std ?? [1])],
      [mean, constant(stored.normalization?.mean ?? [0])],
    ]),
  );
}
