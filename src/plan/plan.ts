/**
 * A network as the GPU runs it: dispatches in order over numbered buffers. Plain data, the same for every precision.
 *
 * Precision is not in the plan. Where it matters the plan names a quantizer; at encode time its state (float, or an
 * int8 candidate) picks a pipeline, a weight buffer or the quantized copy of a value.
 */
import type { Activation, ChainFunction, Dispatch, Window } from "../base/dispatch.ts";
import type { DType, HostTensor, TensorType } from "../base/tensor.ts";

/** What a binding is. */
export type Operand =
  & (
    | { readonly kind: "slot"; readonly slot: number }
    /** A constant of the plan; its contents follow the state of its quantizer, where it has one. */
    | { readonly kind: "constant"; readonly constant: number }
    /** A value with a separate quantized copy: `int8` while the quantizer is on, else `float`. */
    | { readonly kind: "choice"; readonly quantizer: number; readonly float: number; readonly int8: number }
  )
  & { /** The part of it that is bound; all of it unless stated. */ readonly window?: Window };

/** What a kernel does as it stores, in this order. One of the activations at most is a chain. */
export interface Epilogue {
  readonly activation0: Activation | ChainFunction;
  readonly quantizer0: number | undefined;
  /** Whether quantizer 0 takes sums of products that have a unit: computed as integer kernels do. */
  readonly requantizes: boolean;
  /** Whether such sums become whole numbers where quantizer 0 does not take them. */
  readonly wholeSums: boolean;
  /** Quantizers whose scales multiplied are the unit; undefined where the addend brings it. */
  readonly factors: readonly [number, number] | undefined;
  readonly residual: Operand | undefined;
  readonly activation1: Activation | ChainFunction;
  readonly quantizer1: number | undefined;
}

/** The node that a step comes from. */
export interface StepSource {
  /** Operator type; "FakeQuantize" where the step makes the quantized copy of a value. */
  readonly operator: string;
  /** Shape of the node's first output. */
  readonly shape: readonly number[];
  /** Multiply-accumulates of the node, at its last step; 0 at others. */
  readonly macs: number;
}

/** One dispatch. */
export interface Step {
  /** Nodes computed here: the one that the kernel comes from, then those fused into its stores. */
  readonly nodes: readonly string[];
  readonly dispatch: Dispatch;
  readonly operands: readonly Operand[];
  /** What it reads out of buffers that it writes too, in any precision: WebGPU wants that declared writable. */
  readonly shared: readonly (number | "residual")[];
  readonly epilogue: Epilogue;
  /** Work of the step in multiply-accumulates, every stored element counting for one. */
  readonly cost: number;
  readonly source: StepSource;
  /** The step runs only while this quantizer is on: it makes the quantized copy of a value, or nobody wants the network in float. */
  readonly onlyFor: number | undefined;
}

/** Data that no input changes. */
export interface PlanConstant {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Contents; undefined where a step of `prepare` computes them. */
  readonly value: HostTensor | undefined;
  /** The weight or bias quantizer that decides the contents. */
  readonly quantizer: number | undefined;
  /** Whether `steps` read it; others are needed for `prepare` alone. */
  readonly isResident: boolean;
  /** Whether every element has the unit of its sums behind all elements: zero unless the state of the quantizer gives one. */
  readonly hasUnits: boolean;
}

/** An input of the network. */
export interface PlanInput {
  readonly name: string;
  readonly type: TensorType;
  readonly slot: number;
}

/** An output of the network: computed into a slot, or known beforehand. */
export interface PlanOutput {
  readonly name: string;
  readonly type: TensorType;
  readonly slot: number | undefined;
}

/** A part of a buffer, at a multiple of 256 bytes; no step writes to what it reads. */
export interface Slot {
  readonly buffer: number;
  readonly offset: number;
  readonly byteLength: number;
}

/** What a slot holds while a value lives in it. */
export interface ValueLifetime {
  readonly slot: number;
  readonly byteLength: number;
  /** Index of the step that writes it first; -1 for inputs. */
  readonly first: number;
  /** Index of the last step that touches it; the number of steps for inputs and outputs. */
  readonly last: number;
}

/** Everything needed to run a network for one set of input shapes. */
export interface Plan {
  readonly inputs: readonly PlanInput[];
  readonly outputs: readonly PlanOutput[];
  /** Byte length of each buffer. */
  readonly buffers: readonly number[];
  /** One per value. Slots of values that are alive at different times may overlap. */
  readonly slots: readonly Slot[];
  readonly constants: readonly PlanConstant[];
  /** Steps over constants alone, run once for each state of their quantizer. */
  readonly prepare: readonly Step[];
  readonly steps: readonly Step[];
  /** Every value in a slot, in order of first use. */
  readonly values: readonly ValueLifetime[];
  /** Bytes of the largest set of values alive at once: what no reuse of buffers can go below. */
  readonly liveBytes: number;
}

/** Bytes of a tensor in GPU memory: one word per element, and never an empty buffer. */
export function byteLengthOf(type: Pick<TensorType, "shape">): number {
  return 4 * Math.max(1, type.shape.reduce((product, extent) => product * extent, 1));
}

/** Bytes of a constant, with its units. */
export function constantBytes(constant: Pick<PlanConstant, "shape" | "hasUnits">): number {
  return byteLengthOf(constant) * (constant.hasUnits ? 2 : 1);
}

/** Quantizers whose state changes what a step does. */
export function quantizersOf(step: Step, constants: readonly PlanConstant[]): number[] {
  const ids = new Set<number>();
  const add = (id: number | undefined) => id !== undefined && ids.add(id);
  for (const operand of [...step.operands, ...(step.epilogue.residual ? [step.epilogue.residual] : [])]) {
    quantizersOfOperand(operand, constants).forEach(add);
  }
  add(step.epilogue.quantizer0);
  add(step.epilogue.quantizer1);
  step.epilogue.factors?.forEach(add);
  add(step.onlyFor);
  return [...ids];
}

/** The quantizer whose state decides what an operand binds; empty where none does. */
export function quantizersOfOperand(operand: Operand, constants: readonly PlanConstant[]): number[] {
  const quantizer = operand.kind === "choice"
    ? operand.quantizer
    : operand.kind === "constant"
    ? constants[operand.constant]!.quantizer
    : undefined;
  return quantizer === undefined ? [] : [quantizer];
}

/** The slots that an operand may be, one for each state that its quantizer may have. */
export function slotsOf(operand: Operand): number[] {
  if (operand.kind === "slot") return [operand.slot];
  return operand.kind === "choice" ? [operand.float, operand.int8] : [];
}
