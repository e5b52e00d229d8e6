/** Folding along axes, in as many passes as the length asks for: what reductions and normalizations share. */
import code from "../../shaders/reduce.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { stridesOf } from "../base/shape.ts";
import { elementCount, type HostTensor, type Storage } from "../base/tensor.ts";
import { collapseAxes, kernelRank, octet, padAxes } from "./collapse.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";

type Constant = "WORKGROUP_SIZE" | "KEPT_RANK" | "REDUCED_RANK" | "PARTS_INNERMOST";
type Uniform =
  | "outputs"
  | "parts"
  | "length"
  | "count"
  | "alpha"
  | "kept_extents"
  | "kept_strides"
  | "reduced_extents"
  | "reduced_strides";

const shader: Shader<Constant, Uniform> = {
  name: "reduce",
  code,
  constants: ["WORKGROUP_SIZE", "KEPT_RANK", "REDUCED_RANK", "PARTS_INNERMOST"],
  uniforms: [
    "outputs",
    "parts",
    "length",
    "count",
    "alpha",
    "kept_extents",
    "kept_strides",
    "reduced_extents",
    "reduced_strides",
  ],
  epilogue: true,
};

/** A fold, in WGSL. The order of combination is open: `combine` must be associative and commutative. */
export interface Fold {
  /** Declares the state type `A`. */
  readonly state: string;
  /** 32-bit words of a state. */
  readonly words: number;
  /** State of no elements, an expression in `params.alpha`. */
  readonly initial: string;
  /** State of one element, an expression in the element `x` and its place `index` among those that are reduced. */
  readonly enter: string;
  /** Body of `combine(a: A, b: A) -> A`. */
  readonly combine: string;
  /** Body of `accumulate(a: A, x: T, index: u32) -> A`, where there is a cheaper way than to combine with a fresh state. */
  readonly accumulate?: string;
  /** Set where states are float32 numbers and `combine` adds them. */
  readonly addsFloats?: boolean;
}

/** The sum of what `enter` makes of float32 elements. */
export function floatSum(enter: string): Fold {
  return {
    state: "alias A = f32;",
    words: 1,
    initial: "0.0",
    enter,
    combine: "return a + b;",
    addsFloats: true,
  };
}

/** What becomes of a state at the end: an expression in `a`, `params.count` and `params.alpha`. */
export interface Finish {
  readonly slot: Slot;
  readonly storage: Storage;
  readonly expression: string;
}

/** A tensor to fold along `axes`. */
export interface Folded {
  readonly slot: Slot;
  readonly storage: Storage;
  readonly shape: readonly number[];
  /** Not negative, ascending. */
  readonly axes: readonly number[];
  readonly alpha?: number;
}

/** Elements that one invocation folds at most, well under the loop cap whatever the rank. */
const LONGEST = 4096;
/** Elements that one invocation should fold where there are few outputs. */
const SHORTEST = 64;

/** Parts that the fold of `length` elements into each of `outputs` is split into. */
function partsOf(outputs: number, length: number): number {
  if (length <= 256 || (outputs >= 1024 && length <= 2048)) return 1;
  const wanted = Math.min(Math.ceil(length / SHORTEST), Math.ceil(16384 / Math.max(1, outputs)));
  return Math.max(wanted, Math.ceil(length / LONGEST), 1);
}

/** The passes of a fold; temporaries are numbered from `firstTemporary`. */
export interface FoldPasses {
  readonly dispatches: readonly Dispatch[];
  /** Words of each temporary. */
  readonly temporaries: readonly number[];
  /** Where the states lie, one per output, in case there is no `finish`. */
  readonly states: Slot;
}

/** Folds x; stores the finished values, or the states themselves where no finish is given. */
export function foldPasses(x: Folded, fold: Fold, finish?: Finish, firstTemporary = 0): FoldPasses {
  const kept = x.shape.flatMap((_, axis) => x.axes.includes(axis) ? [] : [axis]);
  const outputs = elementCount(kept.map((axis) => x.shape[axis]!));
  const count = elementCount(x.axes.map((axis) => x.shape[axis]!));
  const dispatches: Dispatch[] = [];
  const temporaries: number[] = [];
  let source: Source = {
    slot: x.slot,
    storage: x.storage,
    kept: axesOf(x.shape, kept),
    reduced: axesOf(x.shape, x.axes),
    length: count,
  };
  for (;;) {
    const parts = partsOf(outputs, source.length);
    const isLast = parts === 1;
    const slot: Slot = isLast && finish ? finish.slot : `t${firstTemporary + temporaries.length}`;
    if (!isLast || !finish) temporaries.push(outputs * parts * fold.words);
    dispatches.push(
      pass(source, slot, { outputs, parts, count, alpha: x.alpha ?? 0 }, fold, isLast ? finish : undefined),
    );
    if (isLast) return { dispatches, temporaries, states: slot };
    source = {
      slot,
      storage: undefined,
      kept: { extents: [outputs], strides: [[1]] },
      reduced: { extents: [parts], strides: [[outputs]] },
      length: parts,
    };
  }
}

/** Finishes states that lie in a temporary: one value per output. */
export function finishStates(
  states: Slot,
  outputs: number,
  count: number,
  fold: Fold,
  finish: Finish,
  alpha = 0,
): Dispatch {
  const source: Source = {
    slot: states,
    storage: undefined,
    kept: { extents: [outputs], strides: [[1]] },
    reduced: { extents: [1], strides: [[0]] },
    length: 1,
  };
  return pass(source, finish.slot, { outputs, parts: 1, count, alpha }, fold, finish);
}

interface Axes {
  readonly extents: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

interface Source {
  readonly slot: Slot;
  /** undefined where the elements are states. */
  readonly storage: Storage | undefined;
  readonly kept: Axes;
  readonly reduced: Axes;
  readonly length: number;
}

function axesOf(shape: readonly number[], axes: readonly number[]): Axes {
  const strides = stridesOf(shape);
  return collapseAxes(axes.map((axis) => shape[axis]!), [axes.map((axis) => strides[axis]!)]);
}

function pass(
  source: Source,
  slot: Slot,
  { outputs, parts, count, alpha }: { outputs: number; parts: number; count: number; alpha: number },
  fold: Fold,
  finish: Finish | undefined,
): Dispatch {
  const keptRank = kernelRank(source.kept.extents.length);
  const reducedRank = kernelRank(source.reduced.extents.length);
  const kept = padAxes(source.kept, keptRank);
  const reduced = padAxes(source.reduced, reducedRank);
  return dispatch(shader, {
    bindings: [source.slot, slot],
    constants: {
      WORKGROUP_SIZE,
      KEPT_RANK: keptRank,
      REDUCED_RANK: reducedRank,
      PARTS_INNERMOST: reduced.strides[0]!.at(-1) === 1,
    },
    uniforms: {
      outputs,
      parts,
      length: source.length,
      count,
      alpha,
      kept_extents: octet(kept.extents),
      kept_strides: octet(kept.strides[0]!),
      reduced_extents: octet(reduced.extents),
      reduced_strides: octet(reduced.strides[0]!),
    },
    aliases: { ...(source.storage ? { T: source.storage } : {}), R: finish?.storage ?? "u32" },
    functions: foldFunctions(source.storage === undefined, fold, finish) +
      (fold.addsFloats && parts < SIDE_BY_SIDE ? SUM_SIDE_BY_SIDE : FOLD_IN_TURN),
    workgroups: linearGrid(outputs * parts, WORKGROUP_SIZE),
  });
}

/** Sums that an invocation keeps where no other invocations share the elements of an output. */
const SIDE_BY_SIDE = 8;

const FOLD_IN_TURN = `
fn folded(base: u32, part: u32) -> A {
  var state = initial();
  for (var index = part; index < params.length; index += params.parts) {
    state = accumulate(state, x[base + reduced_offset(index)], index);
  }
  return state;
}`;

/**
 * Eight sums, each of every eighth element, then halves of them added: rounding errors grow with an eighth of the length, and it is the
 * order in which processors with vectors of four or eight sum up, ONNX Runtime on them among others.
 */
const SUM_SIDE_BY_SIDE = `
fn term(base: u32, index: u32) -> f32 {
  return enter(x[base + reduced_offset(index)], index);
}

fn terms(base: u32, index: u32) -> vec4<f32> {
  return vec4<f32>(
    term(base, index),
    term(base, index + params.parts),
    term(base, index + 2u * params.parts),
    term(base, index + 3u * params.parts),
  );
}

fn folded(base: u32, part: u32) -> f32 {
  let round = ${SIDE_BY_SIDE}u * params.parts;
  let whole = params.length / round * round;
  var first = vec4<f32>();
  var second = vec4<f32>();
  for (var index = part; index < whole; index += round) {
    first += terms(base, index);
    second += terms(base, index + 4u * params.parts);
  }
  let quad = first + second;
  var sum = (quad.x + quad.z) + (quad.y + quad.w);
  for (var index = whole + part; index < params.length; index += params.parts) {
    sum += term(base, index);
  }
  return sum;
}`;

function foldFunctions(takesStates: boolean, fold: Fold, finish: Finish | undefined): string {
  return [
    fold.state,
    ...(takesStates ? ["alias T = A;"] : []),
    `fn initial() -> A { return ${fold.initial}; }`,
    `fn enter(x: T, index: u32) -> A { return ${takesStates ? "x" : fold.enter}; }`,
    `fn combine(a: A, b: A) -> A { ${fold.combine} }`,
    `fn accumulate(a: A, x: T, index: u32) -> A { ${
      takesStates ? "return combine(a, x);" : fold.accumulate ?? "return combine(a, enter(x, index));"
    } }`,
    finish
      ? `@group(0) @binding(1) var<storage, read_write> y: array<R>;
fn finished(a: A) -> R { return ${finish.expression}; }
fn store(a: A, output: u32, part: u32) { y[output] = finish(finished(a), output); }`
      : `@group(0) @binding(1) var<storage, read_write> states: array<A>;
fn store(a: A, output: u32, part: u32) { states[part * params.outputs + output] = a; }`,
  ].join("\n");
}

/** Shape with the axes reduced to 1, or left out. */
export function reducedShape(shape: readonly number[], axes: readonly number[], keepsDims: boolean): number[] {
  return shape.flatMap((extent, axis) => !axes.includes(axis) ? [extent] : keepsDims ? [1] : []);
}

/** Elements that fold into each output, in row-major order on both sides: for references. */
export function groupElements(x: HostTensor, axes: readonly number[]): number[][] {
  const groups: number[][] = [];
  eachGroup(x, axes, (values) => groups.push(values));
  return groups;
}

/** Visits the elements that fold into each output, with their places in x: for references. */
export function eachGroup(
  x: HostTensor,
  axes: readonly number[],
  visit: (values: number[], places: number[], output: number) => void,
): void {
  const shape = reducedShape(x.shape, axes, true);
  const strides = stridesOf(shape).map((stride, axis) => axes.includes(axis) ? 0 : stride);
  const groups = Array.from({ length: elementCount(shape) }, (): number[] => []);
  eachCoordinate(x.shape, (at, index) => groups[offsetOf(at, strides)]!.push(index));
  groups.forEach((places, output) => visit(places.map((place) => x.data[place]!), places, output));
}
