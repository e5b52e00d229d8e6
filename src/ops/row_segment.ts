/** Loads of the part of an input row that adjacent windows read, shared by convolutions and pools. */

import { type RunLength, runLength, runType } from "./runs.ts";
import { component, quadsFrom, unroll } from "./tile_code.ts";

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

/** How elements of rows are loaded: in runs that rows are whole numbers of, or in the quads that they lie in, whichever these are. */
export type RowReads = RunLength | "quads_around";

/**
 * How to load rows of `width` elements of a tensor with `length` elements. On a CPU any load is a loop over its invocations, whose length
 * counts little; the tensor has to be a whole number of quads.
 */
export function rowReads(width: number, length: number, isSoftware: boolean): RowReads {
  const run = runLength(width);
  return isSoftware && run < 4 && length % 4 === 0 ? "quads_around" : run;
}

/** Runs with at least this many wanted elements are loaded whole: on lavapipe a vector costs as much as two scalars at most. */
const WORTH_A_VECTOR = { 1: Infinity, 2: 2, 4: 3 } as const;

/**
 * Statements that define `s0`, `s1`, …: the elements of the row from `first_x` on, `outside` past its ends, with the
 * functions and the type `Q` that they need. Kernels declare `x: array<f32>` and, over the same buffer, `xq: array<Q>`. Rows
 * start at `line_at` and have `width` elements, a multiple of `reads` if that is a length; `first_x + before` has to be one
 * too, and never negative. `whole` is the width of the input where one tile has all windows of a row: what no window finds
 * inside is then not loaded.
 */
export function rowSegment(
  columns: number,
  taps: UnrolledTaps | undefined,
  reads: RowReads,
  { outside = "0.0", whole }: { readonly outside?: string; readonly whole?: number | undefined } = {},
): { functions: string; loads: string } {
  if (reads === "quads_around") {
    if (taps && quadsAround(columns, taps) < wantedPlaces(columns, taps).size) {
      return { functions: "alias Q = vec4<f32>;", loads: loadsAround(columns, taps, outside) };
    }
    return rowSegment(columns, taps, 1, { outside, whole });
  }
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

/** Quads that a segment of a row may lie in. */
function quadsAround(columns: number, taps: UnrolledTaps): number {
  return Math.ceil((segmentLength(columns, taps) + 3) / 4);
}

/** Loads the quads around a segment and picks out of them what lies within the row. */
function loadsAround(columns: number, taps: UnrolledTaps, outside: string): string {
  const count = Math.ceil(segmentLength(columns, taps) / 4);
  const around = quadsAround(columns, taps);
  const isInside = (quad: number) => {
    const places = `vec4<i32>(${[0, 1, 2, 3].map((part) => 4 * quad + part).join(", ")})`;
    const isBeforeEnd = `${places} < vec4<i32>(end_x)`;
    return 4 * quad < taps.before ? `(${isBeforeEnd}) & (${places} >= vec4<i32>(-first_x))` : isBeforeEnd;
  };
  return `  let start_x = i32(line_at) + first_x;
  let end_x = i32(width) - first_x;
${unroll(around, (quad) => `  let q${quad} = xq[max(0, (start_x >> 2u) + ${quad})];`)}
${quadsFrom("q", around, { to: "r", count, start: "start_x" })}
${unroll(count, (quad) => `  let p${quad} = select(vec4<f32>(${outside}), r${quad}, ${isInside(quad)});`)}
${[...wantedPlaces(columns, taps)].map((place) => `  let s${place} = p${place >> 2}.${component(place)};`).join("\n")}`;
}

/** Elements of a segment that some window reads. */
function wantedPlaces(columns: number, taps: UnrolledTaps): Set<number> {
  const wanted = new Set<number>();
  for (let column = 0; column < columns; column++) {
    for (let kx = 0; kx < taps.kernel; kx++) wanted.add(column * taps.stride + kx * taps.dilation);
  }
  return wanted;
}

function segmentLoads(
  columns: number,
  taps: UnrolledTaps,
  run: RunLength,
  { outside, whole }: { readonly outside: string; readonly whole: number | undefined },
): string {
  const wanted = wantedPlaces(columns, taps);
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
