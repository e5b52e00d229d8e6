/**
 * POT's BiasCorrection (`use_fast_bias: false`): layer after layer, the bias takes up by how much the layer's mean output differs
 * from the float network's when all weights are int8 and all activations float, the layers before it corrected already.
 */
import { type HostTensor, hostTensor } from "../base/tensor.ts";
import { believedBias, type BiasCorrectionOptions } from "./bias_correction.ts";
import type { Layer } from "./biased_layer.ts";
import type { Candidate } from "./candidate.ts";
import type { Prepared } from "./prepare.ts";
import type { StatisticsSource } from "./statistics.ts";

/** POT's threshold: nearly every change is believed. */
const THRESHOLD = 1000;

/** Share of the calibration samples that POT uses. */
const SHARE = 0.2;

/** Bias quantizer → corrected values of every layer; `outputAxis` is that of the channels of a layer's output. */
export async function correctInTurn(
  prepared: Prepared,
  source: StatisticsSource,
  { tensors }: Candidate,
  layers: readonly (Layer & { readonly outputAxis: number })[],
  options: BiasCorrectionOptions,
): Promise<Map<number, Float64Array>> {
  const constants = new Map<string, HostTensor>();
  for (const { id, kind, value } of prepared.layout.quantizers) {
    if (kind === "weight") constants.set(value, tensors.get(id)!);
  }
  const outputs = layers.map(({ output, outputAxis }) => ({ name: output, axis: outputAxis }));
  const corrected = new Map<number, Float64Array>();
  if (layers.length === 0) return corrected;
  const float = await source.channelMeans(outputs, { constants: new Map(), share: SHARE });
  const inOrder = layers.toSorted((a, b) => prepared.view.order(a.node.name) - prepared.view.order(b.node.name));
  source.expectPasses?.(inOrder.length);
  for (const { bias, output, outputAxis } of inOrder) {
    const { shape, data } = prepared.graph.initializers.get(bias.value)!;
    const quantized = await source.channelMeans([{ name: output, axis: outputAxis }], { constants, share: SHARE });
    const old = Float64Array.from(data);
    const shifted = old.map((value, channel) =>
      value + float.get(output)![channel]! - quantized.get(output)![channel]!
    );
    const values = believedBias(old, shifted, THRESHOLD, options);
    corrected.set(bias.id, values);
    constants.set(bias.value, hostTensor("float32", shape, Float32Array.from(values)));
  }
  return corrected;
}
