/** The unrolled part of shaders/conv.wgsl for one tile. */
import { accumulators, sharedQuads, tileStore, unroll } from "./tile_code.ts";
import { rowSegment, type UnrolledTaps } from "./row_segment.ts";
import { type RunLength } from "./runs.ts";

/** What the generated functions depend on. */
export interface ConvCode {
  readonly rows: number;
  readonly columns: number;
  /** Invocations that share weights through broadcasts; 0 for none. */
  readonly lanes: number;
  readonly hasBias: boolean;
  /** Runs that the rows of y, and of x, are whole numbers of. */
  readonly stores: RunLength;
  readonly reads: RunLength;
  /** Width of x where a tile has all results of a row. */
  readonly whole: number | undefined;
  /** undefined for a loop over the taps of a kernel row. */
  readonly taps: UnrolledTaps | undefined;
}

/** The types `Q` and `Y` and the functions `clear`, `taps` and `store` that the kernel calls. */
export function convFunctions(code: ConvCode): string {
  const segment = rowSegment(code.columns, code.taps, code.reads, { whole: code.whole });
  return `${accumulators(code.rows, code.columns / 4)}
${segment.functions}
fn taps(line_at: u32, width: u32, first_x: i32, w_at: u32, lane: u32) {
${code.taps ? unrolledTaps(code, code.taps, segment.loads) : loopedTaps(code)}
}
${
    tileStore({
      ...code,
      addend: code.hasBias ? "per_row" : "none",
      hasUnit: code.hasBias,
      alpha: "",
      beta: "",
      addendRow: "1u",
      addendColumn: "0u",
      rowStride: "params.row_stride",
      quadColumn: (quad) => `column + ${4 * quad}u`,
      quadAt: (quad) => `y_at + column + ${4 * quad}u`,
    })
  }`;
}

/** One tap: weights of all channels times the inputs named by `input`. */
function tap(code: ConvCode, weights: string, input: (column: number) => string): string {
  const quads = code.columns / 4;
  const w = sharedQuads("w", "w", weights, code.rows / 4, code.lanes);
  const update = (row: number) =>
    `  let r${row} = vec4<f32>(${w.element(row)});
${unroll(quads, (quad) => `  acc_${row}_${quad} = fma(r${row}, i${quad}, acc_${row}_${quad});`)}`;
  return `${w.loads}
${
    unroll(quads, (quad) =>
      `  let i${quad} = vec4<f32>(${[0, 1, 2, 3].map((part) => input(4 * quad + part)).join(", ")});`)
  }
${unroll(code.rows, update)}`;
}

function unrolledTaps(code: ConvCode, taps: UnrolledTaps, loads: string): string {
  const one = (kx: number) =>
    tap(code, `w_at + ${kx * code.rows / 4}u`, (column) => `s${column * taps.stride + kx * taps.dilation}`);
  return `${loads}
${unroll(taps.kernel, (kx) => `  {\n${one(kx)}\n  }`)}`;
}

function loopedTaps(code: ConvCode): string {
  const place = (column: number) =>
    `    let s${column} = input_at(line_at, width, tap_x + i32(${column}u * params.stride_x));`;
  return `  for (var kx = 0u; kx < params.kernel_x; kx++) {
    let tap_x = first_x + i32(kx * params.dilation_x);
${unroll(code.columns, place)}
${tap(code, `w_at + kx * ${code.rows / 4}u`, (column) => `s${column}`)}
  }`;
}
