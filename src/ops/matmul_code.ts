/** The unrolled part of shaders/matmul.wgsl for one tile. */
import { accumulators, type AddendKind, component, tileStore, unroll } from "./tile_code.ts";

/** What the generated functions depend on. */
export interface MatmulCode {
  readonly rows: number;
  readonly columns: number;
  readonly addend: AddendKind;
  /** Whether the rows of y are whole numbers of quads. */
  readonly storesQuads: boolean;
}

/** The type `Y` and the functions `clear`, `step` and `store` that the kernel calls. */
export function matmulFunctions(code: MatmulCode): string {
  const quads = code.columns / 4;
  const update = (row: number, quad: number) =>
    `  acc_${row}_${quad} = fma(vec4<f32>(a${row >> 2}.${component(row)}), b${quad}, acc_${row}_${quad});`;
  return `${accumulators(code.rows, quads)}
fn step(a_at: u32, b_at: u32, b_last: u32, lane: u32) {
${unroll(code.rows / 4, (group) => `  let a${group} = a[a_at + ${group}u];`)}
${unroll(quads, (quad) => `  let b${quad} = b[b_at + min(${quad}u, b_last)];`)}
${unroll(code.rows, (row) => unroll(quads, (quad) => update(row, quad)))}
}
${
    tileStore({
      ...code,
      alpha: "params.alpha",
      beta: "params.beta",
      addendRow: "params.c_row",
      addendColumn: "params.c_column",
      rowStride: "params.columns",
    })
  }`;
}
