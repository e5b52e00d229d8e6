/** The unrolled part of shaders/conv_transpose.wgsl for one tile. */
import { accumulators, component, unroll } from "./tile_code.ts";

/** What the generated functions depend on. */
export interface ConvTransposeCode {
  readonly rows: number;
  readonly columns: number;
  readonly hasBias: boolean;
}

/** The functions `clear`, `tap` and `store` that the kernel calls. */
export function convTransposeFunctions({ rows, columns, hasBias }: ConvTransposeCode): string {
  const quads = columns / 4;
  const input = (column: number) => `input_at(line_at, first_x + ${column})`;
  const update = (row: number, quad: number) =>
    `  acc_${row}_${quad} = fma(vec4<f32>(w${row >> 2}.${component(row)}), i${quad}, acc_${row}_${quad});`;
  const element = (row: number, column: number) =>
    `    if (column + ${column}u * params.stride.z < params.columns) {
      let index = at + ${column}u * params.stride.z;
      y[index] = finish(acc_${row}_${column >> 2}.${component(column)}${hasBias ? " + bias" : ""}, index${
      hasBias ? ", unit" : ""
    });
    }`;
  const addends = (row: number) =>
    `    let bias = c[c_at + row + ${row}u];
    let unit = unit_of(vec4<f32>(scale_at(c_at + row + ${row}u)));`;
  return `${accumulators(rows, quads)}
fn input_at(line_at: u32, place: i32) -> f32 {
  let is_inside = place >= 0 && u32(place) < params.extent.z;
  return select(0.0, x[select(0u, line_at + u32(place), is_inside)], is_inside);
}
fn tap(line_at: u32, first_x: i32, w_at: u32) {
${unroll(rows / 4, (group) => `  let w${group} = w[w_at + ${group}u];`)}
${
    unroll(
      quads,
      (quad) => `  let i${quad} = vec4<f32>(${[0, 1, 2, 3].map((part) => input(4 * quad + part)).join(", ")});`,
    )
  }
${unroll(rows, (row) => unroll(quads, (quad) => update(row, quad)))}
}
fn store(row: u32, column: u32, y_at: u32, c_at: u32) {
${
    unroll(rows, (row) =>
      `  if (row + ${row}u < params.rows) {
${hasBias ? addends(row) : ""}
    let at = y_at + (row + ${row}u) * params.row_stride + column;
${unroll(columns, (column) => element(row, column))}
  }`)
  }
}
`;
}
