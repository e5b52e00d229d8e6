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

/** Quads with at least this many wanted elements are loaded whole: on lavapipe a vec4 costs as much as two scalars. */
const WORTH_A_QUAD = 3;

/**
 * Statements that define `s0`, `s1`, …: the elements of the row from `first_x` on, `outside` past its ends, with the
 * functions and the type `Q` that they need. Kernels declare `x: array<f32>` and, over the same buffer, `xq: array<Q>`. Rows
 * start at `line_at` and have `width` elements, a multiple of 4 where `readsQuads`; then `first_x + before` has to be one too.
 */
export function rowSegment(
  columns: number,
  taps: UnrolledTaps | undefined,
  readsQuads: boolean,
  outside = "0.0",
): { functions: string; loads: string } {
  const quads = readsQuads && taps !== undefined && (columns * taps.stride) % 4 === 0;
  const functions = `alias Q = ${quads ? "vec4<f32>" : "f32"};
fn input_at(line_at: u32, width: u32, place: i32) -> f32 {
  let is_inside = place >= 0 && u32(place) < width;
  return select(${outside}, x[select(0u, line_at + u32(place), is_inside)], is_inside);
}
${
    quads
      ? `fn inputs_at(line_at: u32, width: u32, place: i32) -> vec4<f32> {
  let is_inside = place >= 0 && u32(place) < width;
  return select(vec4<f32>(${outside}), xq[select(0u, (line_at + u32(place)) / 4u, is_inside)], is_inside);
}`
      : ""
  }`;
  return { functions, loads: taps ? segmentLoads(columns, taps, quads) : "" };
}

function segmentLoads(columns: number, taps: UnrolledTaps, quads: boolean): string {
  const wanted = new Set<number>();
  for (let column = 0; column < columns; column++) {
    for (let kx = 0; kx < taps.kernel; kx++) wanted.add(column * taps.stride + kx * taps.dilation);
  }
  const byQuad = Map.groupBy([...wanted].sort((a, b) => a - b), (place) => Math.floor((place - taps.before) / 4));
  const lines: string[] = [];
  for (const [quad, places] of byQuad) {
    const start = 4 * quad + taps.before;
    if (!quads || places.length < WORTH_A_QUAD) {
      lines.push(...places.map((place) => `  let s${place} = input_at(line_at, width, first_x + ${place});`));
      continue;
    }
    const name = `q${start}`.replace("-", "_");
    lines.push(`  let ${name} = inputs_at(line_at, width, first_x + ${start});`);
    lines.push(...places.map((place) => `  let s${place} = ${name}.${"xyzw"[place - start]};`));
  }
  return lines.join("\n");
}
