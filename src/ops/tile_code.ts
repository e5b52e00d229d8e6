/**
 * Unrolled WGSL for register tiles. The naga compiler guards every loop with a counter, which keeps drivers from
 * unrolling it and accumulators from living in registers: on lavapipe the same product with loops over constant bounds
 * was 4 to 17 times slower.
 */
import type { Dispatch } from "../base/dispatch.ts";
import { type RunLength, runType } from "./runs.ts";

/** `count` lines made by `line`, joined. */
export function unroll(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

/** Component `index` of a vec4 by its letter. */
export function component(index: number): string {
  return "xyzw"[index % 4]!;
}

/** Private accumulators `acc_<row>_<quad>` and the function that sets them to `initial`. */
export function accumulators(rows: number, quads: number, initial = "vec4<f32>()"): string {
  return `${unroll(rows, (row) => unroll(quads, (quad) => `var<private> acc_${row}_${quad}: vec4<f32>;`))}
fn clear() {
${unroll(rows, (row) => unroll(quads, (quad) => `  acc_${row}_${quad} = ${initial};`))}
}
`;
}

/**
 * Loads of `count` quads that all lanes need, from `base` on, with the WGSL of component `index` of them. With lanes, each
 * lane loads one quad in turn and broadcasts hand them round: on lavapipe a broadcast costs a tenth of a load.
 */
export function sharedQuads(
  name: string,
  buffer: string,
  base: string,
  count: number,
  lanes: number,
): { loads: string; element: (index: number) => string } {
  if (lanes === 0) {
    return {
      loads: unroll(count, (quad) => `  let ${name}${quad} = ${buffer}[${base} + ${quad}u];`),
      element: (index) => `${name}${index >> 2}.${component(index)}`,
    };
  }
  return {
    loads: unroll(
      Math.ceil(count / lanes),
      (turn) => `  let ${name}${turn} = ${buffer}[${base} + min(lane + ${turn * lanes}u, ${count - 1}u)];`,
    ),
    element: (index) => {
      const quad = index >> 2;
      return `subgroupBroadcast(${name}${Math.floor(quad / lanes)}.${component(index)}, ${quad % lanes}u)`;
    },
  };
}

/**
 * Lines that define the quads `<to>0`, `<to>1`, … that start `start` elements behind a multiple of four, out of the `around` quads
 * `<from>0`, … that they lie in. What would come from further quads is zero.
 */
export function quadsFrom(
  from: string,
  around: number,
  { to, count, start }: { readonly to: string; readonly count: number; readonly start: string },
): string {
  const next = (name: string, quad: number) => quad + 1 < around ? `${name}${quad + 1}` : "vec4<f32>()";
  const moved = `moved_${to}`;
  return `  let by_two_${to} = (${start} & 2) != 0;
  let by_one_${to} = (${start} & 1) != 0;
${
    unroll(around, (quad) =>
      `  let ${moved}${quad} = select(${from}${quad}, vec4<f32>(${from}${quad}.zw, ${
        next(from, quad)
      }.xy), by_two_${to});`)
  }
${
    unroll(count, (quad) =>
      `  let ${to}${quad} = select(${moved}${quad}, vec4<f32>(${moved}${quad}.yzw, ${
        next(moved, quad)
      }.x), by_one_${to});`)
  }`;
}

/** Where the addend `c` of a tile varies. */
export type AddendKind = "none" | "per_row" | "per_column" | "per_element";

/** How a tile of accumulators is stored, as WGSL expressions where a kernel decides. */
export interface TileStore {
  readonly rows: number;
  readonly columns: number;
  readonly addend: AddendKind;
  /** Whether the epilogue is told the unit of the sums (Dispatch.addend). */
  readonly hasUnit: boolean;
  /** As `Dispatch.wholeSum` says. */
  readonly wholeSum?: Dispatch["wholeSum"];
  /** Factor on the accumulators, "" for none. */
  readonly alpha: string;
  /** Factor on the addend, "" for none. */
  readonly beta: string;
  /** Steps in `c` along rows and columns. */
  readonly addendRow: string;
  readonly addendColumn: string;
  /** Elements between rows of y. */
  readonly rowStride: string;
  /** Column of a quad, and its place in the first row of y. */
  readonly quadColumn: (quad: number) => string;
  readonly quadAt: (quad: number) => string;
  /** Runs that the rows of y are whole numbers of, and are stored in. */
  readonly stores: RunLength;
  /** Invocations that share an addend per row through broadcasts; 0 for none. All of them have to call the function. */
  readonly lanes: number;
}

/**
 * The type `Y` and `store(row, column, y_at, c_at, lane)`, which adds `c` and stores the rows below `params.rows` and the
 * columns below `params.columns`. `column` and `y_at` are for the expressions of the tile.
 */
export function tileStore(tile: TileStore): string {
  const quads = tile.columns / 4;
  return `alias Y = ${runType(tile.stores)};
${storeQuad(tile.stores, tile.hasUnit)}
fn store(row: u32, column: u32, y_at: u32, c_at: u32, lane: u32) {
${tile.addend === "none" && tile.hasUnit ? "  let unit = unit_of(vec4<f32>(scale_at(0u)));" : ""}
${tile.addend === "per_column" ? unroll(quads, (quad) => columnAddends(tile, quad)) : ""}
${tile.rows > rowsPerTurn(tile) ? storeInTurns(tile, quads) : storeRows(tile, "row", tile.rows, quads)}
}
`;
}

/**
 * Rows whose stores are unrolled: drivers take as long to compile one store as a dozen products. More of them where lanes
 * load their addends at once, as moving an accumulator up costs a third of its store.
 */
function rowsPerTurn({ rows, lanes }: TileStore): number {
  return lanes >= 8 && rows % 8 === 0 ? 8 : 4;
}

/** A loop that stores the first rows and moves all others up: only constants may choose among accumulators. */
function storeInTurns(tile: TileStore, quads: number): string {
  const turn = rowsPerTurn(tile);
  const moves = unroll(
    tile.rows - turn,
    (row) => unroll(quads, (quad) => `    acc_${row}_${quad} = acc_${row + turn}_${quad};`),
  );
  return `  let end = min(row + ${tile.rows}u, params.rows);
  for (var first = row; first < end; first += ${turn}u) {
${storeRows(tile, "first", turn, quads)}
${moves}
  }`;
}

/** Stores the accumulators of the first `count` rows, which are those from `start` on. */
function storeRows(tile: TileStore, start: string, count: number, quads: number): string {
  const isShared = tile.addend === "per_row" && tile.lanes >= count;
  const place = `c_at + min(${start} + lane, params.rows - 1u) * ${tile.addendRow}`;
  const scales = tile.hasUnit ? `  let scale_rows = scale_at(${place});\n` : "";
  const shared = isShared ? `  let c_rows = ${scaled(tile.beta, `c[${place}]`)};\n${scales}` : "";
  return shared + unroll(count, (row) => storeRow(tile, { start, row, quads, isShared }));
}

function scaled(factor: string, value: string): string {
  return factor === "" ? value : `${factor} * ${value}`;
}

/** Addends of a quad of columns, and the unit of their sums. */
function columnAddends(tile: TileStore, quad: number): string {
  const scales = `vec4<f32>(${addendPlaces(tile, "", quad).map((place) => `scale_at(${place})`).join(", ")})`;
  const unit = tile.hasUnit ? `\n  let unit${quad} = unit_of(${scales});` : "";
  return `  let c${quad} = ${addendQuad(tile, "", quad)};${unit}`;
}

function addendQuad(tile: TileStore, rowTerm: string, quad: number): string {
  const elements = addendPlaces(tile, rowTerm, quad).map((place) => `c[${place}]`);
  return scaled(tile.beta, `vec4<f32>(${elements.join(", ")})`);
}

function addendPlaces(tile: TileStore, rowTerm: string, quad: number): string[] {
  return [0, 1, 2, 3].map((part) =>
    `c_at + ${rowTerm}min(${tile.quadColumn(quad)} + ${part}u, params.columns - 1u) * ${tile.addendColumn}`
  );
}

/** Four sums and what is added to them, " + …" or nothing, with the whole number made of them that a kernel asks for. */
export function sumWithAddend(
  sum: string,
  addend: string,
  { wholeSum, unit }: { readonly wholeSum?: Dispatch["wholeSum"]; readonly unit: string },
): string {
  switch (wholeSum) {
    case undefined:
      return `${sum}${addend}`;
    case "before_addend":
      return `whole4(${sum}, ${unit})${addend}`;
    case "with_addend":
      return `whole4(${sum}${addend}, ${unit})`;
  }
}

/** A row of a tile: the one after `row` others from `start` on, and whether lanes share its addend. */
interface StoredRow {
  readonly start: string;
  readonly row: number;
  readonly quads: number;
  readonly isShared: boolean;
}

function storeRow(tile: TileStore, { start, row, quads, isShared }: StoredRow): string {
  const addend = (quad: number) => {
    if (tile.addend === "none") return "";
    if (tile.addend === "per_column") return ` + c${quad}`;
    if (tile.addend === "per_row") return ` + c_row${row}`;
    return ` + ${addendQuad(tile, `row${row} * ${tile.addendRow} + `, quad)}`;
  };
  const store = (quad: number) => {
    const unit = { none: "unit", per_row: `unit_row${row}`, per_column: `unit${quad}`, per_element: "" }[tile.addend];
    const sum = sumWithAddend(scaled(tile.alpha, `acc_${row}_${quad}`), addend(quad), { ...tile, unit });
    return `    store_quad(${sum}, at + ${tile.quadAt(quad)}, ${tile.quadColumn(quad)}${
      tile.hasUnit ? `, ${unit}` : ""
    });`;
  };
  const place = `c_at + row${row} * ${tile.addendRow}`;
  const unit = (scale: string) => tile.hasUnit ? `\n  let unit_row${row} = unit_of(vec4<f32>(${scale}));` : "";
  const own = `    let c_row${row} = ${scaled(tile.beta, `c[${place}]`)};${unit(`scale_at(${place})`)}`;
  const shared = `  let c_row${row} = subgroupBroadcast(c_rows, ${row}u);${
    unit(`subgroupBroadcast(scale_rows, ${row}u)`)
  }`;
  return `  let row${row} = ${start} + ${row}u;
${isShared ? shared : ""}
  if (row${row} < params.rows) {
${tile.addend === "per_row" && !isShared ? own : ""}
    let at = row${row} * ${tile.rowStride};
${unroll(quads, store)}
  }`;
}

/**
 * `store_quad(value, at, column)`: stores those of four results whose column is below `params.columns`. With units the function takes
 * that of the sums as well.
 */
export function storeQuad(stores: RunLength, hasUnit = false): string {
  const [parameter, unit] = hasUnit ? [", unit: Unit", ", unit"] : ["", ""];
  const head = `fn store_quad(value: vec4<f32>, at: u32, column: u32${parameter}) {`;
  if (stores === 4) {
    return `${head}
  if (column < params.columns) { y[at / 4u] = finish4(value, at${unit}); }
}`;
  }
  if (stores === 2) {
    return `${head}
  if (column >= params.columns) { return; }
  let finished = finish4(value, at${unit});
  y[at / 2u] = finished.xy;
  if (column + 2u < params.columns) { y[at / 2u + 1u] = finished.zw; }
}`;
  }
  const rest = (part: number) =>
    `  if (column + ${part}u < params.columns) { y[at + ${part}u] = finished.${component(part)}; }`;
  return `${head}
  if (column >= params.columns) { return; }
  let finished = finish4(value, at${unit});
  y[at] = finished.x;
${unroll(3, (part) => rest(part + 1))}
}`;
}
