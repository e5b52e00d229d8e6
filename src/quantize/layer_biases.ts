/** Biases of quantized layers: corrected, then in codes of the scale that the layer's integer products have. */
import { type HostTensor, hostTensor } from "../base/tensor.ts";
import type { Node } from "../graph/graph.ts";
import type { Quantizer, QuantizerParameters } from "../graph/quantizer.ts";
import type { Layer } from "./biased_layer.ts";
import { type BiasCorrectionOptions, correctBias, meanResponse } from "./bias_correction.ts";
import type { Candidate } from "./candidate.ts";
import { dequantizeTensor, quantizeTensor } from "./fake_quantize.ts";
import { operandKey } from "./groups.ts";
import type { Prepared } from "./prepare.ts";
import { correctInTurn } from "./sequential_bias_correction.ts";
import type { StatisticsSource } from "./statistics.ts";

const INT32 = { low: -(2 ** 31), high: 2 ** 31 - 1 };

/** What of int32 a bias may fill before calibration corrects it. */
const ROOM = 0.5;

/**
 * Raises weight scales of channels whose bias would not fit into int32 with the scale of their products, as ONNX Runtime's
 * quantizer does: such a channel's weights are tiny beside its bias.
 */
export function makeRoomForBiases(prepared: Prepared, parameters: Map<number, QuantizerParameters>): void {
  for (const { bias, weight, input, hasCodes } of layersOf(prepared)) {
    if (!hasCodes) continue;
    const weights = parameters.get(weight.id)!;
    const inputScale = parameters.get(input.id)!.scale[0]!;
    const scale = weights.scale.slice();
    biasOf(prepared, bias).data.forEach((value: number, channel: number) => {
      const place = channel % scale.length;
      scale[place] = Math.max(scale[place]!, Math.abs(value) / (inputScale * ROOM * INT32.high));
    });
    parameters.set(weight.id, { ...weights, scale });
  }
}

/** Adds biases to a candidate whose weights are done: `parameters`, `codes` and `tensors` get their entries. */
export async function finishBiases(
  prepared: Prepared,
  source: StatisticsSource,
  candidate: {
    readonly parameters: Map<number, QuantizerParameters>;
    readonly codes: Map<number, HostTensor>;
    readonly tensors: Map<number, HostTensor>;
  } & Candidate,
  correction: BiasCorrectionOptions | false,
): Promise<void> {
  const layers = layersOf(prepared);
  const corrected = await correctBiases(prepared, source, candidate, correction);
  for (const layer of layers) {
    const tensor = biasOf(prepared, layer.bias);
    const bias = hostTensor("float32", tensor.shape, Float32Array.from(corrected.get(layer.bias.id) ?? tensor.data));
    if (!layer.hasCodes) {
      candidate.tensors.set(layer.bias.id, bias);
      continue;
    }
    const parameters = productParameters(layer, candidate.parameters, bias.data.length);
    const codes = quantizeTensor(bias, parameters, layer.bias.channelAxis);
    candidate.parameters.set(layer.bias.id, parameters);
    candidate.codes.set(layer.bias.id, codes);
    candidate.tensors.set(layer.bias.id, dequantizeTensor(codes, parameters, layer.bias.channelAxis));
  }
}

/** Bias quantizer → values, of the layers that are corrected. */
async function correctBiases(
  prepared: Prepared,
  source: StatisticsSource,
  candidate: Candidate,
  correction: BiasCorrectionOptions | false,
): Promise<ReadonlyMap<number, Float64Array>> {
  if (correction === false) return new Map();
  if (correction.fast === false) {
    const layers = layersOf(prepared).map((layer) => ({
      ...layer,
      outputAxis: channelAxisOf(prepared, layer.node, layer.output),
    }));
    return await correctInTurn(prepared, source, candidate, layers, correction);
  }
  const layers = layersOf(prepared).filter((layer) => canCorrect(prepared, layer));
  const means = await meansOf(prepared, source, layers, correction.outputMean === "measured");
  return new Map(
    layers.map((layer) => [layer.bias.id, correctLayer(prepared, layer, candidate, means, correction)] as const),
  );
}

/** Bias quantizer → for each element what one step of the layer's sum of products is worth, where input and weights have codes. */
export function productUnits(
  prepared: Prepared,
  parameters: ReadonlyMap<number, QuantizerParameters>,
): ReadonlyMap<number, Float32Array> {
  const layers = layersOf(prepared).filter(({ weight, input }) =>
    parameters.has(weight.id) && parameters.has(input.id)
  );
  return new Map(layers.map((layer) => {
    const channels = biasOf(prepared, layer.bias).data.length;
    return [layer.bias.id, productParameters(layer, parameters, channels).scale];
  }));
}

/** Scales of integer products: that of the input times that of the channel's weights. */
function productParameters(
  { weight, input }: Layer,
  parameters: ReadonlyMap<number, QuantizerParameters>,
  channels: number,
): QuantizerParameters {
  const inputScale = parameters.get(input.id)!.scale[0]!;
  const weightScale = parameters.get(weight.id)!.scale;
  // Grouped transposed convolutions have one scale per channel of a group.
  const scale = Float32Array.from(
    { length: channels },
    (_, channel) => inputScale * weightScale[channel % weightScale.length]!,
  );
  return { scale, zeroPoint: new Int32Array(channels), ...INT32 };
}

function correctLayer(
  prepared: Prepared,
  { bias, node, weight, output }: Layer,
  { tensors }: Candidate,
  means: Means,
  options: BiasCorrectionOptions,
): Float64Array {
  const inputMeans = means.get(node.inputs[0]!)!;
  const floatWeights = prepared.graph.initializers.get(weight.value)!;
  const before = meanResponse(prepared.view, node, floatWeights, inputMeans);
  const after = meanResponse(prepared.view, node, tensors.get(weight.id)!, inputMeans);
  const measured = options.outputMean === "measured" ? means.get(output) : undefined;
  return correctBias(biasOf(prepared, bias).data, before, after, measured, options);
}

type Means = ReadonlyMap<string, Float64Array>;

async function meansOf(
  prepared: Prepared,
  source: StatisticsSource,
  layers: readonly Layer[],
  withOutputs: boolean,
): Promise<Means> {
  const requests = new Map<string, number>();
  for (const { node, output } of layers) {
    for (const value of withOutputs ? [node.inputs[0]!, output] : [node.inputs[0]!]) {
      requests.set(value, channelAxisOf(prepared, node, value));
    }
  }
  if (requests.size === 0) return new Map();
  return await source.channelMeans([...requests].map(([name, axis]) => ({ name, axis })));
}

/** Axis of the channels of a layer's input or output. */
function channelAxisOf({ view }: Prepared, node: Node, value: string): number {
  const rank = view.type(value)!.shape.length;
  if (node.type !== "Gemm" && node.type !== "MatMul") return 1;
  const isTransposed = value === node.inputs[0] && node.attributes.get("transA")?.value === 1;
  return isTransposed ? rank - 2 : rank - 1;
}

/** Layers whose mean response is modelled: weights of two dimensions, or of a convolution. */
function canCorrect({ view }: Prepared, { node }: Layer): boolean {
  const rank = view.type(node.inputs[1]!)!.shape.length;
  return node.type === "Conv" || node.type === "ConvTranspose" || rank === 2;
}

function biasOf({ graph }: Prepared, { value }: Quantizer): HostTensor {
  return graph.initializers.get(value)!;
}

/** Every layer with a bias quantizer, in the order of those. */
function layersOf({ view, layout, quantizerAt }: Prepared): Layer[] {
  return layout.quantizers.flatMap((bias) => {
    const [consumer] = bias.consumers;
    if (bias.kind !== "bias" || !consumer) return [];
    const reader = view.node(consumer.node);
    const isBehind = reader.type === "Add";
    const node = isBehind ? view.producer(reader.inputs[1 - consumer.input]!)! : reader;
    const quantizer = (input: number) => layout.quantizers[quantizerAt.get(operandKey(node.name, input))!]!;
    return [{
      bias,
      node,
      weight: quantizer(1),
      input: quantizer(0),
      hasCodes: !isBehind,
      output: reader.outputs[0]!,
    }];
  });
}
