/** Decoded pictures and what can be done to them without changing their resolution. */

/** An 8-bit picture, row by row, the channels of a pixel together: [height, width, channels]. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/** Order of axes of one sample that a network gets: channels first or last. */
export type Layout = "NCHW" | "NHWC";

/** The rectangle of a picture from (left, top); it must lie inside. */
export function cropped(pixels: Pixels, left: number, top: number, width: number, height: number): Pixels {
  const { channels } = pixels;
  if (width === pixels.width && height === pixels.height) return pixels;
  const data = new Uint8Array(width * height * channels);
  for (let row = 0; row < height; row++) {
    const start = ((top + row) * pixels.width + left) * channels;
    data.set(pixels.data.subarray(start, start + width * channels), row * width * channels);
  }
  return { width, height, channels, data };
}

/** The channels in opposite order: RGB to BGR and back. */
export function channelsReversed(pixels: Pixels): Pixels {
  const { channels } = pixels;
  const data = new Uint8Array(pixels.data.length);
  for (let start = 0; start < data.length; start += channels) {
    for (let channel = 0; channel < channels; channel++) {
      data[start + channel] = pixels.data[start + channels - 1 - channel]!;
    }
  }
  return { ...pixels, data };
}

/** One channel of ITU-R BT.601 luma from RGB, in the 16-bit fixed point that Pillow uses for its mode "L". */
export function grayscale(pixels: Pixels): Pixels {
  const data = new Uint8Array(pixels.width * pixels.height);
  for (let index = 0; index < data.length; index++) {
    const red = pixels.data[3 * index]!;
    const green = pixels.data[3 * index + 1]!;
    const blue = pixels.data[3 * index + 2]!;
    data[index] = (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
  }
  return { ...pixels, channels: 1, data };
}

/** The picture's values in a network's layout: [C, H, W] or [H, W, C]. */
export function toLayout(pixels: Pixels, layout: Layout): Uint8Array {
  const { channels, data } = pixels;
  if (layout === "NHWC" || channels === 1) return data;
  const plane = pixels.width * pixels.height;
  const result = new Uint8Array(data.length);
  for (let channel = 0; channel < channels; channel++) {
    const target = channel * plane;
    for (let index = 0, source = channel; index < plane; index++, source += channels) {
      result[target + index] = data[source]!;
    }
  }
  return result;
}

/** Inverse of `toLayout`. */
export function fromLayout(data: Uint8Array, shape: readonly number[], layout: Layout): Pixels {
  const [a = 1, b = 1, c = 1] = shape;
  if (layout === "NHWC") return { height: a, width: b, channels: c, data };
  const plane = b * c;
  const result = new Uint8Array(data.length);
  for (let channel = 0; channel < a; channel++) {
    for (let index = 0; index < plane; index++) result[index * a + channel] = data[channel * plane + index]!;
  }
  return { channels: a, height: b, width: c, data: result };
}

/** Shape of one sample of this size in a layout. */
export function sampleShape(size: Omit<Pixels, "data">, layout: Layout): number[] {
  const { width, height, channels } = size;
  return layout === "NCHW" ? [channels, height, width] : [height, width, channels];
}
