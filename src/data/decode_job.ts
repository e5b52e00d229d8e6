/** What a worker does with one file; also done inline for small datasets. */
import { createHash } from "node:crypto";
import { DatasetError } from "../base/errors.ts";
import { createPictureDecoder } from "./decode_picture.ts";
import { type Layout, toLayout } from "./pixels.ts";
import { type PictureSize, type PixelStep, preprocess } from "./preprocessing.ts";

/** What is wanted of a file: a preprocessed sample in its layout, the class indices of a mask, or the file's SHA-256. */
export type JobKind = "sample" | "mask" | "digest";

/** One file to be worked on. */
export interface DecodeJob {
  readonly id: number;
  readonly kind: JobKind;
  readonly path: string;
}

/** What came of a job. */
export type DecodeOutcome =
  | { readonly id: number; readonly size: PictureSize; readonly data: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly error: string };

/** How samples are made of pictures. */
export interface DecodeSettings {
  readonly steps: readonly PixelStep[];
  readonly layout: Layout;
}

/** Makes the function that does jobs; it reports errors in the outcome and never throws. */
export async function createJobRunner(settings: DecodeSettings): Promise<(job: DecodeJob) => DecodeOutcome> {
  const decoder = await createPictureDecoder();
  return ({ id, kind, path }) => {
    try {
      const bytes = Deno.readFileSync(path);
      if (kind === "digest") {
        const data = new Uint8Array(createHash("sha256").update(bytes).digest());
        return { id, size: { width: data.length, height: 1, channels: 1 }, data };
      }
      const pixels = kind === "mask" ? decoder.indices(bytes) : preprocess(decoder.rgb(bytes), settings.steps);
      const { width, height, channels } = pixels;
      return { id, size: { width, height, channels }, data: owned(toLayout(pixels, settings.layout)) };
    } catch (cause) {
      return { id, error: foundIn(cause) };
    }
  };
}

/** A copy where the array does not fill its buffer, so that the buffer can be handed over. */
function owned(data: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength;
  return whole ? data as Uint8Array<ArrayBuffer> : data.slice();
}

function foundIn(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "it does not exist";
  if (cause instanceof DatasetError) return cause.message;
  return cause instanceof Error ? cause.message : String(cause);
}
