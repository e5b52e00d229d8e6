/**
 * FastBiasCorrection: shifts biases so that quantized weights leave the mean of each output channel where it was.
 *
 * The input is taken as constant per channel, at its mean over the calibration samples. What a convolution with zero
 * padding then gives on average is exact: each tap counts with the share of output positions at which it lies inside.
 */
import { elementCount, type HostTensor } from "../base/tensor.ts";
import type { Node } from "../graph/graph.ts";
import type { GraphView } from "./graph_view.ts";

/** How biases are corrected. */
export interface BiasCorrectionOptions {
  /**
   * `false` corrects layer after layer by what the network with all weights in int8 really gives, so that the errors of earlier
   * layers count: POT's BiasCorrection. One pass over a fifth of the samples for every layer.
   */
  readonly fast?: boolean;
  /** Largest relative change of a bias that is believed: 2, or 1000 where not fast. */
  readonly threshold?: number;
  /** Whether layers with a zero in their bias, and all that had none, are corrected too; POT leaves them. */
  readonly applyForAllNodes?: boolean;
  /**
   * What the mean of the float output is compared from: `modelled` computes it as that of the quantized layer is
   * computed, so that what the constant input leaves out cancels; `measured` takes the true mean, as POT does.
   */
  readonly outputMean?: "modelled" | "measured";
}

/** POT's threshold. */
const THRESHOLD = 2;

/** Shares with which the taps of a kernel count, by position in the kernel, row-major. */
type TapShares = Float64Array;

/** Mean over positions of each output channel, without bias, for an input that is constant per channel. */
export function meanResponse(
  view: GraphView,
  node: Node,
  weights: HostTensor,
  inputMeans: Float64Array,
): Float64Array {
  switch (node.type) {
    case "Conv":
      return convolutionResponse(node, weights, inputMeans, tapShares(view, node, weights));
    case "ConvTranspose":
      return transposedResponse(node, weights, inputMeans, tapShares(view, node, weights));
    default:
      return matrixResponse(weights, inputMeans, node.type === "Gemm" && integer(node, "transB", 0) === 1);
  }
}

/**
 * The corrected bias, or the old one where the change is not to be believed. `before` and `after` are the mean responses of
 * float and quantized weights; `outputMeans`, where given, the measured means of the biased float output.
 */
export function correctBias(
  bias: ArrayLike<number>,
  before: Float64Array,
  after: Float64Array,
  outputMeans: Float64Array | undefined,
  options: BiasCorrectionOptions = {},
): Float64Array {
  const old = Float64Array.from(bias);
  const corrected = old.map((value, channel) => (outputMeans?.[channel] ?? value + before[channel]!) - after[channel]!);
  return believedBias(old, corrected, THRESHOLD, options);
}

/** The corrected bias, or the old one where the change is beyond the threshold. */
export function believedBias(
  old: Float64Array,
  corrected: Float64Array,
  threshold: number,
  options: BiasCorrectionOptions,
): Float64Array {
  const isBelievable = corrected.every(Number.isFinite) &&
    magnitude(old, corrected, options.applyForAllNodes ?? true) < (options.threshold ?? threshold);
  return isBelievable ? corrected : old;
}

/**
 * Largest change relative to the bias it changes. POT gives up where any bias is zero; otherwise changes are then related
 * to the largest bias, and to nothing where all are zero: there is no bias to distrust a change by.
 */
function magnitude(old: Float64Array, corrected: Float64Array, allNodes: boolean): number {
  const largest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const shifts = corrected.map((value, channel) => value - old[channel]!);
  if (!old.includes(0)) return largest(shifts.map((shift, channel) => shift / old[channel]!));
  if (!allNodes) return Infinity;
  const reference = largest(old);
  return reference === 0 ? 0 : largest(shifts) / reference;
}

/** Weights `[C_out, C_in / group, …taps]`. */
function convolutionResponse(node: Node, weights: HostTensor, means: Float64Array, shares: TapShares): Float64Array {
  const [outputs, inputsPerGroup] = weights.shape as [number, number];
  const outputsPerGroup = outputs / integer(node, "group", 1);
  const taps = shares.length;
  const response = new Float64Array(outputs);
  for (let output = 0; output < outputs; output++) {
    const first = Math.floor(output / outputsPerGroup) * inputsPerGroup;
    for (let input = 0; input < inputsPerGroup; input++) {
      const offset = (output * inputsPerGroup + input) * taps;
      response[output]! += means[first + input]! * weightedSum(weights, offset, shares);
    }
  }
  return response;
}

/** Weights `[C_in, C_out / group, …taps]`. */
function transposedResponse(node: Node, weights: HostTensor, means: Float64Array, shares: TapShares): Float64Array {
  const [inputs, outputsPerGroup] = weights.shape as [number, number];
  const groups = integer(node, "group", 1);
  const taps = shares.length;
  const response = new Float64Array(outputsPerGroup * groups);
  for (let input = 0; input < inputs; input++) {
    const first = Math.floor(input / (inputs / groups)) * outputsPerGroup;
    for (let output = 0; output < outputsPerGroup; output++) {
      const offset = (input * outputsPerGroup + output) * taps;
      response[first + output]! += means[input]! * weightedSum(weights, offset, shares);
    }
  }
  return response;
}

/** Weights `[K, N]`, or `[N, K]` where transposed. */
function matrixResponse(weights: HostTensor, means: Float64Array, isTransposed: boolean): Float64Array {
  const [rows, columns] = weights.shape as [number, number];
  const response = new Float64Array(isTransposed ? rows : columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = weights.data[row * columns + column]!;
      if (isTransposed) response[row]! += value * means[column]!;
      else response[column]! += value * means[row]!;
    }
  }
  return response;
}

function weightedSum(weights: HostTensor, offset: number, shares: TapShares): number {
  let sum = 0;
  for (let tap = 0; tap < shares.length; tap++) sum += weights.data[offset + tap]! * shares[tap]!;
  return sum;
}

/**
 * For each tap the number of products it contributes, per output position: of a convolution, the share of output
 * positions at which it reads inside the input; of a transposed one, of input positions that it writes inside the output.
 */
export function tapShares(view: GraphView, node: Node, weights: HostTensor): TapShares {
  const kernel = weights.shape.slice(2);
  const input = view.type(node.inputs[0]!)!.shape.slice(2);
  const output = view.type(node.outputs[0]!)!.shape.slice(2);
  const strides = integers(node, "strides") ?? kernel.map(() => 1);
  const dilations = integers(node, "dilations") ?? kernel.map(() => 1);
  const isTransposed = node.type === "ConvTranspose";
  const perAxis = kernel.map((taps, axis) => {
    const [from, to] = isTransposed ? [input[axis]!, output[axis]!] : [output[axis]!, input[axis]!];
    const begin = padBegin(node, axis, { taps, stride: strides[axis]!, dilation: dilations[axis]!, from, to });
    return Float64Array.from({ length: taps }, (_, tap) => {
      let inside = 0;
      for (let position = 0; position < from; position++) {
        const place = position * strides[axis]! + tap * dilations[axis]! - begin;
        if (place >= 0 && place < to) inside++;
      }
      return inside / output[axis]!;
    });
  });
  const shares = new Float64Array(elementCount(kernel)).fill(1);
  let inner = shares.length;
  perAxis.forEach((axisShares, axis) => {
    inner /= kernel[axis]!;
    for (let tap = 0; tap < shares.length; tap++) shares[tap]! *= axisShares[Math.floor(tap / inner) % kernel[axis]!]!;
  });
  return shares;
}

interface AxisGeometry {
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  /** Positions that the kernel stands at, and positions that its taps fall on. */
  readonly from: number;
  readonly to: number;
}

/** Padding before the first position along a spatial axis (ONNX Conv-11 and ConvTranspose-11, `auto_pad` included). */
function padBegin(node: Node, axis: number, { taps, stride, dilation, from, to }: AxisGeometry): number {
  const mode = node.attributes.get("auto_pad")?.value ?? "NOTSET";
  const isExplicit = mode === "NOTSET" && !node.attributes.has("output_shape");
  if (isExplicit) return integers(node, "pads")?.[axis] ?? 0;
  if (mode === "VALID") return 0;
  const extra = integers(node, "output_padding")?.[axis] ?? 0;
  const total = Math.max((from - 1) * stride + (taps - 1) * dilation + 1 + extra - to, 0);
  // Where ConvTranspose splits odd padding unevenly, SAME_UPPER puts the larger half last, everything else first.
  return mode === "SAME_UPPER" ? Math.floor(total / 2) : Math.ceil(total / 2);
}

function integer(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes.get(name);
  return attribute?.type === "int" ? attribute.value : fallback;
}

function integers(node: Node, name: string): readonly number[] | undefined {
  const attribute = node.attributes.get(name);
  return attribute?.type === "ints" ? attribute.value : undefined;
}
