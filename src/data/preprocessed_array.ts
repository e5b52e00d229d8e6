/** Pictures that are stored as a uint8 array and still have to be resized, cropped or recolored. */
import { DatasetError } from "../base/errors.ts";
import { elementCount } from "../base/tensor.ts";
import type { ArrayRows } from "./array_rows.ts";
import { arrayInput, type InputSource, normalizationOf } from "./input_source.ts";
import { fromLayout, type Layout, sampleShape, toLayout } from "./pixels.ts";
import { type ChannelAffine, type PixelStep, preprocess, preprocessedSize } from "./preprocessing.ts";

/** An input whose samples are the rows of an array after `steps`. */
export function preprocessedArrayInput(
  rows: ArrayRows,
  options: {
    readonly name: string | undefined;
    readonly layout: Layout;
    readonly affine: ChannelAffine | undefined;
    readonly what: string;
    readonly steps: readonly PixelStep[];
  },
): InputSource {
  const { layout, steps, what, affine } = options;
  const stored = rows.shape.slice(1);
  const [a = 0, b = 0, c = 0] = stored;
  const [channels, height, width] = layout === "NCHW" ? [a, b, c] : [c, a, b];
  if (rows.dtype !== "uint8" || stored.length !== 3 || (channels !== 1 && channels !== 3)) {
    throw new DatasetError(
      `Cannot preprocess ${what}: it is ${rows.dtype} with samples of ${stored.join(" x ")}, ` +
        `expected uint8 pictures of 1 or 3 channels in ${layout}; only normalization works on other arrays`,
    );
  }
  const shape = sampleShape(preprocessedSize({ width, height, channels }, steps), layout);
  const plain = arrayInput(rows, { ...options, affine: undefined });
  return {
    ...plain,
    input: { ...plain.input, shape, normalization: normalizationOf(affine, shape, layout, what) },
    async read(indices) {
      const values = new Uint8Array(await rows.rows(indices));
      const [from, to] = [elementCount(stored), elementCount(shape)];
      const batch = new Uint8Array(indices.length * to);
      indices.forEach((_, place) => {
        const pixels = fromLayout(values.subarray(place * from, (place + 1) * from), stored, layout);
        batch.set(toLayout(preprocess(pixels, steps), layout), place * to);
      });
      return batch;
    },
    async hashInto(hash) {
      hash.text(JSON.stringify([steps, layout]));
      await plain.hashInto(hash);
    },
  };
}
