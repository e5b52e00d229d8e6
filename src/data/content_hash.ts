/** SHA-256 over a sequence of parts, each with its length, so that no two sequences hash alike. */
import { createHash } from "node:crypto";
import type { TensorData } from "../base/tensor.ts";

/** Takes parts in order; `hex` ends it. */
export interface ContentHash {
  text(value: string): void;
  bytes(value: Uint8Array): void;
  values(value: TensorData): void;
  hex(): string;
}

/** Starts a hash. */
export function createContentHash(): ContentHash {
  const hash = createHash("sha256");
  const bytes = (value: Uint8Array): void => {
    hash.update(`${value.byteLength}:`);
    hash.update(value);
  };
  return {
    bytes,
    text: (value) => bytes(new TextEncoder().encode(value)),
    values: (value) => bytes(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)),
    hex: () => hash.digest("hex"),
  };
}
