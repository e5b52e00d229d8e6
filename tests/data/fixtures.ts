/** Files that the tests of datasets make for themselves. */
import createMozjpegEncoder from "@jsquash/jpeg/encode.js";
import { encode as encodePng } from "fast-png";
import { dirname, join } from "node:path";
import type { Pixels } from "../../src/data/pixels.ts";

/** Runs `body` with a new folder that holds `files` (paths relative to it), and removes the folder afterwards. */
export async function withFolder(
  files: Readonly<Record<string, string | Uint8Array>>,
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "holdfast-data-" });
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(folder, name);
      await Deno.mkdir(dirname(path), { recursive: true });
      await Deno.writeFile(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
    }
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A .npy file of version 1 with these bytes after its header. */
export function npy(descr: string, shape: readonly number[], body: ArrayBufferView, columnMajor = false): Uint8Array {
  const order = columnMajor ? "True" : "False";
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${tuple}, }`;
  const padded = text.padEnd(64 * Math.ceil((10 + text.length + 1) / 64) - 11) + "\n";
  const bytes = new Uint8Array(10 + padded.length + body.byteLength);
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length & 255, padded.length >> 8]);
  bytes.set(new TextEncoder().encode(padded), 10);
  bytes.set(new Uint8Array(body.buffer, body.byteOffset, body.byteLength), 10 + padded.length);
  return bytes;
}

/** An IDX file of bytes. */
export function idx(shape: readonly number[], values: ArrayLike<number>): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0, 0, 8, shape.length]);
  shape.forEach((extent, axis) => view.setUint32(4 + 4 * axis, extent));
  bytes.set(values, 4 + 4 * shape.length);
  return bytes;
}

/** Compresses as gzip does. */
export async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes.slice()]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** A picture with gradients and sharp edges, from a formula that the reference values were made with too. */
export function picture(width: number, height: number, channels = 3): Pixels {
  const data = new Uint8Array(width * height * channels);
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let k = 0; k < channels; k++) {
        const checks = ((x * 31 + y * 17 + k * 7) % 5) * 40;
        data[at++] = x * x * 7 + y * 13 * (k + 1) + x * y * 3 + k * 101 + checks;
      }
    }
  }
  return { width, height, channels, data };
}

/** A picture of one color. */
export function flat(width: number, height: number, color: readonly number[]): Pixels {
  const data = Uint8Array.from({ length: width * height * color.length }, (_, at) => color[at % color.length] ?? 0);
  return { width, height, channels: color.length, data };
}

/** A PNG file. */
export function png(pixels: Pixels): Uint8Array {
  return encodePng({ ...pixels, depth: 8 });
}

/** A JPEG file of best quality. */
export async function jpeg(pixels: Pixels): Promise<Uint8Array> {
  const data = new Uint8ClampedArray(pixels.width * pixels.height * 4).fill(255);
  for (let pixel = 0; pixel < pixels.width * pixels.height; pixel++) {
    for (let k = 0; k < 3; k++) data[4 * pixel + k] = pixels.data[pixel * pixels.channels + k % pixels.channels] ?? 0;
  }
  const image = { ...pixels, data, colorSpace: "srgb" } as unknown as ImageData;
  return new Uint8Array(await createMozjpegEncoder(image, { quality: 100 }));
}

/** Bytes of a base64 text. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
