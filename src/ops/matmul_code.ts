/** The unrolled part of shaders/matmul.wgsl for one tile. */
import type { Dispatch } from "../base/dispatch.ts";
import type { RunLength } from "./runs.ts";
import { accumulators, type AddendKind, quadsFrom, sharedQuads, tileStore, unroll } from "./tile_code.ts";

/** What the generated functions depend on. */
export interface MatmulCode {
  readonly rows: number;
  readonly columns: number;
  /** Invocations that share a through broadcasts; 0 for none. */
  readonly lanes: number;
  /** Quads from one of an invocation to the next. */
  readonly quadStep: number;
  /** Whether rows of b start anywhere, so that the quads around them are loaded; the quads of an invocation are those of one row then. */
  readonly readsAround: boolean;
  /** Whether b lies in panels, which are `params.b_row` quads wide. */
  readonly isInPanels: boolean;
  /** Steps along the depth that one call makes. */
  readonly steps: number;
  readonly addend: AddendKind;
  /** Whether alpha and beta are other than 1. */
  readonly isScaled: boolean;
  /** Whether the epilogue is told the unit of the sums (Dispatch.addend). */
  readonly hasUnit: boolean;
  /** As `Dispatch.wholeSum` says. */
  readonly wholeSum?: Dispatch["wholeSum"];
  /** Runs that the rows of y are whole numbers of. */
  readonly stores: RunLength;
}

/** The type `Y` and the functions `clear`, `place`, `step` and `store` that the kernel calls. */
export function matmulFunctions(code: MatmulCode): string {
  const quads = code.columns / 4;
  const a = Array.from(
    { length: code.steps },
    (_, step) => sharedQuads(`a${step}_`, "a", `a_at + ${step * code.rows / 4}u`, code.rows / 4, code.lanes),
  );
  const loads = (step: number) =>
    `${a[step]!.loads}\n${code.readsAround ? loadsAround(step, quads) : loadsOf(step, quads)}`;
  // All steps of one accumulator at a time: between them it stays in a register.
  const sum = (row: number, quad: number) =>
    a.reduce((before, _, step) => `fma(r${row}_${step}, b${step}_${quad}, ${before})`, `acc_${row}_${quad}`);
  const update = (row: number) =>
    `${unroll(code.steps, (step) => `  let r${row}_${step} = vec4<f32>(${a[step]!.element(row)});`)}
${unroll(quads, (quad) => `  acc_${row}_${quad} = ${sum(row, quad)};`)}`;
  return `${accumulators(code.rows, quads)}
${
    unroll(quads, (quad) =>
      `var<private> b_at_${quad}: u32;\nvar<private> y_at_${quad}: u32;\nvar<private> column_${quad}: u32;`)
  }
fn place(quad: u32, b_at: u32, y_at: u32) {
${unroll(quads, (quad) => placeQuad(code, quad))}
}
fn step(a_at: u32, b_row: u32, lane: u32) {
${unroll(code.steps, loads)}
${unroll(code.rows, update)}
}
${
    tileStore({
      ...code,
      alpha: code.isScaled ? "params.alpha" : "",
      beta: code.isScaled ? "params.beta" : "",
      addendRow: "params.c_row",
      addendColumn: "params.c_column",
      rowStride: "params.columns",
      quadColumn: (quad) => `column_${quad}`,
      quadAt: (quad) => `y_at_${quad}`,
    })
  }`;
}

function loadsOf(step: number, quads: number): string {
  return unroll(quads, (quad) => `  let b${step}_${quad} = b[b_at_${quad} + b_row + ${step}u * params.b_row];`);
}

function loadsAround(step: number, quads: number): string {
  return `  let start${step} = b_at_0 + b_row + ${step}u * params.b_row;
${unroll(quads + 1, (quad) => `  let q${step}_${quad} = b[start${step} / 4u + ${quad}u];`)}
${quadsFrom(`q${step}_`, quads + 1, { to: `b${step}_`, count: quads, start: `start${step}` })}`;
}

/**
 * Quads past the last one are read there again, and not stored: no column of theirs is below `params.columns`. Where rows of b start anywhere
 * places in it are elements.
 */
function placeQuad({ quadStep, readsAround, isInPanels }: MatmulCode, quad: number): string {
  const place = isInPanels
    ? "column / params.b_row * params.b_panel + column % params.b_row"
    : readsAround
    ? "4u * column"
    : "column";
  return `  {
    let own = quad + ${quad * quadStep}u;
    let known = min(own, params.units - 1u);
    let matrix = known / params.b_quads;
    let column = known % params.b_quads;
    b_at_${quad} = b_at + matrix * params.inner_b + ${place};
    column_${quad} = select(params.columns, 4u * column, own < params.units);
    y_at_${quad} = y_at + matrix * params.inner_y + 4u * column;
  }`;
}
