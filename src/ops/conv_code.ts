/** The unrolled part of shaders/conv.wgsl for one tile. */
import { accumulators, component, tileStore, unroll } from "./tile_code.ts";

/** Kernel extent, stride and dilation along rows, where they are few enough to unroll. */
export interface UnrolledTaps {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
}

/** What the generated functions depend on. */
export interface ConvCode {
  readonly rows: number;
  readonly columns: number;
  readonly hasBias: boolean;
  /** Whether the rows of y are whole numbers of quads. */
  readonly storesQuads: boolean;
  /** undefined for a loop over the taps of a kernel row. */
  readonly taps: UnrolledTaps | undefined;
}

/** Elements of an input row that one invocation reads for one kernel row. */
export function segmentLength(columns: number, { kernel, stride, dilation }: UnrolledTaps): number {
  return (columns - 1) * stride + (kernel - 1) * dilation + 1;
}

/** The type `Y` and the functions `clear`, `taps` and `store` that the kernel calls. */
export function convFunctions(code: ConvCode): string {
  return `${accumulators(code.rows, code.columns / 4)}
fn input_at(line_at: u32, width: u32, place: i32) -> f32 {
  let is_inside = place >= 0 && u32(place) < width;
  return select(0.0, x[select(0u, line_at + u32(place), is_inside)], is_inside);
}
fn taps(line_at: u32, width: u32, first_x: i32, w_at: u32, lane: u32) {
${code.taps ? unrolledTaps(code, code.taps) : loopedTaps(code)}
}
${
    tileStore({
      ...code,
      addend: code.hasBias ? "per_row" : "none",
      alpha: "",
      beta: "",
      addendRow: "1u",
      addendColumn: "0u",
      rowStride: "params.row_stride",
    })
  }`;
}

/** One tap: weights of all channels times the inputs named by `input`. */
function tap({ rows, columns }: ConvCode, weights: string, input: (column: number) => string, indent: string): string {
  const quads = columns / 4;
  const update = (row: number, quad: number) =>
    `${indent}acc_${row}_${quad} = fma(vec4<f32>(w${row >> 2}.${component(row)}), i${quad}, acc_${row}_${quad});`;
  return `${unroll(rows / 4, (group) => `${indent}let w${group} = w[${weights} + ${group}u];`)}
${
    unroll(quads, (quad) =>
      `${indent}let i${quad} = vec4<f32>(${[0, 1, 2, 3].map((part) => input(4 * quad + part)).join(", ")});`)
  }
${unroll(rows, (row) => unroll(quads, (quad) => update(row, quad)))}`;
}

function unrolledTaps(code: ConvCode, taps: UnrolledTaps): string {
  const read = (place: number) => `  let s${place} = input_at(line_at, width, first_x + ${place});`;
  const used = new Set<number>();
  for (let column = 0; column < code.columns; column++) {
    for (let kx = 0; kx < taps.kernel; kx++) used.add(column * taps.stride + kx * taps.dilation);
  }
  return `${[...used].sort((a, b) => a - b).map(read).join("\n")}
${
    unroll(taps.kernel, (kx) =>
      `  {
${
        tap(
          code,
          `w_at + ${kx * code.rows / 4}u`,
          (column) => `s${column * taps.stride + kx * taps.dilation}`,
          "    ",
        )
      }
  }`)
  }`;
}

function loopedTaps(code: ConvCode): string {
  const read = (column: number) =>
    `    let s${column} = input_at(line_at, width, tap_x + i32(${column}u * params.stride_x));`;
  return `  for (var kx = 0u; kx < params.kernel_x; kx++) {
    let tap_x = first_x + i32(kx * params.dilation_x);
${unroll(code.columns, read)}
${tap(code, `w_at + kx * ${code.rows / 4}u`, (column) => `s${column}`, "    ")}
  }`;
}
