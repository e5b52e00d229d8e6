/** Quantizer sites and groups: what a quantized graph has beside a graph. Parameters are separate, one set per candidate. */

/** An input of a node. */
export interface Operand {
  readonly node: string;
  readonly input: number;
}

/** Where a quantizer stands. Activations are per tensor; weights and biases per output channel. */
export interface Quantizer {
  /** Index in the list of quantizers. */
  readonly id: number;
  /** Unique and stable: it names the site in reports. */
  readonly name: string;
  /** The value that is quantized; for a weight or bias, an initializer. */
  readonly value: string;
  readonly kind: "activation" | "weight" | "bias";
  /** The operands that read the quantized value; every other reader of the value keeps the float one. */
  readonly consumers: readonly Operand[];
  /** Operands that read its codes behind nodes that only move them. */
  readonly carriedTo?: readonly Operand[];
  /** Axis with one scale per index; undefined for per-tensor. */
  readonly channelAxis?: number;
  /** Index of the group that the quantizer moves with. */
  readonly group: number;
}

/** What must change precision together. */
export interface Group {
  /** Index in the list of groups. */
  readonly id: number;
  /** That of its first node. */
  readonly name: string;
  /** Indices of the quantizers that belong to it. */
  readonly quantizers: readonly number[];
  /** Operators that compute in int8 while the group is quantized, in graph order. */
  readonly nodes: readonly string[];
}

/** Sites and groups of a graph. */
export interface QuantizerLayout {
  readonly quantizers: readonly Quantizer[];
  readonly groups: readonly Group[];
}

/** `round(x / scale) + zeroPoint`, clamped to `low..high`: one entry per channel, or one in all. */
export interface QuantizerParameters {
  readonly scale: Float32Array;
  readonly zeroPoint: Int32Array;
  readonly low: number;
  readonly high: number;
}
