/** The unrolled part of shaders/matmul.wgsl for one tile. */
import { accumulators, type AddendKind, sharedQuads, tileStore, unroll } from "./tile_code.ts";

/** What the generated functions depend on. */
export interface MatmulCode {
  readonly rows: number;
  readonly columns: number;
  /** Invocations that share a through broadcasts; 0 for none. */
  readonly lanes: number;
  readonly addend: AddendKind;
  /** Whether the rows of y are whole numbers of quads. */
  readonly storesQuads: boolean;
}

/** The type `Y` and the functions `clear`, `step` and `store` that the kernel calls. */
export function matmulFunctions(code: MatmulCode): string {
  const quads = code.columns / 4;
  const a = sharedQuads("a", "a", "a_at", code.rows / 4, code.lanes);
  const update = (row: number) =>
    `  let r${row} = vec4<f32>(${a.element(row)});
${unroll(quads, (quad) => `  acc_${row}_${quad} = fma(r${row}, b${quad}, acc_${row}_${quad});`)}`;
  return `${accumulators(code.rows, quads)}
fn step(a_at: u32, b_at: u32, b_last: u32, lane: u32) {
${a.loads}
${unroll(quads, (quad) => `  let b${quad} = b[b_at + min(${quad}u, b_last)];`)}
${unroll(code.rows, update)}
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
