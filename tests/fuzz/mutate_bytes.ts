/** Damage to bytes that knows nothing of what they mean. */
import type { Draw } from "./draw.ts";

/** Values at the edges of what fields hold. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff];

/** A copy of `bytes` with one to three damages: flipped bits, edge values, a cut, a gap, a repetition, an insertion. */
export function damageBytes(bytes: Uint8Array, draw: Draw): Uint8Array<ArrayBuffer> {
  let result = new Uint8Array(bytes);
  for (let left = 1 + draw.below(3); left > 0; left--) result = damageOnce(result, draw);
  return result;
}

function damageOnce(bytes: Uint8Array<ArrayBuffer>, draw: Draw): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0) return Uint8Array.from({ length: draw.below(40) }, () => draw.below(256));
  const at = draw.below(bytes.length);
  switch (draw.below(8)) {
    case 0:
    case 1:
    case 2:
      bytes[at]! ^= 1 << draw.below(8);
      return bytes;
    case 3:
      bytes.fill(draw.of(EDGES), at, at + 1 + draw.below(8));
      return bytes;
    case 4:
      return bytes.slice(0, at);
    case 5:
      return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + draw.below(32)));
    case 6:
      return joined(bytes.subarray(0, at), bytes.subarray(Math.max(0, at - draw.below(64))));
    default: {
      const drawn = Uint8Array.from({ length: 1 + draw.below(16) }, () => draw.below(256));
      return joined(bytes.subarray(0, at), drawn, bytes.subarray(at));
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    result.set(part, offset);
    offset += part.length;
  }
  return result;
}
