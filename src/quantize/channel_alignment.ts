/**
 * ActivationChannelAlignment: where one convolution feeds another with nothing between, gives all channels on the way about the
 * same range and a middle of zero, so that one scale suits them all. The second convolution takes it back (POT, tools/pot,
 * algorithms/quantization/channel_alignment).
 *
 * POT also takes MatMul for the first layer; in ONNX its outputs lie along the last axis, over which no convolution sums.
 */
import { elementCount, type HostTensor } from "../base/tensor.ts";
import type { Node } from "../graph/graph.ts";
import { LARGEST_CHANNEL } from "../ops/channel_quantile.ts";
import { quantile } from "./aggregate.ts";
import type { GraphView } from "./graph_view.ts";
import { operandBesideConstant } from "./operands.ts";
import type { ChannelQuantileRequest } from "./statistics.ts";
import type { WeightEdits } from "./weight_edits.ts";

/** Two convolutions with a value between them that only the second reads. */
export interface AlignablePair {
  readonly producer: Node;
  /** A sum with a constant per channel right behind the producer. */
  readonly sum: { readonly node: Node; readonly constant: number } | undefined;
  readonly consumer: Node;
  /** What the consumer reads. */
  readonly value: string;
}

/** Ends of the range of a channel: what lies beyond is left to saturate. */
const QUANTILES = [1e-4, 1 - 1e-4] as const;

/** Limits of the factor of a channel. */
const [SMALLEST_FACTOR, LARGEST_FACTOR] = [0.01, 100];

/** Pairs in the order of the names of their second convolutions, as POT has it. */
export function findAlignable(view: GraphView): AlignablePair[] {
  return view.nodes.flatMap((consumer) => pairBefore(view, consumer) ?? [])
    .sort((a, b) => a.consumer.name < b.consumer.name ? -1 : a.consumer.name > b.consumer.name ? 1 : 0);
}

/** What must be known of the values between: two requests per pair, in their order. */
export function alignmentRequests(pairs: readonly AlignablePair[]): ChannelQuantileRequest[] {
  return pairs.flatMap(({ value }) => QUANTILES.map((q) => ({ name: value, axis: 1, q })));
}

/**
 * Aligns one pair. `low` and `high` are the quantiles asked for, samples × channels. Gives whether anything was changed: values that
 * are not finite have no range.
 */
export function alignPair(
  edits: WeightEdits,
  pair: AlignablePair,
  { low, high }: { readonly low: Float64Array; readonly high: Float64Array },
): boolean {
  const weights = edits.constant(pair.consumer, 1)!;
  const channels = weights.shape[1]!;
  const [least, most] = [medians(low, channels), medians(high, channels)];
  if (![...least, ...most].every(Number.isFinite)) return false;
  const means = least.map((end, channel) => (end + most[channel]!) / 2);
  const factors = factorsOf(least.map((end, channel) => most[channel]! - end));
  changeProducer(edits, pair, means, factors);
  changeConsumer(edits, pair.consumer, means, factors);
  edits.link([pair.producer, ...(pair.sum ? [pair.sum.node] : []), pair.consumer]);
  return true;
}

/** Spread of each channel over the median one, limited; 1 for channels that are constant. */
export function factorsOf(spreads: Float64Array): Float64Array {
  const positive = spreads.filter((spread) => spread > 0);
  if (positive.length === 0) return spreads.map(() => 1);
  const middle = quantile(positive, 0.5);
  return spreads.map((spread) => spread > 0 ? Math.min(Math.max(spread / middle, SMALLEST_FACTOR), LARGEST_FACTOR) : 1);
}

/** Median over samples of every channel. */
function medians(values: Float64Array, channels: number): Float64Array {
  const samples = values.length / channels;
  return Float64Array.from(
    { length: channels },
    (_, channel) =>
      quantile(Float64Array.from({ length: samples }, (_, sample) => values[sample * channels + channel]!), 0.5),
  );
}

/** Output channels become `(x − mean) / factor`. */
function changeProducer(
  edits: WeightEdits,
  { producer, sum }: AlignablePair,
  means: Float64Array,
  factors: Float64Array,
): void {
  const weights = edits.constant(producer, 1)!;
  const perChannel = elementCount(weights.shape) / factors.length;
  const scaled = Float64Array.from(weights.data, (value, index) => value / factors[Math.floor(index / perChannel)]!);
  edits.setConstant(producer, 1, weights.shape, scaled);
  const bias = edits.constant(producer, 2);
  if (!sum) {
    edits.setConstant(
      producer,
      2,
      [factors.length],
      means.map((mean, c) => ((bias?.data[c] ?? 0) - mean) / factors[c]!),
    );
    return;
  }
  if (bias) edits.setConstant(producer, 2, bias.shape, factors.map((factor, c) => bias.data[c]! / factor));
  const added = edits.constant(sum.node, sum.constant)!;
  edits.setConstant(sum.node, sum.constant, added.shape, means.map((mean, c) => (added.data[c]! - mean) / factors[c]!));
}

/** Weights take the factors of their input channels; the bias adds what the weights make of the means. */
function changeConsumer(edits: WeightEdits, consumer: Node, means: Float64Array, factors: Float64Array): void {
  const weights = edits.constant(consumer, 1)!;
  const [outputs, channels] = weights.shape as [number, number];
  const taps = elementCount(weights.shape) / (outputs * channels);
  const bias = Float64Array.from(edits.constant(consumer, 2)?.data ?? new Float64Array(outputs));
  const scaled = Float64Array.from(weights.data, (value, index) => {
    const channel = Math.floor(index / taps) % channels;
    bias[Math.floor(index / (taps * channels))]! += value * means[channel]!;
    return value * factors[channel]!;
  });
  edits.setConstant(consumer, 1, weights.shape, scaled);
  edits.setConstant(consumer, 2, [outputs], bias);
}

/** The pair that ends with a convolution, where that reads no padding: a mean is then the same at every position. */
function pairBefore(view: GraphView, consumer: Node): AlignablePair | undefined {
  const value = consumer.inputs[0] ?? "";
  if (!isPlainConvolution(view, consumer) || view.onlyConsumer(value) !== consumer) return undefined;
  if (elementCount(view.type(value)!.shape.slice(2)) > LARGEST_CHANNEL) return undefined;
  const behind = view.producer(value);
  const source = behind?.type === "Add" ? operandBesideConstant(view, behind) : undefined;
  if (!behind || source === undefined) {
    return behind && isConvolution(view, behind) ? { producer: behind, sum: undefined, consumer, value } : undefined;
  }
  const producer = view.producer(source);
  const constant = behind.inputs[0] === source ? 1 : 0;
  const isBias = producer && isConvolution(view, producer) && view.onlyConsumer(source) === behind &&
    addsPerChannel(view, behind.inputs[constant]!, value);
  return isBias ? { producer, sum: { node: behind, constant }, consumer, value } : undefined;
}

/** A convolution whose weights, and bias if any, are float constants. */
function isConvolution(view: GraphView, node: Node): boolean {
  if (node.type !== "Conv" || node.domain !== "" || view.weightInput(node) !== 1) return false;
  const bias = node.inputs[2] ?? "";
  return constantOf(view, node.inputs[1]!)?.dtype === "float32" && (bias === "" || view.isConstant(bias));
}

function isPlainConvolution(view: GraphView, node: Node): boolean {
  if (!isConvolution(view, node) || (node.attributes.get("group")?.value ?? 1) !== 1) return false;
  const isEach = (name: string, wanted: number) => {
    const attribute = node.attributes.get(name);
    return attribute?.type !== "ints" || attribute.value.every((value) => value === wanted);
  };
  const padding = node.attributes.get("auto_pad")?.value ?? "NOTSET";
  return (padding === "NOTSET" || padding === "VALID") && isEach("pads", 0) && isEach("strides", 1) &&
    isEach("dilations", 1);
}

/** Whether a constant has one entry per channel of `value`, along its axis 1. */
function addsPerChannel(view: GraphView, constant: string, value: string): boolean {
  const { shape, dtype } = constantOf(view, constant)!;
  const to = view.type(value)!.shape;
  return dtype === "float32" && elementCount(shape) === to[1] && shape.length <= to.length &&
    shape.at(1 - to.length) === to[1];
}

function constantOf(view: GraphView, value: string): HostTensor | undefined {
  return view.typed.graph.initializers.get(value);
}
