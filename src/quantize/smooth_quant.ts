/**
 * SmoothQuant: matrix products whose activations have a few channels far larger than the rest hand part of that spread over to
 * their weights, which have a scale per output channel and lose less by it. Channel j of the activations is divided by
 * `max|X_j|^alpha / max|W_j|^(1 - alpha)` and row j of the weights multiplied by it (Xiao, Lin, Seznec, Wu, Demouth and Han,
 * "SmoothQuant", 2023, equation 4).
 */
import type { HostTensor } from "../base/tensor.ts";
import type { Node } from "../graph/graph.ts";
import { LARGEST_CHANNEL } from "../ops/channel_quantile.ts";
import { channelIndexer } from "./fake_quantize.ts";
import type { GraphView } from "./graph_view.ts";
import { type Division, findDivisions } from "./smooth_divisions.ts";
import type { ChannelQuantileRequest } from "./statistics.ts";
import type { WeightEdits } from "./weight_edits.ts";

/** An activation and all matrix products with constant weights that read it: they share its division. */
export interface SmoothableValue {
  readonly value: string;
  /** At least one, in graph order. */
  readonly readers: readonly Node[];
}

/** Factors stay within this of 1, so that a channel that is all but dead is not blown up. */
const LARGEST_FACTOR = 1e5;

/** Activations of matrix products, in graph order. */
export function findSmoothable(view: GraphView): SmoothableValue[] {
  const readers = new Map<string, Node[]>();
  for (const node of view.nodes) {
    if (!isMatrixProduct(view, node)) continue;
    const value = node.inputs[0]!;
    readers.set(value, [...readers.get(value) ?? [], node]);
  }
  return [...readers].map(([value, nodes]) => ({ value, readers: nodes }));
}

/** What must be known of the activations: minimum and maximum of the channels along the last axis of each. */
export function smoothingRequests(view: GraphView, values: readonly SmoothableValue[]): ChannelQuantileRequest[] {
  return values.flatMap(({ value }) => {
    const axis = view.type(value)!.shape.length - 1;
    return [0, 1].map((q) => ({ name: value, axis, q }));
  });
}

/**
 * Smooths one activation. `low` and `high` are the extremes asked for, samples × channels. The division goes into constants that the
 * activation is made with where there are such, else into a product in front of the readers.
 */
export function smoothValue(
  view: GraphView,
  edits: WeightEdits,
  { value, readers }: SmoothableValue,
  statistics: { readonly low: Float64Array; readonly high: Float64Array; readonly alpha: number },
): void {
  const factors = factorsOf(reaches(view, value, statistics), rowReaches(edits, readers), statistics.alpha);
  for (const reader of readers) scaleRows(edits, reader, factors);
  const divisions = findDivisions(view, value, readers);
  if (divisions) {
    for (const division of divisions) divide(edits, division, factors);
    edits.link([...readers, ...divisions.map(({ node }) => node)]);
    return;
  }
  const operands = readers.map((node) => ({ node, input: 0 }));
  edits.insertProduct(value, factors.map((factor) => 1 / factor), readers[0]!, operands);
  edits.link(readers);
}

/** Factor of each channel; 1 where either side is zero throughout, or not finite. */
export function factorsOf(activations: Float64Array, weights: Float64Array, alpha: number): Float64Array {
  return activations.map((reach, channel) => {
    const factor = reach ** alpha / weights[channel]! ** (1 - alpha);
    if (!(reach > 0) || !(weights[channel]! > 0) || !Number.isFinite(factor)) return 1;
    return Math.min(Math.max(factor, 1 / LARGEST_FACTOR), LARGEST_FACTOR);
  });
}

/** MatMul, or Gemm that does not transpose its activations, of float constants in two dimensions. */
function isMatrixProduct(view: GraphView, node: Node): boolean {
  if (node.domain !== "" || (node.type !== "MatMul" && node.type !== "Gemm")) return false;
  if (view.weightInput(node) !== 1 || node.attributes.get("transA")?.value === 1) return false;
  const activation = view.type(node.inputs[0]!);
  const weights = view.type(node.inputs[1]!);
  if (activation?.dtype !== "float32" || weights?.dtype !== "float32" || weights.shape.length !== 2) return false;
  const rank = activation.shape.length;
  const positions = activation.shape.slice(1, -1).reduce((product, extent) => product * extent, 1);
  return rank >= 2 && activation.value === undefined && positions <= LARGEST_CHANNEL;
}

/** Largest absolute value of each channel over all samples. */
function reaches(
  view: GraphView,
  value: string,
  { low, high }: { readonly low: Float64Array; readonly high: Float64Array },
): Float64Array {
  const found = new Float64Array(view.type(value)!.shape.at(-1)!);
  low.forEach((end, place) => {
    const channel = place % found.length;
    found[channel] = Math.max(found[channel]!, Math.abs(end), Math.abs(high[place]!));
  });
  return found;
}

/** Largest absolute weight that each input channel meets in any reader. */
function rowReaches(edits: WeightEdits, readers: readonly Node[]): Float64Array {
  const found: number[] = [];
  for (const reader of readers) {
    const weights = edits.constant(reader, 1)!;
    const rowOf = channelIndexer(weights.shape, rowAxis(reader));
    weights.data.forEach((value: number, offset: number) => {
      const row = rowOf(offset);
      found[row] = Math.max(found[row] ?? 0, Math.abs(value));
    });
  }
  return Float64Array.from(found);
}

function scaleRows(edits: WeightEdits, reader: Node, factors: Float64Array): void {
  const weights = edits.constant(reader, 1)!;
  edits.setConstant(reader, 1, weights.shape, scaled(weights, rowAxis(reader), factors));
}

function divide(edits: WeightEdits, { node, input, axis }: Division, factors: Float64Array): void {
  const tensor = edits.constant(node, input)!;
  edits.setConstant(node, input, tensor.shape, scaled(tensor, axis, factors.map((factor) => 1 / factor)));
}

function scaled(tensor: HostTensor, axis: number, factors: Float64Array): Float64Array {
  const channelOf = channelIndexer(tensor.shape, axis);
  return Float64Array.from(tensor.data, (value, offset) => value * factors[channelOf(offset)]!);
}

/** Axis of a reader's weights that meets the activation's channels. */
function rowAxis(reader: Node): number {
  return reader.attributes.get("transB")?.value === 1 ? 1 : 0;
}
