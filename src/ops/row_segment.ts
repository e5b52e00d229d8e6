/** Loads of the part of an input row that adjacent windows read, shared by convolutions and pools. */

/** Windows along rows, few enough taps to unroll. */
export interface UnrolledTaps {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Padding before the row. */
  readonly before: number;
}

/** Elements of an input row that `columns` adjacent windows reach over. */
export function segmentLength(columns: number, { kernel, stride, dilation }: UnrolledTaps): number {
  return (columns - 1) * stride + (kernel - 1) * dilation + 1;
}

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

/** Runs with at least this many wanted elements are loaded whole: on lavapipe a vector costs as much as two scalars at most. */
const WORTH_A_VECTOR = { 1: Infinity, 2: 2, 4: 3 } as const;

/**
 * Statements that define `s0`, `s1`, …: the elements of the row from `first_x` on, `outside` past its ends, with the
 * functions and the type `Q` that they need. Kernels declare `x: array<f32>` and, over the same buffer, `xq: array<Q>`. Rows
 * start at `line_at` and have `width` elements, a multiple of `reads`; `first_x + before` has to be one too. `whole` is the
 * width of the input where one tile has all windows of a row: what no window finds inside is then not loaded.
 */
export function rowSegment(
  columns: number,
  taps: UnrolledTaps | undefined,
  reads: RunLength,
  { outside = "0.0", whole }: { readonly outside?: string; readonly whole?: number | undefined } = {},
): { functions: string; loads: string } {
  const run = taps === undefined || (columns * taps.stride) % reads !== 0 ? 1 : reads;
  const functions = `alias Q = ${runType(run)};
fn input_at(line_at: u32, width: u32, place: i32) -> f32 {
  let is_inside = place >= 0 && u32(place) < width;
  return select(${outside}, x[select(0u, line_at + u32(place), is_inside)], is_inside);
}
${
    run > 1
      ? `fn inputs_at(line_at: u32, width: u32, place: i32) -> Q {
  let is_inside = place >= 0 && u32(place) < width;
  return select(Q(${outside}), xq[select(0u, (line_at + u32(place)) / ${run}u, is_inside)], is_inside);
}`
      : ""
  }`;
  return { functions, loads: taps ? segmentLoads(columns, taps, run, { outside, whole }) : "" };
}

function segmentLoads(
  columns: number,
  taps: UnrolledTaps,
  run: RunLength,
  { outside, whole }: { readonly outside: string; readonly whole: number | undefined },
): string {
  const wanted = new Set<number>();
  for (let column = 0; column < columns; column++) {
    for (let kx = 0; kx < taps.kernel; kx++) wanted.add(column * taps.stride + kx * taps.dilation);
  }
  const isOutside = (place: number) => whole !== undefined && (place < taps.before || place >= taps.before + whole);
  const inside = [...wanted].filter((place) => !isOutside(place)).sort((a, b) => a - b);
  const runs = Map.groupBy(inside, (place) => Math.floor((place - taps.before) / run));
  const lines = [...wanted].filter(isOutside).map((place) => `  let s${place} = ${outside};`);
  for (const [number, places] of runs) {
    const start = run * number + taps.before;
    if (places.length < WORTH_A_VECTOR[run]) {
      lines.push(...places.map((place) => `  let s${place} = input_at(line_at, width, first_x + ${place});`));
      continue;
    }
    const name = `q${start}`.replace("-", "_");
    lines.push(`  let ${name} = inputs_at(line_at, width, first_x + ${start});`);
    lines.push(...places.map((place) => `  let s${place} = ${name}.${"xyzw"[place - start]};`));
  }
  return lines.join("\n");
}
