/** Steps that still speak of values by name; `build.ts` turns names into buffers. */
import type { Activation, ChainFunction, Dispatch, Window } from "../base/dispatch.ts";
import type { StepSource } from "./plan.ts";

/** A value as an operand reads it: the float one, or whatever its quantizer's state says. */
export interface ValueRef {
  readonly value: string;
  /** Set where the value has a separate quantized copy that this operand reads while the quantizer is on. */
  readonly quantizer?: number;
  /** Set where the operand shows a part of the value. */
  readonly window?: Window | undefined;
}

/** One step in the making; the epilogue grows as later nodes are fused into it. */
export interface DraftStep {
  readonly nodes: string[];
  readonly dispatch: Dispatch;
  readonly operands: ValueRef[];
  activation0: Activation | ChainFunction;
  quantizer0: number | undefined;
  residual: ValueRef | undefined;
  activation1: Activation | ChainFunction;
  quantizer1: number | undefined;
  /** Quantizers of the operands of a sum of products, where both are activations of codes. */
  readonly factors: readonly [number, number] | undefined;
  readonly cost: number;
  readonly source: StepSource;
  readonly onlyFor: number | undefined;
}

/** No activation. */
export const NONE: Activation = { kind: "none" };

/** Whether a store does more than apply one operator. */
export function isChain(activation: Activation | ChainFunction): activation is ChainFunction {
  return activation.kind === "chain";
}

/** Name of the quantized copy of a value. */
export function quantizedCopy(value: string, quantizer: number): string {
  return `${value}\0int8_${quantizer}`;
}
