/**
 * Resizing as Pillow's `Image.resize` does it for 8-bit pictures, bit for bit: the filter is widened by the scale when it
 * shrinks (so it averages what it covers), weights are 22-bit fixed point, and each of the two passes rounds to bytes.
 */
import type { Pixels } from "./pixels.ts";

/** A reconstruction kernel: its value at a distance from the sample, and the distance beyond which it is zero. */
interface Filter {
  readonly support: number;
  at(distance: number): number;
}

const FILTERS = {
  box: { support: 0.5, at: (x) => x > -0.5 && x <= 0.5 ? 1 : 0 },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, at: keys },
} as const satisfies Record<string, Filter>;

/** How values between pixels are found. */
export type Interpolation = keyof typeof FILTERS | "nearest";

/** Every interpolation, by the name that configurations use. */
export const INTERPOLATIONS: readonly Interpolation[] = [
  ...(Object.keys(FILTERS) as (keyof typeof FILTERS)[]),
  "nearest",
];

/** The picture at another size. Horizontal pass first, then vertical; an axis that keeps its size is not filtered. */
export function resized(pixels: Pixels, width: number, height: number, interpolation: Interpolation): Pixels {
  if (interpolation === "nearest") return nearest(pixels, width, height);
  const filter = FILTERS[interpolation];
  const wide = width === pixels.width ? pixels : horizontalPass(pixels, width, filter);
  return height === pixels.height ? wide : verticalPass(wide, height, filter);
}

/** For each output position: the first input position it covers, and the weights of that and the following ones. */
interface Weights {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** `stride` weights per output position, scaled by 2^PRECISION_BITS. */
  readonly values: Int32Array;
  readonly stride: number;
}

/** A weighted sum of bytes has to fit in 32 bits with two bits to spare for kernels that overshoot. */
const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);

function weightsOf(inputSize: number, outputSize: number, filter: Filter): Weights {
  const scale = inputSize / outputSize;
  const filterScale = Math.max(scale, 1);
  const support = filter.support * filterScale;
  const stride = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(outputSize);
  const counts = new Int32Array(outputSize);
  const values = new Int32Array(outputSize * stride);
  const weights = new Float64Array(stride);
  for (let output = 0; output < outputSize; output++) {
    const center = (output + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(inputSize, Math.trunc(center + support + 0.5)) - start;
    let sum = 0;
    for (let tap = 0; tap < count; tap++) {
      const weight = filter.at((tap + start - center + 0.5) * (1 / filterScale));
      weights[tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < count; tap++) {
      const weight = (sum === 0 ? weights[tap]! : weights[tap]! / sum) * (1 << PRECISION_BITS);
      values[output * stride + tap] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    starts[output] = start;
    counts[output] = count;
  }
  return { starts, counts, values, stride };
}

function horizontalPass(pixels: Pixels, width: number, filter: Filter): Pixels {
  const { channels, height, data: source } = pixels;
  const weights = weightsOf(pixels.width, width, filter);
  const data = new Uint8ClampedArray(width * height * channels);
  const passLine = channels === 3 ? filterRgbLine : filterLine;
  for (let row = 0; row < height; row++) {
    const line = source.subarray(row * pixels.width * channels, (row + 1) * pixels.width * channels);
    passLine(line, data.subarray(row * width * channels, (row + 1) * width * channels), weights, channels);
  }
  return { width, height, channels, data: asBytes(data) };
}

function filterLine(source: Uint8Array, target: Uint8ClampedArray, weights: Weights, channels: number): void {
  const { starts, counts, values, stride } = weights;
  for (let column = 0, to = 0; column < starts.length; column++) {
    const weight = column * stride;
    for (let channel = 0; channel < channels; channel++) {
      let sum = HALF;
      for (let tap = 0, from = starts[column]! * channels + channel; tap < counts[column]!; tap++, from += channels) {
        sum = (sum + source[from]! * values[weight + tap]!) | 0;
      }
      target[to++] = sum >> PRECISION_BITS;
    }
  }
}

/** `filterLine` for three channels, which share the reading of a weight: a third of the time. */
function filterRgbLine(source: Uint8Array, target: Uint8ClampedArray, weights: Weights): void {
  const { starts, counts, values, stride } = weights;
  for (let column = 0, to = 0; column < starts.length; column++, to += 3) {
    let [red, green, blue] = [HALF, HALF, HALF];
    const end = column * stride + counts[column]!;
    for (let at = column * stride, from = starts[column]! * 3; at < end; at++, from += 3) {
      const weight = values[at]!;
      red = (red + source[from]! * weight) | 0;
      green = (green + source[from + 1]! * weight) | 0;
      blue = (blue + source[from + 2]! * weight) | 0;
    }
    target[to] = red >> PRECISION_BITS;
    target[to + 1] = green >> PRECISION_BITS;
    target[to + 2] = blue >> PRECISION_BITS;
  }
}

function verticalPass(pixels: Pixels, height: number, filter: Filter): Pixels {
  const { channels, width, data: source } = pixels;
  const { starts, counts, values, stride } = weightsOf(pixels.height, height, filter);
  const line = width * channels;
  const data = new Uint8ClampedArray(line * height);
  const sums = new Int32Array(line);
  for (let row = 0; row < height; row++) {
    sums.fill(HALF);
    for (let tap = 0; tap < counts[row]!; tap++) {
      const weight = values[row * stride + tap]!;
      const from = (starts[row]! + tap) * line;
      for (let index = 0; index < line; index++) sums[index] = sums[index]! + source[from + index]! * weight;
    }
    for (let index = 0; index < line; index++) data[row * line + index] = sums[index]! >> PRECISION_BITS;
  }
  return { width, height, channels, data: asBytes(data) };
}

function nearest(pixels: Pixels, width: number, height: number): Pixels {
  const { channels, data: source } = pixels;
  const columns = nearestPositions(pixels.width, width);
  const rows = nearestPositions(pixels.height, height);
  const data = new Uint8Array(width * height * channels);
  let target = 0;
  for (const row of rows) {
    for (const column of columns) {
      const from = (row * pixels.width + column) * channels;
      for (let channel = 0; channel < channels; channel++) data[target++] = source[from + channel]!;
    }
  }
  return { width, height, channels, data };
}

/** Adds the step up as Pillow does, instead of multiplying, so that positions near an edge round alike. */
function nearestPositions(inputSize: number, outputSize: number): Int32Array {
  const step = inputSize / outputSize;
  const positions = new Int32Array(outputSize);
  for (let output = 0, position = step * 0.5; output < outputSize; output++, position += step) {
    positions[output] = Math.min(inputSize - 1, Math.trunc(position));
  }
  return positions;
}

function asBytes(data: Uint8ClampedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.length);
}

/** Keys' cubic convolution with a = -0.5 ("Cubic convolution interpolation for digital image processing", 1981). */
function keys(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}
