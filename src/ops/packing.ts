/** Copies of matrices in the order in which the heavy kernels read them. */
import packColumnsCode from "../../shaders/pack_columns.wgsl" with { type: "text" };
import packRowsCode from "../../shaders/pack_rows.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";

/** A list of matrices in one tensor; strides in elements. */
export interface MatrixList {
  readonly slot: Slot;
  readonly count: number;
  readonly matrixStride: number;
  readonly rowStride: number;
  readonly columnStride: number;
  /** Columns that lie `columnStride` apart, and the distance between such groups; one group of all where absent. */
  readonly columnGroups?: { readonly size: number; readonly stride: number };
}

/** A packed operand; strides in quads. */
export interface Packed {
  readonly slot: Slot;
  readonly matrixQuads: number;
  readonly rowQuads: number;
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

type PackUniforms = "length" | "rows" | "columns" | "row_stride" | "column_stride" | "matrix_stride";

const rowsShader: Shader<"WORKGROUP_SIZE" | "TILE_ROWS", PackUniforms | "row_tiles" | "group_size" | "group_stride"> = {
  name: "pack_rows",
  code: packRowsCode,
  constants: ["WORKGROUP_SIZE", "TILE_ROWS"],
  uniforms: [
    "length",
    "rows",
    "columns",
    "row_tiles",
    "row_stride",
    "column_stride",
    "matrix_stride",
    "group_size",
    "group_stride",
  ],
};

const columnsShader: Shader<"WORKGROUP_SIZE", PackUniforms | "row_blocks" | "quads"> = {
  name: "pack_columns",
  code: packColumnsCode,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "rows", "row_blocks", "columns", "quads", "row_stride", "column_stride", "matrix_stride"],
};

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
  const length = list.count * matrixLength;
  const slot = builder.temporary(length);
  builder.dispatches.push(dispatch(rowsShader, {
    bindings: [list.slot, slot],
    constants: { WORKGROUP_SIZE, TILE_ROWS: tileRows },
    uniforms: {
      length,
      rows,
      columns,
      row_tiles: rowTiles,
      row_stride: list.rowStride,
      column_stride: list.columnStride,
      matrix_stride: list.matrixStride,
      group_size: list.columnGroups?.size ?? Math.max(1, columns),
      group_stride: list.columnGroups?.stride ?? 0,
    },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  }));
  return { slot, matrixQuads: matrixLength / 4, rowQuads: tileRows / 4 };
}

/** Rows that start at whole quads: the tensor itself where it lies so, else a copy with zeros after each row. */
export function alignRows(builder: LoweringBuilder, list: MatrixList, rows: number, columns: number): Packed {
  const isAligned = rows > 0 && columns % 4 === 0 && list.columnStride === 1 && list.rowStride === columns &&
    (list.matrixStride % 4 === 0 || list.count === 1);
  if (isAligned) return { slot: list.slot, matrixQuads: list.matrixStride / 4, rowQuads: columns / 4 };
  const quads = Math.ceil(columns / 4);
  const rowBlocks = Math.ceil(rows / 4);
  const slot = builder.temporary(4 * list.count * rows * quads);
  const length = list.count * rowBlocks * quads;
  builder.dispatches.push(dispatch(columnsShader, {
    bindings: [list.slot, slot],
    constants: { WORKGROUP_SIZE },
    uniforms: {
      length,
      rows,
      row_blocks: rowBlocks,
      columns,
      quads,
      row_stride: list.rowStride,
      column_stride: list.columnStride,
      matrix_stride: list.matrixStride,
    },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  }));
  return { slot, matrixQuads: rows * quads, rowQuads: quads };
}
