/** JPEG and PNG files into pixels. Errors say what was found; the caller adds which file. */
import createMozjpeg from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";
import { decode as decodePng, type DecodedPng } from "fast-png";
import { DatasetError } from "../base/errors.ts";
import { parsePictureHeader } from "./picture_header.ts";
import type { Pixels } from "./pixels.ts";
import { pixelChunks } from "./png_chunks.ts";

/** Decodes whole files. */
export interface PictureDecoder {
  /** RGB: gray is repeated, palettes are looked up, alpha is dropped, 16 bit are cut to the upper 8, EXIF turns nothing. */
  rgb(bytes: Uint8Array): Pixels;
  /** One channel of class indices: palette indices of a PNG, or the values of a gray one. */
  indices(bytes: Uint8Array): Pixels;
}

/** Loads the JPEG codec. Its error output is kept per decoder, so decoders do not disturb each other. */
export async function createPictureDecoder(): Promise<PictureDecoder> {
  const complaints: string[] = [];
  const options = { noInitialRun: true, print: () => {}, printErr: (line: string) => complaints.push(line) };
  const codec = await createMozjpeg(options);
  const jpeg = (bytes: Uint8Array): Pixels => {
    complaints.length = 0;
    let image: ImageData | null;
    try {
      image = codec.decode(bytes as Uint8Array<ArrayBuffer>, false);
    } catch (cause) {
      throw new DatasetError(`its JPEG data is damaged (${complaints.at(-1) ?? messageOf(cause)})`, { cause });
    }
    if (image === null) throw new DatasetError("its JPEG data is damaged");
    // libjpeg fills what is missing with gray and only says so.
    if (complaints.some((line) => line.startsWith("Premature end of JPEG file"))) {
      throw new DatasetError("its JPEG data is truncated");
    }
    return withoutAlpha(image);
  };
  return {
    rgb: (bytes) => parsePictureHeader(bytes).format === "jpeg" ? jpeg(bytes) : pngRgb(bytes),
    indices(bytes) {
      if (parsePictureHeader(bytes).format === "jpeg") {
        throw new DatasetError("it is a JPEG, expected a PNG of class indices");
      }
      return pngIndices(bytes);
    },
  };
}

function withoutAlpha(image: ImageData): Pixels {
  const { width, height, data: source } = image;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = source[from]!;
    data[to + 1] = source[from + 1]!;
    data[to + 2] = source[from + 2]!;
  }
  return { width, height, channels: 3, data };
}

function pngRgb(bytes: Uint8Array): Pixels {
  const png = inflated(bytes);
  const { width, height, channels, palette } = png;
  const values = eightBit(png, palette === undefined || channels > 1);
  const data = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const color = channels === 1 && palette !== undefined ? palette[values[pixel]!] : undefined;
    if (channels === 1 && palette !== undefined && color === undefined) {
      throw new DatasetError(`a pixel has palette index ${values[pixel]}, expected below ${palette.length}`);
    }
    for (let channel = 0; channel < 3; channel++) {
      data[3 * pixel + channel] = color?.[channel] ?? values[pixel * channels + (channels < 3 ? 0 : channel)]!;
    }
  }
  return { width, height, channels: 3, data };
}

function pngIndices(bytes: Uint8Array): Pixels {
  const png = inflated(bytes);
  if (png.channels !== 1 || png.depth === 16) {
    throw new DatasetError(
      `it has ${png.channels} channels of ${png.depth} bit, expected palette or gray values of at most 8 bit`,
    );
  }
  return { width: png.width, height: png.height, channels: 1, data: eightBit(png, false) };
}

function inflated(bytes: Uint8Array): DecodedPng {
  const [depth, interlaced] = [bytes[24] ?? 8, bytes[28] === 1];
  if (interlaced && depth < 8) {
    throw new DatasetError(`it is an interlaced PNG of ${depth} bit, expected 8 or 16 bit where interlaced`);
  }
  const pixels = pixelChunks(bytes);
  try {
    return decodePng(pixels, { checkCrc: true });
  } catch (cause) {
    throw new DatasetError(`its PNG data is damaged or truncated (${messageOf(cause)})`, { cause });
  }
}

/** One byte per sample; samples of less than 8 bit are unpacked, and spread over 0 to 255 where `spread`. */
function eightBit(png: DecodedPng, spread: boolean): Uint8Array {
  const { width, height, channels, depth, data } = png;
  if (depth === 16) return Uint8Array.from(data, (value) => value >> 8);
  if (depth === 8) return new Uint8Array(data.buffer, data.byteOffset, data.length);
  const lineBytes = Math.ceil(depth * channels * width / 8);
  const mask = (1 << depth) - 1;
  const factor = spread ? 255 / mask : 1;
  const values = new Uint8Array(width * height * channels);
  for (let row = 0; row < height; row++) {
    for (let place = 0; place < width * channels; place++) {
      const bit = place * depth;
      const byte = data[row * lineBytes + (bit >> 3)]!;
      values[row * width * channels + place] = ((byte >> (8 - depth - (bit & 7))) & mask) * factor;
    }
  }
  return values;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
