/** What of a PNG file is decoded: its pixels alone, and no more of them than its header says. */
import { Unzlib } from "fflate";
import { DatasetError } from "../base/errors.ts";
import { MAX_DEFLATE_RATIO, parsePictureHeader } from "./picture_header.ts";

/** Chunks that decide pixels (PNG specification, 11.2 and 11.3.1). Others, profiles and texts, may be bombs of their own. */
const ESSENTIAL: ReadonlySet<string> = new Set(["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);

/** Where the first chunk begins. */
const SIGNATURE_BYTES = 8;

/** Length, name and checksum of a chunk, in bytes. */
const FRAME_BYTES = 12;

/** What image data may inflate to without being looked at before, in bytes. */
const HARMLESS_BYTES = 256 * 1024 * 1024;

/** Compressed bytes that are inflated at a time. */
const PIECE_BYTES = 16384;

/** The file without chunks that decide no pixel. Throws DatasetError where its image data are more than its header says. */
export function pixelChunks(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [bytes.subarray(0, SIGNATURE_BYTES)];
  const data: Uint8Array[] = [];
  let at = SIGNATURE_BYTES;
  while (at + FRAME_BYTES <= bytes.length) {
    const end = at + FRAME_BYTES + view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (ESSENTIAL.has(name)) kept.push(bytes.subarray(at, end));
    if (name === "IDAT") data.push(bytes.subarray(at + 8, end - 4));
    at = end;
    if (name === "IEND") break;
  }
  checkInflation(bytes, data);
  // What follows the last whole chunk stays, to be found damaged.
  kept.push(bytes.subarray(Math.min(at, bytes.length)));
  return joined(kept);
}

/** Inflates and drops, as far as the header allows. */
function checkInflation(bytes: Uint8Array, data: readonly Uint8Array[]): void {
  const packed = data.reduce((sum, { length }) => sum + length, 0);
  if (packed * MAX_DEFLATE_RATIO <= HARMLESS_BYTES) return;
  const { width, height } = parsePictureHeader(bytes);
  // At most 4 samples of 16 bit to a pixel, and a byte for each row of each of the 7 passes of interlacing.
  const expected = 8 * width * height + 7 * height + 7;
  let found = 0;
  const inflater = new Unzlib((piece) => found += piece.length);
  for (const chunk of data) {
    for (let start = 0; start < chunk.length; start += PIECE_BYTES) {
      try {
        inflater.push(chunk.subarray(start, start + PIECE_BYTES));
      } catch {
        // Decoding says what is wrong with it.
        return;
      }
      if (found > expected) {
        throw new DatasetError(`its image data are more than ${width}x${height} pixels can be`);
      }
    }
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}
