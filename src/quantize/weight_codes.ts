/** Codes of weights, computed once for all candidates that give them the same parameters: most differ in activations or biases. */
import type { HostTensor } from "../base/tensor.ts";
import type { QuantizerParameters } from "../graph/quantizer.ts";
import { dequantizeTensor, quantizeTensor } from "./fake_quantize.ts";

/** Integer codes and the float32 values that they stand for. */
export interface CodedWeights {
  readonly codes: HostTensor;
  readonly values: HostTensor;
}

/** Remembers codes by quantizer and parameters; equal ones are the same tensors. */
export class WeightCodes {
  readonly #known = new Map<number, (CodedWeights & { readonly parameters: QuantizerParameters })[]>();

  /** Codes of the constant behind quantizer `id`, whose channels lie along `axis`. */
  get(id: number, constant: HostTensor, parameters: QuantizerParameters, axis: number | undefined): CodedWeights {
    const known = this.#known.get(id) ?? [];
    const found = known.find((one) => sameParameters(one.parameters, parameters));
    if (found) return found;
    const codes = quantizeTensor(constant, parameters, axis);
    const coded = { parameters, codes, values: dequantizeTensor(codes, parameters, axis) };
    this.#known.set(id, [...known, coded]);
    return coded;
  }
}

function sameParameters(a: QuantizerParameters, b: QuantizerParameters): boolean {
  return a.low === b.low && a.high === b.high && a.scale.length === b.scale.length &&
    a.scale.every((scale, channel) => scale === b.scale[channel]) &&
    a.zeroPoint.every((zero, channel) => zero === b.zeroPoint[channel]);
}
