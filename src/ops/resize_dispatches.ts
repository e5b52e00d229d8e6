/** The kernels behind Resize and Upsample. */
import nearestCode from "../../shaders/resize_nearest.wgsl" with { type: "text" };
import blendCode from "../../shaders/resize.wgsl" with { type: "text" };
import linearCode from "../../shaders/resize_linear.wgsl" with { type: "text" };
import {
  CHUNK,
  type Dispatch,
  dispatch,
  linearGrid,
  type Lowering,
  type Shader,
  type Slot,
  WORKGROUP_SIZE,
} from "../base/dispatch.ts";
import { UnsupportedError } from "../base/errors.ts";
import { elementCount, isFloat, storageOf, type TensorType } from "../base/tensor.ts";
import {
  type CoordinateMode,
  coordinateTransform,
  isKept,
  KEPT_AXIS,
  type NearestMode,
  type ResizeAxis,
} from "./resize_axes.ts";

/** How elements are computed, whatever the sizes. */
export interface ResizeSettings {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly coordinates: CoordinateMode;
  readonly nearestMode: NearestMode;
  /** Parameter of the cubic kernel. */
  readonly cubic: number;
  readonly excludeOutside: boolean;
  readonly extrapolation: number;
  readonly antialias: boolean;
}

type SharedUniform =
  | "invocations"
  | "chunks"
  | "inner"
  | "extrapolation"
  | "sizes"
  | "extents"
  | "transforms"
  | "windows";

const nearestShader: Shader<"WORKGROUP_SIZE" | "CHUNK" | "CROPS", SharedUniform> = {
  name: "resize_nearest",
  code: nearestCode,
  constants: ["WORKGROUP_SIZE", "CHUNK", "CROPS"],
  uniforms: ["invocations", "chunks", "inner", "extrapolation", "sizes", "extents", "transforms", "windows"],
  epilogue: true,
};

const blendShader: Shader<
  | "WORKGROUP_SIZE"
  | "CHUNK"
  | "CROPS"
  | "CUBIC"
  | "EXCLUDES_OUTSIDE"
  | "NORMALIZES"
  | "ANTIALIASES"
  | "TAPS_0"
  | "TAPS_1"
  | "TAPS_2",
  SharedUniform | "cubic"
> = {
  name: "resize",
  code: blendCode,
  constants: [
    "WORKGROUP_SIZE",
    "CHUNK",
    "CROPS",
    "CUBIC",
    "EXCLUDES_OUTSIDE",
    "NORMALIZES",
    "ANTIALIASES",
    "TAPS_0",
    "TAPS_1",
    "TAPS_2",
  ],
  uniforms: ["invocations", "chunks", "inner", "extrapolation", "cubic", "sizes", "extents", "transforms", "windows"],
  epilogue: true,
};

const linearShader: Shader<
  "WORKGROUP_SIZE" | "ROWS",
  "invocations" | "strips" | "blocks" | "sizes" | "extents" | "transforms"
> = {
  name: "resize_linear",
  code: linearCode,
  constants: ["WORKGROUP_SIZE", "ROWS"],
  uniforms: ["invocations", "strips", "blocks", "sizes", "extents", "transforms"],
  epilogue: true,
};

/** Axes that the kernels resize at once. */
const MAX_AXES = 3;

/** Rows of the output that one invocation of the linear kernel computes, so that they share rows of the input. */
const ROWS = 8;

/** Terms of an element's sum at most: software adapters stop an invocation after 65,535 iterations. */
const MAX_TERMS = 12000;

/** Resizes `x0` into `y0`: in one pass where few axes change, axis by axis where many do or the filter is wide. */
export function lowerResize(x: TensorType, axes: readonly ResizeAxis[], settings: ResizeSettings): Lowering {
  if (settings.mode !== "nearest" && !isFloat(x.dtype)) {
    throw new UnsupportedError(`Cannot resize: mode is ${settings.mode} and the input ${x.dtype}, expected float`);
  }
  const changed = axes.flatMap((axis, at) => isKept(axis, settings.coordinates) ? [] : [at]);
  if (changed.length === 0) return { dispatches: [], aliasOf: 0 };
  const [first, last] = [changed[0]!, changed.at(-1)!];
  const together = last - first < MAX_AXES && !(settings.antialias && changed.length > 1);
  const spans = together ? [[first, last]] : changed.map((at) => [at, at]);
  const shape = [...x.shape];
  const dispatches: Dispatch[] = [];
  const temporaries: number[] = [];
  let source: Slot = "x0";
  spans.forEach(([from, to], place) => {
    const isLast = place === spans.length - 1;
    const destination: Slot = isLast ? "y0" : `t${place}`;
    const inner = elementCount(shape.slice(to! + 1));
    const span = axes.slice(from, to! + 1);
    span.forEach(({ size }, offset) => shape[from! + offset] = size);
    const length = elementCount(shape);
    if (!isLast) temporaries.push(length);
    if (length > 0) dispatches.push(pass(source, destination, x, span, inner, length, settings));
    source = destination;
  });
  return { dispatches, temporaries };
}

function pass(
  source: Slot,
  destination: Slot,
  { dtype }: TensorType,
  span: readonly ResizeAxis[],
  inner: number,
  length: number,
  settings: ResizeSettings,
): Dispatch {
  if (isPlainLinear(span, inner, settings)) return linearPass([source, destination], span, length, settings);
  const axes = [...new Array<ResizeAxis>(MAX_AXES - span.length).fill(KEPT_AXIS), ...span];
  const nearest = settings.mode === "nearest";
  const run = axes[MAX_AXES - 1]!.size * inner;
  const chunks = Math.ceil(run / CHUNK);
  const invocations = length / run * chunks;
  const uniforms = {
    invocations,
    chunks,
    inner,
    extrapolation: settings.extrapolation,
    sizes: axes.map(({ size }) => size),
    extents: axes.map(({ extent }) => extent),
    transforms: axes.flatMap((axis) => coordinateTransform(axis, settings.coordinates)),
    windows: axes.flatMap((axis) => nearest ? rounding(axis, settings) : window(axis, settings)),
  };
  const terms = axes.reduce((count, axis) => count * window(axis, settings)[0]!, 1);
  if (!nearest && terms > MAX_TERMS) {
    throw new UnsupportedError(`Cannot resize: an element takes ${terms} others, expected at most ${MAX_TERMS}`);
  }
  const CROPS = settings.coordinates === "tf_crop_and_resize";
  const shared = { bindings: [source, destination], workgroups: linearGrid(invocations, WORKGROUP_SIZE) };
  if (nearest) {
    const type = storageOf(dtype);
    return dispatch(nearestShader, {
      ...shared,
      constants: { WORKGROUP_SIZE, CHUNK, CROPS },
      uniforms,
      aliases: { T: type, R: type },
    });
  }
  return dispatch(blendShader, {
    ...shared,
    constants: {
      WORKGROUP_SIZE,
      CHUNK,
      CROPS,
      CUBIC: settings.mode === "cubic",
      EXCLUDES_OUTSIDE: settings.excludeOutside,
      NORMALIZES: settings.excludeOutside || settings.antialias,
      ANTIALIASES: settings.antialias,
      ...taps(axes, settings),
    },
    uniforms: { ...uniforms, cubic: settings.cubic },
  });
}

/** Whether an element is interpolated between its neighbours along the last two axes, or the last, and nothing else. */
function isPlainLinear(
  span: readonly ResizeAxis[],
  inner: number,
  { mode, coordinates, antialias, excludeOutside }: ResizeSettings,
): boolean {
  const isPlain = mode === "linear" && coordinates !== "tf_crop_and_resize" && !antialias && !excludeOutside;
  return isPlain && inner === 1 && span.length <= 2;
}

function linearPass(
  bindings: readonly [Slot, Slot],
  span: readonly ResizeAxis[],
  length: number,
  { coordinates }: ResizeSettings,
): Dispatch {
  const axes = span.length === 2 ? span : [KEPT_AXIS, ...span];
  const [height, width] = axes.map(({ size }) => size) as [number, number];
  const [strips, blocks] = [Math.ceil(width / CHUNK), Math.ceil(height / ROWS)];
  const invocations = length / (height * width) * strips * blocks;
  return dispatch(linearShader, {
    bindings,
    constants: { WORKGROUP_SIZE, ROWS },
    uniforms: {
      invocations,
      strips,
      blocks,
      sizes: [height, width],
      extents: axes.map(({ extent }) => extent),
      transforms: axes.flatMap((axis) => coordinateTransform(axis, coordinates)),
    },
    workgroups: linearGrid(invocations, WORKGROUP_SIZE),
  });
}

/** Sign and bias with which the kernel rounds: `sign * floor(sign * coordinate + bias)`. */
function rounding({ scale }: ResizeAxis, { nearestMode }: ResizeSettings): number[] {
  const up = nearestMode === "ceil" || nearestMode === "round_prefer_floor" || (nearestMode === "simple" && scale < 1);
  return [up ? -1 : 1, nearestMode.startsWith("round") ? 0.5 : 0, 0, 0];
}

/** Number of neighbours and stretch of the filter along an axis. */
function window(axis: ResizeAxis, { mode, coordinates, antialias }: ResizeSettings): number[] {
  if (isKept(axis, coordinates)) return [1, 1, 0, 0];
  const stretch = antialias ? Math.min(axis.scale, 1) : 1;
  const first = Math.floor(-(mode === "cubic" ? 2 : 1) / stretch) + 1;
  return [2 - 2 * first, stretch, 0, 0];
}

/** Neighbours along every axis as constants, so that their loops unroll; the antialiased filter reads its windows. */
function taps(axes: readonly ResizeAxis[], settings: ResizeSettings) {
  const [TAPS_0, TAPS_1, TAPS_2] = axes.map((axis) => settings.antialias ? 0 : window(axis, settings)[0]!);
  return { TAPS_0: TAPS_0!, TAPS_1: TAPS_1!, TAPS_2: TAPS_2! };
}
