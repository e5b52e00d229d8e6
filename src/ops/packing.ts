/** Copies of matrices in the order in which the heavy kernels read them. */
import packColumnsCode from "../../shaders/pack_columns.wgsl" with { type: "text" };
import packRowsCode from "../../shaders/pack_rows.wgsl" with { type: "text" };
import {
  type Dispatch,
  dispatch,
  linearGrid,
  type Shader,
  type Slot,
  type Window,
  WORKGROUP_SIZE,
} from "../base/dispatch.ts";

/** A list of matrices in one tensor; strides in elements. */
export interface MatrixList {
  readonly slot: Slot;
  readonly count: number;
  readonly matrixStride: number;
  readonly rowStride: number;
  readonly columnStride: number;
  /** Element of the tensor, or of its window, that the first matrix starts at; 0 unless stated. */
  readonly first?: number;
  /** The part of the tensor that the matrices lie in, where no binding holds all of it. */
  readonly window?: Window | undefined;
  /** Columns that lie `columnStride` apart, and the distance between such groups; one group of all where absent. */
  readonly columnGroups?: { readonly size: number; readonly stride: number };
}

/** A packed operand; strides in quads. */
export interface Packed {
  readonly slot: Slot;
  readonly window?: Window | undefined;
  readonly matrixQuads: number;
  readonly rowQuads: number;
  /** Quads of a row that lie together, before those of the next row; all of them unless stated. */
  readonly panelQuads?: number;
}

/** The dispatches and temporaries of a lowering, as they come together. */
export class LoweringBuilder {
  readonly dispatches: Dispatch[] = [];
  readonly temporaries: number[] = [];

  /** A new temporary of `length` elements, at least one quad. */
  temporary(length: number): Slot {
    this.temporaries.push(Math.max(4, length));
    return `t${this.temporaries.length - 1}`;
  }
}

type PackUniforms = "length" | "first" | "rows" | "columns" | "row_stride" | "column_stride" | "matrix_stride";

const rowsShader: Shader<
  "WORKGROUP_SIZE" | "TILE_ROWS",
  PackUniforms | "column_blocks" | "row_tiles" | "group_size" | "group_stride"
> = {
  name: "pack_rows",
  code: packRowsCode,
  constants: ["WORKGROUP_SIZE", "TILE_ROWS"],
  uniforms: [
    "length",
    "first",
    "rows",
    "columns",
    "column_blocks",
    "row_tiles",
    "row_stride",
    "column_stride",
    "matrix_stride",
    "group_size",
    "group_stride",
  ],
};

const columnsShader: Shader<
  "WORKGROUP_SIZE",
  PackUniforms | "row_blocks" | "quads" | "first_quad" | "panel_quads" | "panels"
> = {
  name: "pack_columns",
  code: packColumnsCode,
  constants: ["WORKGROUP_SIZE"],
  uniforms: [
    "length",
    "first",
    "rows",
    "row_blocks",
    "columns",
    "quads",
    "first_quad",
    "panel_quads",
    "panels",
    "row_stride",
    "column_stride",
    "matrix_stride",
  ],
};

/** Whether the columns of every row are whole quads of the tensor. */
function liesInQuads(list: MatrixList, columns: number): boolean {
  const { first = 0, matrixStride, rowStride, columnStride, columnGroups, count } = list;
  const starts = [first, rowStride, ...count > 1 ? [matrixStride] : []];
  return columnStride === 1 && !columnGroups && columns % 4 === 0 && starts.every((start) => start % 4 === 0);
}

const FOUR_IN_A_QUAD = `fn four(x_at: u32, column: u32) -> vec4<f32> {
  return x[(x_at + column) / 4u];
}`;

/** Columns past the end are read at the last one: they are not stored. */
function fourOneByOne(isGrouped: boolean): string {
  const place = isGrouped
    ? "known / params.group_size * params.group_stride + known % params.group_size * params.column_stride"
    : "known * params.column_stride";
  return `fn element(x_at: u32, column: u32) -> f32 {
  let known = min(column, params.columns - 1u);
  return x[x_at + ${place}];
}

fn four(x_at: u32, column: u32) -> vec4<f32> {
  return vec4<f32>(
    element(x_at, column),
    element(x_at, column + 1u),
    element(x_at, column + 2u),
    element(x_at, column + 3u),
  );
}`;
}

/** Packs `rows` × `columns` matrices in tiles of rows: `[matrix][row tile][column][tileRows]`, rows past the end zero. */
export function packRows(
  builder: LoweringBuilder,
  list: MatrixList,
  rows: number,
  columns: number,
  tileRows: number,
): Packed {
  const rowTiles = Math.ceil(rows / tileRows);
  const matrixLength = rowTiles * tileRows * columns;
  const columnBlocks = Math.ceil(columns / 4);
  const length = list.count * rowTiles * columnBlocks * tileRows / 4;
  const slot = builder.temporary(list.count * matrixLength);
  const isInQuads = liesInQuads(list, columns);
  builder.dispatches.push(dispatch(rowsShader, {
    bindings: [list.slot, slot],
    constants: { WORKGROUP_SIZE, TILE_ROWS: tileRows },
    uniforms: {
      length,
      first: list.first ?? 0,
      rows,
      columns,
      column_blocks: columnBlocks,
      row_tiles: rowTiles,
      row_stride: list.rowStride,
      column_stride: list.columnStride,
      matrix_stride: list.matrixStride,
      group_size: list.columnGroups?.size ?? 0,
      group_stride: list.columnGroups?.stride ?? 0,
    },
    aliases: { X: isInQuads ? "vec4<f32>" : "f32" },
    functions: isInQuads ? FOUR_IN_A_QUAD : fourOneByOne(list.columnGroups !== undefined),
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  }));
  return { slot, matrixQuads: matrixLength / 4, rowQuads: tileRows / 4 };
}

/** Whether rows lie so that all of them are whole quads of the tensor, one right behind the other. */
export function isAligned(
  { columnStride, rowStride, matrixStride, count }: MatrixList,
  rows: number,
  columns: number,
): boolean {
  return rows > 0 && columns % 4 === 0 && columnStride === 1 && rowStride === columns &&
    (matrixStride % 4 === 0 || count === 1);
}

/** Rows that start at whole quads: the tensor itself where it lies so, else a copy with zeros after each row. */
export function alignRows(builder: LoweringBuilder, list: MatrixList, rows: number, columns: number): Packed {
  if (isAligned(list, rows, columns)) {
    return { slot: list.slot, window: list.window, matrixQuads: list.matrixStride / 4, rowQuads: columns / 4 };
  }
  return packPanels(builder, list, { rows, columns, panelQuads: Math.ceil(columns / 4) });
}

/** A copy in panels: all rows of some columns, then all rows of the next. What reads one panel after the other reads one run of memory. */
export function packPanels(
  builder: LoweringBuilder,
  list: MatrixList,
  { rows, columns, panelQuads }: { readonly rows: number; readonly columns: number; readonly panelQuads: number },
): Packed {
  const rowQuads = Math.ceil(columns / 4);
  const panels = Math.ceil(rowQuads / panelQuads);
  const matrixQuads = panels * rows * panelQuads;
  const slot = builder.temporary(4 * list.count * matrixQuads);
  builder.dispatches.push(packColumns({ ...list, rows, columns }, { slot, panelQuads, panels, firstQuad: 0 }));
  return { slot, matrixQuads, rowQuads, panelQuads };
}

/** Copies columns of matrices to where they lie in rows of quads, zeros after the last. */
export function packColumns(
  source: MatrixList & { readonly rows: number; readonly columns: number },
  target: { readonly slot: Slot; readonly panelQuads: number; readonly panels: number; readonly firstQuad: number },
): Dispatch {
  const { rows, columns, window } = source;
  const quads = Math.ceil(columns / 4);
  const rowBlocks = Math.ceil(rows / 4);
  const length = source.count * rowBlocks * quads;
  return dispatch(columnsShader, {
    bindings: [source.slot, target.slot],
    ...(window ? { windows: { 0: window } } : {}),
    constants: { WORKGROUP_SIZE },
    uniforms: {
      length,
      first: source.first ?? 0,
      rows,
      row_blocks: rowBlocks,
      columns,
      quads,
      first_quad: target.firstQuad,
      panel_quads: target.panelQuads,
      panels: target.panels,
      row_stride: source.rowStride,
      column_stride: source.columnStride,
      matrix_stride: source.matrixStride,
    },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  });
}
