/** The second half of every normalization: each element seen against the state of its group. */
import code from "../../shaders/normalize.wgsl" with { type: "text" };
import vectorCode from "../../shaders/normalize4.wgsl" with { type: "text" };
import { CHUNK, dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { UnsupportedError } from "../base/errors.ts";
import { elementCount, type HostTensor, isFloat, type TensorType } from "../base/tensor.ts";
import { collapseBroadcast, kernelRank, octet, padAxes, vectorAxes } from "./collapse.ts";
import { eachGroup, type Fold, type FoldPasses, foldPasses, reducedShape } from "./reduction.ts";

type Uniform = "length" | "count" | "epsilon" | "extents" | "state_strides" | "scale_strides" | "bias_strides";

const shader: Shader<"WORKGROUP_SIZE" | "RANK" | "CHUNK", Uniform> = {
  name: "normalize",
  code,
  constants: ["WORKGROUP_SIZE", "RANK", "CHUNK"],
  uniforms: ["length", "count", "epsilon", "extents", "state_strides", "scale_strides", "bias_strides"],
  epilogue: true,
};

/** The same for vectors of four elements. */
const vectorShader: Shader<"WORKGROUP_SIZE" | "RANK", Uniform> = {
  ...shader,
  name: "normalize4",
  code: vectorCode,
  constants: ["WORKGROUP_SIZE", "RANK"],
};

/** A normalization of input 0 into output 0. */
export interface Normalization {
  /** Shape in which the groups are the kept axes; may split the axes of the tensor further. */
  readonly shape: readonly number[];
  /** Axes over which statistics are taken. */
  readonly axes: readonly number[];
  readonly fold: Fold;
  /** WGSL expression in `x`, the state `a`, `scale`, `bias`, `params.count` and `params.epsilon`. */
  readonly expression: string;
  readonly epsilon?: number;
  /** Shapes that broadcast to `shape`. */
  readonly scale?: { readonly slot: Slot; readonly shape: readonly number[] };
  readonly bias?: { readonly slot: Slot; readonly shape: readonly number[] };
}

/** Mean and squared deviations of what was seen, combined without cancellation (Chan, Golub and LeVeque, 1979). */
export const MOMENTS: Fold = {
  state: "struct A { count: f32, mean: f32, deviations: f32 }",
  words: 3,
  initial: "A(0.0, 0.0, 0.0)",
  enter: "A(1.0, x, 0.0)",
  combine: `let count = a.count + b.count;
  let delta = b.mean - a.mean;
  let share = b.count / count;
  return A(count, a.mean + delta * share, a.deviations + b.deviations + delta * delta * a.count * share);`,
  accumulate: `let count = a.count + 1.0;
  let delta = x - a.mean;
  let mean = a.mean + delta / count;
  return A(count, mean, a.deviations + delta * (x - mean));`,
};

/** WGSL of `(x - mean) / √(variance + ε)`, the state holding moments. */
export const STANDARDIZE = "(x - a.mean) / sqrt(a.deviations / a.count + params.epsilon)";

/** The passes of a normalization, the states in `states`. */
export function normalizePasses(normalization: Normalization): FoldPasses {
  const { shape, axes, fold, epsilon = 0 } = normalization;
  const passes = foldPasses({ slot: "x0", storage: "f32", shape, axes }, fold);
  const scale = normalization.scale ?? { slot: "x0", shape: [] };
  const bias = normalization.bias ?? { slot: "x0", shape: [] };
  const elements = elementCount(shape);
  const scalar = collapseBroadcast(shape, [reducedShape(shape, axes, true), scale.shape, bias.shape]);
  const candidate = elements > 0 ? vectorAxes(scalar) : undefined;
  const vector = candidate?.operands[0] === "f32" ? candidate : undefined;
  const collapsed = vector ?? scalar;
  const rank = kernelRank(collapsed.extents.length);
  const { extents, strides } = padAxes(collapsed, rank);
  const length = vector ? elements / 4 : elements;
  const [, S, B] = vector?.operands ?? [];
  const use = {
    bindings: ["x0", passes.states, scale.slot, bias.slot, "y0"],
    uniforms: {
      length,
      count: elementCount(axes.map((axis) => shape[axis]!)),
      epsilon,
      extents: octet(extents),
      state_strides: octet(strides[0]!),
      scale_strides: octet(strides[1]!),
      bias_strides: octet(strides[2]!),
    },
    ...(S && B ? { aliases: { S, B } } : {}),
    functions: `${fold.state}
fn apply(x: f32, a: A, scale: f32, bias: f32) -> f32 { return ${normalization.expression}; }`,
  } as const;
  const constants = { WORKGROUP_SIZE, RANK: rank };
  const apply = vector
    ? dispatch(vectorShader, { ...use, constants, workgroups: linearGrid(length, WORKGROUP_SIZE) })
    : dispatch(shader, {
      ...use,
      constants: { ...constants, CHUNK },
      workgroups: linearGrid(Math.ceil(length / CHUNK), WORKGROUP_SIZE),
    });
  return { ...passes, dispatches: [...passes.dispatches, apply] };
}

/** Host counterpart: `(x - mean) / √(var + ε)` over groups of x seen as `shape`; tells mean and variance of each. */
export function standardize(
  x: HostTensor,
  shape: readonly number[],
  axes: readonly number[],
  epsilon: number,
  visit: (place: number, value: number) => void,
  visitGroup?: (output: number, mean: number, variance: number) => void,
): void {
  eachGroup({ ...x, shape }, axes, (values, places, output) => {
    const { mean, variance } = momentsOf(values);
    const deviation = Math.sqrt(variance + epsilon);
    values.forEach((value, index) => visit(places[index]!, (value - mean) / deviation));
    visitGroup?.(output, mean, variance);
  });
}

/** Mean and variance of the whole population. */
export function momentsOf(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, variance: values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length };
}

/** Refuses elements that are no floats. */
export function checkFloat({ dtype }: TensorType): void {
  if (!isFloat(dtype)) throw new UnsupportedError(`Cannot normalize elements of type ${dtype}`);
}
