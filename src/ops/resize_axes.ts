/** What Resize does to every axis: sizes, scales, and where an output element lies in the input. */
import { ModelError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { formatShape, type TensorType } from "../base/tensor.ts";
import { constantOf } from "./constant_operand.ts";

export type CoordinateMode =
  | "half_pixel"
  | "half_pixel_symmetric"
  | "pytorch_half_pixel"
  | "align_corners"
  | "asymmetric"
  | "tf_half_pixel_for_nn"
  | "tf_crop_and_resize";

export const COORDINATE_MODES: readonly CoordinateMode[] = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "align_corners",
  "asymmetric",
  "tf_half_pixel_for_nn",
  "tf_crop_and_resize",
];

/** How sizes are met: exactly, or with one scale that makes none of them larger, or smaller, than asked for. */
export type AspectPolicy = "stretch" | "not_larger" | "not_smaller";

/** `simple` is the rounding of opsets before 11: down when enlarging, up when shrinking. */
export type NearestMode = "round_prefer_floor" | "round_prefer_ceil" | "floor" | "ceil" | "simple";

/** One axis; `start` and `end` are the region of interest in units of the axis. */
export interface ResizeAxis {
  readonly extent: number;
  readonly size: number;
  readonly scale: number;
  /** Input elements per output element, as numerator and denominator. */
  readonly step: readonly [number, number];
  readonly start: number;
  readonly end: number;
}

/** An axis of one element that stays as it is. */
export const KEPT_AXIS: ResizeAxis = { extent: 1, size: 1, scale: 1, step: [1, 1], start: 0, end: 1 };

/** What the inputs of Resize say, whichever form they have. */
export interface ResizeRequest {
  readonly scales: readonly number[] | undefined;
  readonly sizes: readonly number[] | undefined;
  readonly roi: readonly number[] | undefined;
  readonly axes: readonly number[] | undefined;
  readonly policy: AspectPolicy;
  /**
   * Whether steps are ratios of extents, where scales are. Rounding to the nearest element needs it at halves; floor and
   * ceil go by the rounded scale, as in ONNX Runtime.
   */
  readonly exactSteps: boolean;
}

/** Values of an operand, undefined where it is absent or empty, which means the same. */
export function givenValues(operand: TensorType | undefined, name: string): readonly number[] | undefined {
  const values = operand && constantOf(operand, name);
  return values?.length ? values : undefined;
}

/** All axes of an input of `shape`; those not asked for keep their extent. */
export function resizeAxes(shape: readonly number[], request: ResizeRequest): ResizeAxis[] {
  const axes = (request.axes ?? shape.map((_, axis) => axis)).map((axis) => normalizeAxis(axis, shape.length));
  const { scales, sizes, roi } = request;
  const given = scales ?? sizes;
  if (!given || (scales && sizes) || given.length !== axes.length) {
    throw new ModelError(
      `Cannot resize: scales are ${formatShape(scales ?? [])} and sizes ${formatShape(sizes ?? [])}, expected one of ` +
        `them with ${axes.length} values`,
    );
  }
  if (roi && roi.length !== 2 * axes.length) {
    throw new ModelError(`Cannot resize: roi has ${roi.length} values, expected ${2 * axes.length}`);
  }
  const extents = axes.map((axis) => shape[axis]!);
  const measures = scales ? scaled(extents, scales) : sized(extents, sizes!, request.policy);
  const result: ResizeAxis[] = shape.map((extent) => ({ ...KEPT_AXIS, extent, size: extent }));
  axes.forEach((axis, place) => {
    const region = roi ? { start: roi[place]!, end: roi[axes.length + place]! } : { start: 0, end: 1 };
    const extent = extents[place]!;
    const { size, scale } = measures[place]!;
    const isRatio = request.exactSteps && scale === Math.fround(size / extent);
    result[axis] = { extent, size, scale, step: isRatio ? [extent, size] : [1, scale], ...region };
  });
  return result;
}

type Measure = Pick<ResizeAxis, "size" | "scale">;

function scaled(extents: readonly number[], scales: readonly number[]): Measure[] {
  return scales.map((scale, place) => {
    if (!(scale > 0)) throw new ModelError(`Cannot resize: a scale is ${scale}, expected one above 0`);
    return { size: Math.floor(Math.fround(extents[place]! * scale)), scale };
  });
}

function sized(extents: readonly number[], sizes: readonly number[], policy: AspectPolicy): Measure[] {
  const scales = sizes.map((size, place) => Math.fround(size / extents[place]!));
  if (policy === "stretch") return sizes.map((size, place) => ({ size, scale: scales[place]! }));
  const scale = policy === "not_larger" ? Math.min(...scales) : Math.max(...scales);
  return extents.map((extent) => ({ size: Math.floor(Math.fround(scale * extent) + 0.5), scale }));
}

/** Whether the axis comes out as it went in. */
export function isKept({ extent, size, scale, start, end }: ResizeAxis, mode: CoordinateMode): boolean {
  return extent === size && scale === 1 && (mode !== "tf_crop_and_resize" || (start === 0 && end === 1));
}

/** Coordinate in the input of element `at` of the output, in float32 as other runtimes compute it. */
export function originalCoordinate(at: number, axis: ResizeAxis, mode: CoordinateMode): number {
  const f = Math.fround;
  const { extent, size, scale, step, start, end } = axis;
  // Fractional: what the specification calls the resized length.
  const length = f(scale * extent);
  const shifted = f(f(f(at + 0.5) * step[0]) / step[1]);
  const centered = f(shifted - 0.5);
  switch (mode) {
    case "half_pixel":
      return centered;
    case "half_pixel_symmetric":
      return f(shifted + f(extent / 2 * (1 - size / length) - 0.5));
    case "pytorch_half_pixel":
      return size > 1 ? centered : 0;
    case "align_corners":
      return length === 1 ? 0 : f(f(at * (extent - 1)) / f(length - 1));
    case "asymmetric":
      return f(f(at * step[0]) / step[1]);
    case "tf_half_pixel_for_nn":
      return shifted;
    case "tf_crop_and_resize":
      return length === 1
        ? f(0.5 * (start + end) * (extent - 1))
        : f(f(f(at * f((end - start) * (extent - 1))) / f(length - 1)) + f(start * (extent - 1)));
  }
}

/** The four numbers t with which `(at + t[0]) * t[1] / t[2] + t[3]` is the coordinate. */
export function coordinateTransform(axis: ResizeAxis, mode: CoordinateMode): [number, number, number, number] {
  const { extent, size, scale, step, start, end } = axis;
  const length = Math.fround(scale * extent);
  if (isKept(axis, mode)) return [0, 1, 1, 0];
  switch (mode) {
    case "half_pixel":
      return [0.5, ...step, -0.5];
    case "half_pixel_symmetric":
      return [0.5, ...step, extent / 2 * (1 - size / length) - 0.5];
    case "pytorch_half_pixel":
      return size > 1 ? [0.5, ...step, -0.5] : [0, 0, 1, 0];
    case "align_corners":
      return length === 1 ? [0, 0, 1, 0] : [0, extent - 1, length - 1, 0];
    case "asymmetric":
      return [0, ...step, 0];
    case "tf_half_pixel_for_nn":
      return [0.5, ...step, 0];
    case "tf_crop_and_resize":
      return length === 1
        ? [0, 0, 1, 0.5 * (start + end) * (extent - 1)]
        : [0, (end - start) * (extent - 1), length - 1, start * (extent - 1)];
  }
}
