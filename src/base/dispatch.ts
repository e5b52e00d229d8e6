/**
 * The contract between operators and the GPU: an operator lowers to dispatches, which name a kernel and what it is
 * specialized by; the planner decides buffers, epilogues and precision; the GPU side compiles and runs.
 */
import type { Storage } from "./tensor.ts";

/** One WGSL file plus the names it may be specialized by. */
export interface Shader<C extends string = string, U extends string = string> {
  /** File stem in `shaders/`. */
  readonly name: string;
  /** Text of the file, unspecialized. */
  readonly code: string;
  /** Names that the linker declares as module constants: they choose the algorithm and are part of the pipeline key. */
  readonly constants: readonly C[];
  /** Fields of the file's `struct Params`, in order: they carry shapes, so that a new shape is not a new pipeline. */
  readonly uniforms: readonly U[];
  /** Set where every store of the output passes through `finish` of `lib/epilogue.wgsl`. */
  readonly epilogue?: boolean;
}

/** Input, output or temporary number n of the node. */
export type Slot = `x${number}` | `y${number}` | `t${number}`;

/** A scalar or, for fields of vector or array-of-vector type, its components in order. */
export type UniformValue = number | readonly number[];

/** A run of elements of a tensor; kernels see its first element as element 0. */
export interface Window {
  /** A multiple of 64: bindings start at multiples of 256 bytes. */
  readonly offset: number;
  readonly length: number;
}

/** One compute pass of a kernel over concrete shapes. Precision and fused neighbours are not stated: the planner sets them. */
export interface Dispatch<C extends string = string, U extends string = string> {
  readonly shader: Shader<C, U>;
  /** What `@group(0) @binding(n)` is, for n = 0, 1, … */
  readonly bindings: readonly Slot[];
  /** Binding → the part of its tensor that it shows, for tensors that no binding holds whole. */
  readonly windows?: Readonly<Record<number, Window>>;
  readonly constants: Readonly<Record<C, number | boolean>>;
  readonly uniforms: Readonly<Record<U, UniformValue>>;
  /** `alias NAME = TYPE;` lines put before the kernel, for kernels that serve several element types. */
  readonly aliases?: Readonly<Record<string, Storage | `vec4<${Storage}>`>>;
  /** Module-scope WGSL functions that the kernel calls, appended after it: the row of an elementwise table. */
  readonly functions?: string;
  /**
   * Binding of the addend of a sum of products, `y = Σ a · b + c`, with one element for each row or column of y: stores pass the unit
   * of the sum to the epilogue (`src/gpu/link.ts`).
   */
  readonly addend?: number;
  /**
   * Set where runtimes sum up codes in integers even if the result stays float: products alone, to which the addend is added in float, or
   * products and addend.
   */
  readonly wholeSum?: "before_addend" | "with_addend";
  /** Set where all results are stored by `finish4`, at multiples of 4. */
  readonly storesQuads?: boolean;
  readonly workgroups: readonly [number, number, number];
}

/** What a node becomes. */
export interface Lowering {
  readonly dispatches: readonly Dispatch[];
  /** Element counts of `t0`, `t1`, … */
  readonly temporaries?: readonly number[];
  /** Set where output 0 is input n unchanged in memory (Reshape, Identity): no dispatch, shared buffer. */
  readonly aliasOf?: number;
}

/** Builds a dispatch; a misspelled or missing name does not compile. */
export function dispatch<C extends string, U extends string>(
  shader: Shader<C, U>,
  use: Omit<Dispatch<NoInfer<C>, NoInfer<U>>, "shader">,
): Dispatch {
  return { shader, ...use };
}

/** Workgroups of a one-dimensional kernel, folded into two dimensions below the limit of 65,535 each. */
export function linearGrid(invocations: number, workgroupSize: number): [number, number, number] {
  const groups = Math.ceil(invocations / workgroupSize);
  const width = Math.min(groups, 32768);
  return [width, width === 0 ? 0 : Math.ceil(groups / width), 1];
}

/** Workgroup size of the one-dimensional kernels. */
export const WORKGROUP_SIZE = 64;

/** Neighbouring elements that one invocation computes where finding the first takes longer than computing it. */
export const CHUNK = 4;

/** The activations that another kernel's store can apply, with their functions in `lib/activation.wgsl`. */
export const ACTIVATIONS = {
  none: undefined,
  relu: "relu4",
  clip: "clip4",
  leaky_relu: "leaky_relu4",
  hard_swish: "hard_swish4",
  hard_sigmoid: "hard_sigmoid4",
  sigmoid: "sigmoid4",
  tanh: "tanh4",
  elu: "elu4",
} as const;

/** An activation with its parameters: bounds of clip, slope of leaky_relu, alpha and beta of hard_sigmoid, alpha of elu. */
export interface Activation {
  readonly kind: keyof typeof ACTIVATIONS;
  readonly alpha?: number;
  readonly beta?: number;
}

/** Numbers that a chain takes at most. */
export const MOST_SCALARS = 32;

/** A chain of elementwise operators as a function of WGSL. */
export interface ChainFunction {
  readonly kind: "chain";
  /** Declares `fn NAME(v0: vec4<f32>, scalars: array<vec4<f32>, MOST_SCALARS / 4>) -> vec4<f32>`, and what that calls. */
  readonly code: string;
  readonly name: string;
  /** Numbers for `scalars`, MOST_SCALARS at most. */
  readonly scalars: readonly number[];
}
