/**
 * Statistics → ranges → scales and zero points. All of this arithmetic stands here and nowhere else.
 *
 * Ranges are those of POT's FakeQuantize (fake_quantize.py of openvinotoolkit/openvino, tools/pot); the step from a range
 * to scale and zero point is that of QuantizeLinear: `scale = (high - low) / (codes - 1)`, `zeroPoint = lowest code -
 * round(low / scale)`.
 */
import type { QuantizerParameters } from "../graph/quantizer.ts";
import { roundHalfEven } from "./fake_quantize.ts";
import type { QuantizerScheme } from "./scheme.ts";

/** Ends of the represented interval: one entry per channel, or one in all. */
export interface Range {
  readonly low: Float64Array;
  readonly high: Float64Array;
}

/** Lowest and highest integer code. */
export interface Codes {
  readonly low: number;
  readonly high: number;
}

/** A range together with the codes that are spread over it. */
export interface CodedRange {
  readonly range: Range;
  readonly codes: Codes;
}

/** Smallest scale, so that a constant zero does not divide by zero: the spacing of float32 at 1. */
export const SMALLEST_SCALE = 2 ** -23;

const SMALLEST_SYMMETRIC_MAXIMUM = 8e-5;
const DEAD_CHANNEL_RATIO = 0.01;
const SMALLEST_ASYMMETRIC_WIDTH = 8e-4;

/** Range of weights; in symmetric mode `max` holds each channel's largest absolute value and `min` makes no difference. */
export function weightRange(min: Float64Array, max: Float64Array, scheme: QuantizerScheme): CodedRange {
  const codes = { low: scheme.levelLow, high: scheme.levelHigh };
  if (scheme.mode === "asymmetric") {
    return { range: asymmetricRange(min, max, codes.high - codes.low, scheme.unifiedZeroPoint), codes };
  }
  return { range: symmetricRange(liftSmall(max), codes), codes };
}

/**
 * Range of an activation. In symmetric mode `max` holds the largest absolute values, and `min` only tells whether
 * anything was negative: where nothing was, the codes are unsigned.
 */
export function activationRange(min: Float64Array, max: Float64Array, scheme: QuantizerScheme): CodedRange {
  const levels = scheme.levelHigh - scheme.levelLow;
  if (scheme.mode === "asymmetric") {
    return { range: asymmetricRange(min, max, levels), codes: { low: 0, high: levels } };
  }
  const maximum = liftSmall(max);
  if (!scheme.signed && min.every((low) => low >= 0)) {
    return { range: { low: maximum.map(() => 0), high: maximum }, codes: { low: 0, high: levels } };
  }
  const codes = { low: scheme.levelLow, high: scheme.levelHigh };
  return { range: symmetricRange(maximum, codes), codes };
}

/** `[-M low', M]` around a zero that is code 0: the highest code stands for `M`. */
function symmetricRange(maximum: Float64Array, codes: Codes): Range {
  return { low: maximum.map((m) => m * codes.low / codes.high), high: maximum };
}

/** Lifts channels that are all but dead to a hundredth of the largest, which keeps scales within reason. */
export function liftSmall(maximum: Float64Array): Float64Array {
  const floor = Math.max(SMALLEST_SYMMETRIC_MAXIMUM, DEAD_CHANNEL_RATIO * largest(maximum));
  return maximum.map((m) => Math.max(m, floor));
}

/** Widens each interval until it holds 0 and 0 falls on a code; `levels` is the number of codes less one. */
export function asymmetricRange(
  min: Float64Array,
  max: Float64Array,
  levels: number,
  unifiedZeroPoint = false,
): Range {
  const low = new Float64Array(min.length);
  const high = new Float64Array(min.length);
  for (let channel = 0; channel < min.length; channel++) {
    const width = max[channel]! - min[channel]!;
    const correction = width <= SMALLEST_ASYMMETRIC_WIDTH ? SMALLEST_ASYMMETRIC_WIDTH : 0;
    low[channel] = Math.min(min[channel]! - correction, 0);
    high[channel] = Math.max(max[channel]! + correction, 0);
  }
  return alignZero({ low, high }, levels, unifiedZeroPoint);
}

/**
 * Moves one end of each interval outwards so that 0 is exactly representable. With `unifiedZeroPoint` all channels get the
 * rounded mean of their zero points.
 */
export function alignZero({ low, high }: Range, levels: number, unifiedZeroPoint = false): Range {
  const zeroPoints = low.map((a, channel) => roundHalfEven(-a * levels / (high[channel]! - a)));
  if (unifiedZeroPoint) {
    zeroPoints.fill(roundHalfEven(zeroPoints.reduce((sum, z) => sum + z, 0) / zeroPoints.length));
  }
  const ends = zeroPoints.reduce<[number, number][]>((list, z, channel) => {
    const [a, b] = [low[channel]!, high[channel]!];
    const movedLow = z < levels ? z / (z - levels) * b : a;
    const movedHigh = z > 0 ? (z - levels) / z * a : b;
    list.push(b - movedLow > movedHigh - a ? [movedLow, b] : [a, movedHigh]);
    return list;
  }, []);
  return { low: Float64Array.from(ends, ([a]) => a), high: Float64Array.from(ends, ([, b]) => b) };
}

/** Limits a range to the user's `clipping_value`s, each by itself. */
export function clipRange(range: Range, lowest: number | undefined, highest: number | undefined): Range {
  return {
    low: lowest === undefined ? range.low : range.low.map((low) => Math.max(low, lowest)),
    high: highest === undefined ? range.high : range.high.map((high) => Math.min(high, highest)),
  };
}

/**
 * One range for quantizers that must agree (Concat): from the lowest low to the highest high, in the codes of the first
 * member unless members differ, then unsigned where nothing is negative. Zero is aligned again, which POT omits.
 */
export function unifyRanges(members: readonly CodedRange[]): CodedRange {
  const low = Math.min(...members.map((member) => Math.min(...member.range.low)));
  const high = Math.max(...members.map((member) => Math.max(...member.range.high)));
  const signed = members.find((member) => member.codes.low < 0);
  const codes = (signed ?? members[0]!).codes;
  if (signed) {
    const maximum = Math.max(high, low * codes.high / codes.low);
    return { range: symmetricRange(Float64Array.of(maximum), codes), codes };
  }
  const range = { low: Float64Array.of(Math.min(low, 0)), high: Float64Array.of(Math.max(high, 0)) };
  return { range: alignZero(range, codes.high - codes.low), codes };
}

/** Scale and zero point of a range. Zero is always exactly representable. */
export function parametersOf({ range, codes }: CodedRange): QuantizerParameters {
  const levels = codes.high - codes.low;
  const scale = Float32Array.from(
    range.low,
    (low, channel) => Math.max((range.high[channel]! - low) / levels, SMALLEST_SCALE),
  );
  const zeroPoint = Int32Array.from(range.low, (low, channel) => {
    const exactScale = Math.max((range.high[channel]! - low) / levels, SMALLEST_SCALE);
    return Math.min(Math.max(codes.low - roundHalfEven(low / exactScale), codes.low), codes.high);
  });
  return { scale, zeroPoint, low: codes.low, high: codes.high };
}

/**
 * The same weights in about half of the codes: twice the scale. Multiply-add instructions that saturate at 16 bits then
 * cannot overflow (POT's `saturation_fix`).
 */
export function halveCodes(parameters: QuantizerParameters): QuantizerParameters {
  return { ...parameters, scale: parameters.scale.map((scale) => 2 * scale) };
}

function largest(values: Float64Array): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}
