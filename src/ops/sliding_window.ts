/** Sliding windows over spatial axes, shared by convolutions and pools. */
import { ModelError } from "../base/errors.ts";
import { formatShape } from "../base/tensor.ts";
import type { AttributeReader } from "../graph/attributes.ts";

export const AUTO_PADS = ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"] as const;
export type AutoPad = (typeof AUTO_PADS)[number];

/** Attributes of a window as a node states them; undefined where the default depends on the rank. */
export interface WindowAttributes {
  readonly kernelShape: readonly number[] | undefined;
  readonly strides: readonly number[] | undefined;
  readonly dilations: readonly number[] | undefined;
  readonly pads: readonly number[] | undefined;
  readonly autoPad: AutoPad;
}

/** Reads the attributes that convolutions and pools share. */
export function windowAttributes(raw: AttributeReader): WindowAttributes {
  return {
    kernelShape: raw.numbers("kernel_shape"),
    strides: raw.numbers("strides"),
    dilations: raw.numbers("dilations"),
    pads: raw.numbers("pads"),
    autoPad: raw.string("auto_pad", "NOTSET", AUTO_PADS),
  };
}

/** A window along one spatial axis. */
export interface AxisWindow {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the first element; after the last one. */
  readonly before: number;
  readonly after: number;
}

/** Input elements between the first and the last that a window touches, both included. */
export function reach(kernel: number, dilation: number): number {
  return (kernel - 1) * dilation + 1;
}

/** One value per spatial axis, checked: the attribute, or `fallback` for every axis. */
export function perAxis(
  name: string,
  values: readonly number[] | undefined,
  rank: number,
  fallback: number,
  least: number,
): readonly number[] {
  if (values === undefined) return new Array<number>(rank).fill(fallback);
  if (values.length !== rank || values.some((value) => !Number.isInteger(value) || value < least)) {
    throw new ModelError(
      `Cannot use attribute "${name}": found ${formatShape(values)}, expected ${rank} integers from ${least}`,
    );
  }
  return values;
}

/**
 * Windows of a convolution or pool over the axes `spatial` (ONNX Conv-11, AveragePool-19). With `ceil` a last window
 * that hangs over the end counts, as long as it does not start in the padding after the end.
 */
export function slideWindows(
  spatial: readonly number[],
  kernel: readonly number[],
  attributes: WindowAttributes,
  ceil = false,
): AxisWindow[] {
  const rank = spatial.length;
  const strides = perAxis("strides", attributes.strides, rank, 1, 1);
  const dilations = perAxis("dilations", attributes.dilations, rank, 1, 1);
  const pads = perAxis("pads", attributes.pads, 2 * rank, 0, 0);
  return spatial.map((input, axis) => {
    const size = { input, kernel: kernel[axis]!, stride: strides[axis]!, dilation: dilations[axis]! };
    if (attributes.autoPad === "SAME_UPPER" || attributes.autoPad === "SAME_LOWER") {
      return sameWindow(size, attributes.autoPad === "SAME_LOWER");
    }
    const isValid = attributes.autoPad === "VALID";
    return paddedWindow(size, isValid ? 0 : pads[axis]!, isValid ? 0 : pads[rank + axis]!, ceil && !isValid);
  });
}

type AxisSize = Pick<AxisWindow, "input" | "kernel" | "stride" | "dilation">;

function sameWindow(size: AxisSize, isLower: boolean): AxisWindow {
  const { input, kernel, stride, dilation } = size;
  const output = Math.ceil(input / stride);
  const padding = Math.max(0, (output - 1) * stride + reach(kernel, dilation) - input);
  const before = isLower ? Math.ceil(padding / 2) : Math.floor(padding / 2);
  return { ...size, output, before, after: padding - before };
}

function paddedWindow(size: AxisSize, before: number, after: number, ceil: boolean): AxisWindow {
  const { input, kernel, stride, dilation } = size;
  const room = input + before + after - reach(kernel, dilation);
  if (room < 0) {
    throw new ModelError(
      `Cannot slide a window of ${reach(kernel, dilation)} elements over ${input} padded by ${before} and ${after}`,
    );
  }
  let output = (ceil ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
  if (ceil && (output - 1) * stride >= input + before) output--;
  return { ...size, output, before, after };
}

/** Windows over exactly three axes: axes of extent 1 come first where there are fewer. */
export function threeAxes(windows: readonly AxisWindow[]): [AxisWindow, AxisWindow, AxisWindow] {
  const one: AxisWindow = { input: 1, output: 1, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 };
  const [z = one, y = one, x = one] = [...new Array<AxisWindow>(3 - windows.length).fill(one), ...windows];
  return [z, y, x];
}
