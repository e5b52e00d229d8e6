/** What a picture file says of itself before its pixels are decoded. */
import { DatasetError } from "../base/errors.ts";
import { MAX_PIXELS } from "./preprocessing.ts";

/** Kind and size of a picture. */
export interface PictureHeader {
  readonly format: "jpeg" | "png";
  readonly width: number;
  readonly height: number;
}

/** Reads the header. Throws DatasetError saying what was found; the caller adds which file. */
export function parsePictureHeader(bytes: Uint8Array): PictureHeader {
  if (bytes.length === 0) throw new DatasetError("it is empty");
  const header = isPng(bytes) ? pngHeader(bytes) : isJpeg(bytes) ? jpegHeader(bytes) : undefined;
  if (header === undefined) throw new DatasetError(`it is ${describe(bytes)}, expected JPEG or PNG`);
  const { width, height } = header;
  if (width === 0 || height === 0) throw new DatasetError(`it is ${width}x${height}`);
  if (width * height > MAX_PIXELS) {
    throw new DatasetError(`its header says ${width}x${height}, expected at most ${MAX_PIXELS} pixels`);
  }
  return header;
}

function isPng(bytes: Uint8Array): boolean {
  return startsWith(bytes, "\x89PNG\r\n\x1a\n");
}

function isJpeg(bytes: Uint8Array): boolean {
  return startsWith(bytes, "\xff\xd8\xff");
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return String.fromCharCode(...bytes.subarray(0, text.length)) === text;
}

function describe(bytes: Uint8Array): string {
  if (startsWith(bytes, "GIF8")) return "a GIF";
  if (startsWith(bytes, "BM")) return "a BMP";
  if (startsWith(bytes, "II*\0") || startsWith(bytes, "MM\0*")) return "a TIFF";
  if (startsWith(bytes, "RIFF")) return "a WebP";
  return "no picture that can be read";
}

/** The IHDR chunk (PNG specification, 11.2.1). */
function pngHeader(bytes: Uint8Array): PictureHeader {
  if (bytes.length < 33) throw new DatasetError("it ends inside its PNG header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const bits = view.getUint8(24) * (SAMPLES_PER_PIXEL[view.getUint8(25)] ?? 1);
  if (width * height * bits / 8 > bytes.length * MAX_DEFLATE_RATIO) {
    throw new DatasetError(`its header says ${width}x${height}, which ${bytes.length} bytes cannot hold`);
  }
  return { format: "png", width, height };
}

/** By PNG color type: gray, RGB, palette, gray with alpha, RGB with alpha. */
const SAMPLES_PER_PIXEL: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** Deflate cannot expand more than this (zlib technical details, "Maximum Compression Factor"). */
export const MAX_DEFLATE_RATIO = 1032;

/** The first start-of-frame segment (ITU-T T.81, B.2.2). */
function jpegHeader(bytes: Uint8Array): PictureHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 2;
  while (offset + 9 <= bytes.length) {
    if (view.getUint8(offset) !== 0xff) break;
    const marker = view.getUint8(offset + 1);
    if (marker === 0xff) {
      offset += 1;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) {
      const components = bytes[offset + 9];
      if (components === 4) throw new DatasetError("it is a JPEG of four inks (CMYK), expected gray or RGB");
      return { format: "jpeg", height: view.getUint16(offset + 5), width: view.getUint16(offset + 7) };
    }
    offset += 2 + view.getUint16(offset + 2);
  }
  throw new DatasetError("its JPEG data has no frame header; the file is damaged or truncated");
}
