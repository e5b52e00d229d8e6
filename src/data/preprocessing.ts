/** Preprocessing of pictures in Accuracy Checker's vocabulary: what its steps mean here, and carrying them out. */
import { DatasetError } from "../base/errors.ts";
import type { Placement } from "./dataset.ts";
import { channelsReversed, cropped, grayscale, type Pixels } from "./pixels.ts";
import { type Interpolation, resized } from "./resize.ts";

/** How the destination size of a resize follows from the picture's: Accuracy Checker's `aspect_ratio_scale`. */
export type AspectRatioScale = "width" | "height" | "greater" | "fit_to_window" | "min_ratio";

/** One step on pixels. */
export type PixelStep =
  | {
    readonly type: "resize";
    readonly width: number;
    readonly height: number;
    readonly scale: AspectRatioScale | undefined;
    readonly interpolation: Interpolation;
  }
  | { readonly type: "crop"; readonly extent: CropExtent; readonly halfEven: boolean }
  | { readonly type: "reverse_channels" }
  | { readonly type: "gray" };

/** What a central crop keeps. */
export type CropExtent =
  | { readonly kind: "size"; readonly width: number; readonly height: number }
  | { readonly kind: "fraction"; readonly fraction: number }
  | { readonly kind: "square" };

/** `y = (x - mean) / std`, one value for all channels or one for each. */
export interface ChannelAffine {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** Steps on pixels, in order, and the affine map that follows them. */
export interface Preprocessing {
  readonly steps: readonly PixelStep[];
  readonly affine: ChannelAffine | undefined;
}

/** A size without pixels. */
export type PictureSize = Omit<Pixels, "data">;

/** Carries out the steps. Throws DatasetError where a picture does not fit them. */
export function preprocess(pixels: Pixels, steps: readonly PixelStep[]): Pixels {
  let result = pixels;
  for (const step of steps) result = applyStep(result, step);
  return result;
}

/** The size that `preprocess` gives for a picture of this size. */
export function preprocessedSize(size: PictureSize, steps: readonly PixelStep[]): PictureSize {
  let result = size;
  for (const step of steps) {
    if (step.type === "resize") result = { ...result, ...resizeTarget(result, step) };
    if (step.type === "crop") {
      const { width, height } = cropRectangle(result, step);
      result = { ...result, width, height };
    }
    if (step.type === "gray") result = { ...result, channels: 1 };
  }
  return result;
}

/** Where what `preprocess` gives for a picture of this size lies in it. */
export function placementOf(size: PictureSize, steps: readonly PixelStep[]): Placement {
  let { left, top, scaleX, scaleY } = { left: 0, top: 0, scaleX: 1, scaleY: 1 };
  let current = size;
  for (const step of steps) {
    const next = preprocessedSize(current, [step]);
    if (step.type === "resize") {
      scaleX *= current.width / next.width;
      scaleY *= current.height / next.height;
    }
    if (step.type === "crop") {
      const rectangle = cropRectangle(current, step);
      left += rectangle.left * scaleX;
      top += rectangle.top * scaleY;
    }
    current = next;
  }
  return { left, top, scaleX, scaleY };
}

function applyStep(pixels: Pixels, step: PixelStep): Pixels {
  switch (step.type) {
    case "resize": {
      const { width, height } = resizeTarget(pixels, step);
      return resized(pixels, width, height, step.interpolation);
    }
    case "crop": {
      const { left, top, width, height } = cropRectangle(pixels, step);
      return cropped(pixels, left, top, width, height);
    }
    case "reverse_channels":
      return channelsReversed(pixels);
    case "gray":
      return pixels.channels === 1 ? pixels : grayscale(pixels);
  }
}

/** Sizes are truncated, not rounded, as Accuracy Checker does. */
function resizeTarget(size: PictureSize, step: PixelStep & { type: "resize" }): { width: number; height: number } {
  const { width, height } = step;
  const byHeight = { width: Math.trunc(width * size.width / size.height), height };
  const byWidth = { width, height: Math.trunc(height * size.height / size.width) };
  const target = step.scale === undefined
    ? { width, height }
    : step.scale === "width"
    ? byHeight
    : step.scale === "height"
    ? byWidth
    : step.scale === "greater"
    ? (size.height > size.width ? byWidth : byHeight)
    : step.scale === "fit_to_window"
    ? scaledBy(size, Math.min(height / size.height, width / size.width))
    : dividedBy(size, Math.min(size.height / height, size.width / width));
  if (target.width < 1 || target.height < 1 || target.width * target.height > MAX_PIXELS) {
    throw new DatasetError(`it is ${size.width}x${size.height}, which resizes to ${target.width}x${target.height}`);
  }
  return target;
}

/** Pictures beyond this are taken for damaged or hostile; the bound at which Pillow refuses. */
export const MAX_PIXELS = 178_956_970;

function scaledBy(size: PictureSize, factor: number): { width: number; height: number } {
  return { width: Math.trunc(factor * size.width), height: Math.trunc(factor * size.height) };
}

function dividedBy(size: PictureSize, ratio: number): { width: number; height: number } {
  return { width: Math.trunc(size.width / ratio), height: Math.trunc(size.height / ratio) };
}

function cropRectangle(
  size: PictureSize,
  step: PixelStep & { type: "crop" },
): { left: number; top: number; width: number; height: number } {
  const { width, height } = cropExtent(size, step.extent);
  if (width > size.width || height > size.height || width < 1 || height < 1) {
    throw new DatasetError(
      `it is ${size.width}x${size.height} where a crop to ${width}x${height} is asked for; put a resize before the crop`,
    );
  }
  const half = step.halfEven ? roundHalfToEven : Math.floor;
  return { left: half((size.width - width) / 2), top: half((size.height - height) / 2), width, height };
}

function cropExtent(size: PictureSize, extent: CropExtent): { width: number; height: number } {
  switch (extent.kind) {
    case "size":
      return extent;
    case "fraction":
      return scaledBy(size, extent.fraction);
    case "square": {
      const side = Math.min(size.width, size.height);
      return { width: side, height: side };
    }
  }
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
