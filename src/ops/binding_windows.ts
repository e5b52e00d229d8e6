/** Parts of tensors that are too large for one binding. */
import type { Window } from "../base/dispatch.ts";

/** Rows that a window shows. */
export interface RowWindow {
  readonly first: number;
  readonly rows: number;
  /** Undefined where they are all rows. */
  readonly window: Window | undefined;
}

/** Windows start at multiples of this many elements: bindings start at multiples of 256 bytes. */
const WINDOW_ALIGNMENT = 64;

/**
 * Cuts `rows` rows of `length` elements each into windows of at most `largestBinding` bytes; one without a window where a binding
 * holds them all, or cannot hold the fewest rows that start where bindings may.
 */
export function windowsOf(rows: number, length: number, largestBinding: number): RowWindow[] {
  const step = Math.floor(largestBinding / (4 * length) / WINDOW_ALIGNMENT) * WINDOW_ALIGNMENT;
  if (4 * rows * length <= largestBinding || step === 0) return [{ first: 0, rows, window: undefined }];
  return Array.from({ length: Math.ceil(rows / step) }, (_, index) => {
    const first = index * step;
    const own = Math.min(step, rows - first);
    return { first, rows: own, window: { offset: first * length, length: own * length } };
  });
}
