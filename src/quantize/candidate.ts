/** What calibration makes: one recipe's numbers for the whole network. */
import type { HostTensor } from "../base/tensor.ts";
import type { QuantizerParameters } from "../graph/quantizer.ts";

/** One way to quantize a whole network: everything by quantizer id. */
export interface Candidate {
  readonly label: string;
  /** Of activations, weights, and biases with int32 codes. */
  readonly parameters: ReadonlyMap<number, QuantizerParameters>;
  /** Integer codes of weights (int8, uint8) and biases (int32): what the export stores. */
  readonly codes: ReadonlyMap<number, HostTensor>;
  /**
   * Weights and biases as float32: what their codes stand for. A bias without codes (added behind a MatMul) is here alone,
   * possibly corrected.
   */
  readonly tensors: ReadonlyMap<number, HostTensor>;
}
