/** Elements of rows that kernels load and store together. */

/** Adjacent elements of a row that are loaded or stored as one vector: as many as divide the row. */
export type RunLength = 1 | 2 | 4;

/** The longest runs that a row of so many elements is a whole number of. */
export function runLength(elements: number): RunLength {
  return elements % 4 === 0 ? 4 : elements % 2 === 0 ? 2 : 1;
}

/** The WGSL type of a run. */
export function runType(length: RunLength): string {
  return length === 1 ? "f32" : `vec${length}<f32>`;
}
