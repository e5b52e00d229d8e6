/** One ONNX operator as one value: attributes, types, kernels, quantization trait, oracle and cases. */
import type { Activation, Lowering } from "../base/dispatch.ts";
import type { KernelTarget } from "../base/kernel_target.ts";
import type { HostTensor, TensorType } from "../base/tensor.ts";
import type { ChainFormula } from "./chain.ts";
import type { AttributeReader } from "../graph/attributes.ts";

/** One entry per operand; `undefined` marks an absent optional input. */
export type Operands<T> = readonly (T | undefined)[];

/** How the quantizer treats an operator; the vocabulary is NNCF's. */
export type QuantTrait =
  /**
   * Takes quantized inputs. `inputs` limits which (default all); `weight` names the input that holds weights when it is
   * constant, and the axis of its output channels (negative counts from the end; a function where attributes decide).
   */
  | {
    readonly kind: "inputs_quantizable";
    readonly inputs?: readonly number[];
    readonly weight?: { readonly input: number; readonly bias?: number };
  }
  /** Passes quantized values through unchanged: a quantizer may slide over it. */
  | { readonly kind: "agnostic" }
  /** All inputs share one scale, or none has one. */
  | { readonly kind: "concat" }
  | { readonly kind: "non_quantizable" };

/** What `attributes` may need to know of the node beside its attributes. */
export interface NodeSignature {
  readonly opset: number;
  /** Which inputs are present. */
  readonly inputs: readonly boolean[];
  /** Which outputs somebody asked for; its length is the number of outputs. */
  readonly outputs: readonly boolean[];
}

/** A conformance case: types and attributes, never data, which the shared generator makes. */
export interface OpCase {
  readonly name: string;
  /** `undefined` for an absent optional input. A `value` makes the input a constant of the case. */
  readonly inputs: Operands<TensorType>;
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** Number of outputs; 1 unless stated. */
  readonly outputs?: number;
  /** Opset; the newest supported unless stated. */
  readonly opset?: number;
  /** Range that float inputs are drawn from; [-4, 4] unless stated. */
  readonly range?: readonly [number, number];
  /** Exact unless stated. */
  readonly tolerance?: Tolerance;
}

/** How far a kernel may be from its reference, and why. */
export interface Tolerance {
  readonly relative?: number;
  readonly absolute?: number;
  readonly reason: string;
}

/** Everything the project knows about one ONNX operator. */
export interface OpDef<A = unknown> {
  /** Spelled as in the specification. */
  readonly type: string;
  /** "" for the ONNX domain. */
  readonly domain?: string;
  /** First opset with these semantics; the newest `since` not above the model's opset is chosen. */
  readonly since: number;
  readonly quant: QuantTrait;
  /**
   * Inputs whose contents decide how large the outputs are. Where one of them is computed at run time, the node and all that depends
   * on it are evaluated on the host by `reference` (see `passes/host_tail.ts`).
   */
  readonly dataDependent?: readonly number[];
  readonly cases: readonly OpCase[];
  /** Inputs that a node must have. Unless stated as many as every case has. */
  readonly leastInputs?: number;
  /** Whether a node may have any number of inputs; otherwise at most as many as a case has. */
  readonly isVariadic?: true;
  /** Decodes attributes and applies the specification's defaults. Whatever it leaves unread is refused by the caller. */
  attributes(raw: AttributeReader, node: NodeSignature): A;
  /** Output types: the only source of shapes. An output whose value follows from shapes alone carries it. */
  infer(inputs: Operands<TensorType>, attributes: A): TensorType[];
  /** The passes that compute the operator, shared by both precisions. */
  lower(inputs: Operands<TensorType>, outputs: readonly TensorType[], attributes: A, target: KernelTarget): Lowering;
  /** Plain loops: the oracle for tests, and the evaluator of constants. */
  reference(inputs: Operands<HostTensor>, attributes: A): HostTensor[];
  /** Multiply-accumulates of one evaluation; 0 unless stated. */
  macs?(inputs: Operands<TensorType>, outputs: readonly TensorType[], attributes: A): number;
  /** The operator as an activation that another kernel's store can apply, where it is one. */
  asActivation?(inputs: Operands<TensorType>, attributes: A): Activation | undefined;
  /** What the operator computes of every element, where it is elementwise on float32 and may be part of a chain. */
  asFormula?(inputs: Operands<TensorType>, attributes: A): ChainFormula | undefined;
  /** Axis of the weight input that runs over output channels; stated by operators with weights. */
  weightChannelAxis?(weight: TensorType, attributes: A): number;
}

/** Fixes the attribute type at the definition, erases it for the registry. */
export function defineOp<A>(definition: OpDef<A>): OpDef {
  return definition as OpDef;
}
