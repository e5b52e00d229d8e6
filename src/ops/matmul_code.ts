/** The unrolled part of shaders/matmul.wgsl for one tile. */
import { accumulators, component, unroll } from "./tile_code.ts";

/** Where the addend `c` of `alpha · a · b + beta · c` varies. */
export type AddendKind = "none" | "per_row" | "per_column" | "per_element";

/** What the generated functions depend on. */
export interface MatmulCode {
  readonly rows: number;
  readonly columns: number;
  readonly addend: AddendKind;
  /** Whether the rows of y are whole numbers of quads, so that y is stored as vec4. */
  readonly storesQuads: boolean;
}

/** The types and functions `Y`, `clear`, `step` and `store` that the kernel calls. */
export function matmulFunctions(code: MatmulCode): string {
  const quads = code.columns / 4;
  return `alias Y = ${code.storesQuads ? "vec4<f32>" : "f32"};
${accumulators(code.rows, quads)}
fn step(a_at: u32, b_at: u32, b_last: u32, lane: u32) {
${unroll(code.rows / 4, (group) => `  let a${group} = a[a_at + ${group}u];`)}
${unroll(quads, (quad) => `  let b${quad} = b[b_at + min(${quad}u, b_last)];`)}
${
    unroll(code.rows, (row) =>
      unroll(
        quads,
        (quad) =>
          `  acc_${row}_${quad} = fma(vec4<f32>(a${row >> 2}.${component(row)}), b${quad}, acc_${row}_${quad});`,
      ))
  }
}
${storeQuad(code.storesQuads)}
fn store(row: u32, column: u32, y_at: u32, c_at: u32) {
${code.addend === "per_column" ? unroll(quads, (quad) => `  let c${quad} = ${addendQuad(quad)};`) : ""}
${unroll(code.rows, (row) => storeRow(code, row, quads))}
}
`;
}

function addendQuad(quad: number): string {
  const element = (part: number) =>
    `c[c_at + min(column + ${4 * quad + part}u, params.columns - 1u) * params.c_column]`;
  return `params.beta * vec4<f32>(${[0, 1, 2, 3].map(element).join(", ")})`;
}

function storeRow({ addend }: MatmulCode, row: number, quads: number): string {
  const value = (quad: number) => {
    const product = `params.alpha * acc_${row}_${quad}`;
    if (addend === "none") return product;
    if (addend === "per_column") return `${product} + c${quad}`;
    if (addend === "per_row") return `${product} + c_row`;
    const element = (part: number) =>
      `c[c_at + row${row} * params.c_row + min(column + ${4 * quad + part}u, params.columns - 1u) * params.c_column]`;
    return `${product} + params.beta * vec4<f32>(${[0, 1, 2, 3].map(element).join(", ")})`;
  };
  return `  let row${row} = row + ${row}u;
  if (row${row} < params.rows) {
${addend === "per_row" ? `    let c_row = params.beta * c[c_at + row${row} * params.c_row];` : ""}
    let at = y_at + row${row} * params.columns + column;
${unroll(quads, (quad) => `    store_quad(${value(quad)}, at + ${4 * quad}u, column + ${4 * quad}u);`)}
  }`;
}

function storeQuad(storesQuads: boolean): string {
  if (storesQuads) {
    return `fn store_quad(value: vec4<f32>, at: u32, column: u32) {
  if (column < params.columns) { y[at / 4u] = finish4(value, at); }
}`;
  }
  return `fn store_quad(value: vec4<f32>, at: u32, column: u32) {
  if (column >= params.columns) { return; }
  let finished = finish4(value, at);
  y[at] = finished.x;
${
    unroll(3, (part) =>
      `  if (column + ${part + 1}u < params.columns) { y[at + ${part + 1}u] = finished.${component(part + 1)}; }`)
  }
}`;
}
