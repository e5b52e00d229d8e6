/** Batched matrix products on the GPU: the kernel behind MatMul, Gemm and pointwise convolution. */
import code from "../../shaders/matmul.wgsl" with { type: "text" };
import packColumnsCode from "../../shaders/pack_columns.wgsl" with { type: "text" };
import packRowsCode from "../../shaders/pack_rows.wgsl" with { type: "text" };
import sumSlicesCode from "../../shaders/sum_slices.wgsl" with { type: "text" };
import {
  type Dispatch,
  dispatch,
  linearGrid,
  type Lowering,
  type Shader,
  type Slot,
  WORKGROUP_SIZE,
} from "../base/dispatch.ts";
import { UnsupportedError } from "../base/errors.ts";
import { type AddendKind, matmulFunctions } from "./matmul_code.ts";
import { type Tile, tileOf } from "./tiles.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "TILE_ROWS" | "TILE_COLUMNS",
  | "rows"
  | "columns"
  | "depth"
  | "b_quads"
  | "column_tiles"
  | "units"
  | "unit_groups"
  | "row_tiles"
  | "slices"
  | "span"
  | "outer_count"
  | "outer_rank"
  | "inner_b"
  | "inner_y"
  | "c_row"
  | "c_column"
  | "slice_y"
  | "alpha"
  | "beta"
  | "outer_extents"
  | "outer_a"
  | "outer_b"
  | "outer_c"
  | "outer_y"
> = {
  name: "matmul",
  code,
  constants: ["WORKGROUP_SIZE", "TILE_ROWS", "TILE_COLUMNS"],
  uniforms: [
    "rows",
    "columns",
    "depth",
    "b_quads",
    "column_tiles",
    "units",
    "unit_groups",
    "row_tiles",
    "slices",
    "span",
    "outer_count",
    "outer_rank",
    "inner_b",
    "inner_y",
    "c_row",
    "c_column",
    "slice_y",
    "alpha",
    "beta",
    "outer_extents",
    "outer_a",
    "outer_b",
    "outer_c",
    "outer_y",
  ],
  epilogue: true,
};

const packRows: Shader<
  "WORKGROUP_SIZE" | "TILE_ROWS",
  "length" | "rows" | "columns" | "row_tiles" | "row_stride" | "column_stride" | "matrix_stride"
> = {
  name: "pack_rows",
  code: packRowsCode,
  constants: ["WORKGROUP_SIZE", "TILE_ROWS"],
  uniforms: ["length", "rows", "columns", "row_tiles", "row_stride", "column_stride", "matrix_stride"],
};

const packColumns: Shader<
  "WORKGROUP_SIZE",
  "length" | "rows" | "columns" | "padded_columns" | "row_stride" | "column_stride" | "matrix_stride"
> = {
  name: "pack_columns",
  code: packColumnsCode,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "rows", "columns", "padded_columns", "row_stride", "column_stride", "matrix_stride"],
};

const sumSlices: Shader<
  "WORKGROUP_SIZE" | "HAS_C",
  "length" | "slices" | "row_length" | "row_period" | "c_row" | "c_column" | "alpha" | "beta"
> = {
  name: "sum_slices",
  code: sumSlicesCode,
  constants: ["WORKGROUP_SIZE", "HAS_C"],
  uniforms: ["length", "slices", "row_length", "row_period", "c_row", "c_column", "alpha", "beta"],
  epilogue: true,
};

/** A list of matrices in one tensor; strides in elements. */
export interface MatrixList {
  readonly slot: Slot;
  readonly count: number;
  readonly matrixStride: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** An outer axis of the batch: how far each operand moves along it, in matrices for a and b, in elements for c and y. */
export interface OuterAxis {
  readonly extent: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly y: number;
}

/** y = alpha · a · b + beta · c for every matrix of a batch, into `y0`, whose matrices are row-major. */
export interface Matmul {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly a: MatrixList;
  readonly b: MatrixList;
  /** Innermost batch axis, along which a and c do not move; b in matrices, y in elements. */
  readonly inner: { readonly extent: number; readonly b: number; readonly y: number };
  readonly outer: readonly OuterAxis[];
  /** Addend and its strides along rows and columns; `rowPeriod` is the number of rows after which it repeats in y. */
  readonly c?: { readonly slot: Slot; readonly row: number; readonly column: number; readonly rowPeriod: number };
  readonly alpha: number;
  readonly beta: number;
  /** Elements of y. */
  readonly length: number;
}

const MAX_OUTER_AXES = 8;

/** Lowers a batch of matrix products: packs the operands as the kernel reads them, multiplies, sums slices. */
export function lowerMatmul(matmul: Matmul): Lowering {
  if (matmul.length === 0) return { dispatches: [] };
  if (matmul.outer.length > MAX_OUTER_AXES) {
    throw new UnsupportedError(
      `Cannot multiply matrices over ${matmul.outer.length} separate batch axes: expected at most ${MAX_OUTER_AXES}`,
    );
  }
  const outerCount = matmul.outer.reduce((count, axis) => count * axis.extent, 1);
  const tile = tileOf.matmul({
    rows: matmul.rows,
    columns: matmul.columns,
    depth: matmul.depth,
    inner: matmul.inner.extent,
    outer: outerCount,
  });
  const temporaries: number[] = [];
  const dispatches: Dispatch[] = [];
  const a = packLeft(matmul, tile, temporaries, dispatches);
  const b = packRight(matmul, temporaries, dispatches);
  const isSliced = tile.slices > 1;
  const target: Slot = isSliced ? `t${temporaries.push(tile.slices * matmul.length) - 1}` : "y0";
  dispatches.push(product(matmul, tile, outerCount, a, b, target));
  if (isSliced) dispatches.push(sum(matmul, tile.slices, target));
  return { dispatches, temporaries };
}

/** A packed operand; strides in quads. */
interface Packed {
  readonly slot: Slot;
  readonly matrixQuads: number;
  readonly rowQuads: number;
}

function packLeft({ rows, depth, a }: Matmul, tile: Tile, temporaries: number[], dispatches: Dispatch[]): Packed {
  const rowTiles = Math.ceil(rows / tile.rows);
  const matrixLength = rowTiles * tile.rows * depth;
  const length = a.count * matrixLength;
  const slot: Slot = `t${temporaries.push(Math.max(4, length)) - 1}`;
  dispatches.push(dispatch(packRows, {
    bindings: [a.slot, slot],
    constants: { WORKGROUP_SIZE, TILE_ROWS: tile.rows },
    uniforms: {
      length,
      rows,
      columns: depth,
      row_tiles: rowTiles,
      row_stride: a.rowStride,
      column_stride: a.columnStride,
      matrix_stride: a.matrixStride,
    },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  }));
  return { slot, matrixQuads: matrixLength / 4, rowQuads: tile.rows / 4 };
}

function packRight({ columns, depth, b }: Matmul, temporaries: number[], dispatches: Dispatch[]): Packed {
  const isReady = b.columnStride === 1 && b.rowStride === columns && columns % 4 === 0 && depth > 0 &&
    (b.matrixStride % 4 === 0 || b.count === 1);
  if (isReady) return { slot: b.slot, matrixQuads: b.matrixStride / 4, rowQuads: columns / 4 };
  const padded = 4 * Math.ceil(columns / 4);
  const length = b.count * depth * padded;
  const slot: Slot = `t${temporaries.push(Math.max(4, length)) - 1}`;
  dispatches.push(dispatch(packColumns, {
    bindings: [b.slot, slot],
    constants: { WORKGROUP_SIZE },
    uniforms: {
      length,
      rows: depth,
      columns,
      padded_columns: padded,
      row_stride: b.rowStride,
      column_stride: b.columnStride,
      matrix_stride: b.matrixStride,
    },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  }));
  return { slot, matrixQuads: depth * padded / 4, rowQuads: padded / 4 };
}

function addendKind(matmul: Matmul, isSliced: boolean): AddendKind {
  if (!matmul.c || isSliced || matmul.beta === 0) return "none";
  if (matmul.c.column === 0) return "per_row";
  return matmul.c.row === 0 ? "per_column" : "per_element";
}

function product(matmul: Matmul, tile: Tile, outerCount: number, a: Packed, b: Packed, target: Slot): Dispatch {
  const isSliced = target !== "y0";
  const { rows, columns, depth, inner, outer, c } = matmul;
  const columnTiles = Math.ceil(columns / tile.columns);
  const units = columnTiles * inner.extent;
  const unitGroups = Math.ceil(units / tile.workgroup);
  const rowTiles = Math.ceil(rows / tile.rows);
  const groups = unitGroups * rowTiles * tile.slices * outerCount;
  return dispatch(shader, {
    bindings: [a.slot, b.slot, c?.slot ?? a.slot, target],
    constants: { WORKGROUP_SIZE: tile.workgroup, TILE_ROWS: tile.rows, TILE_COLUMNS: tile.columns },
    uniforms: {
      rows,
      columns,
      depth,
      b_quads: b.rowQuads,
      column_tiles: columnTiles,
      units,
      unit_groups: unitGroups,
      row_tiles: rowTiles,
      slices: tile.slices,
      span: Math.ceil(depth / tile.slices),
      outer_count: outerCount,
      outer_rank: outer.length,
      inner_b: inner.b * b.matrixQuads,
      inner_y: inner.y,
      c_row: c?.row ?? 0,
      c_column: c?.column ?? 0,
      slice_y: matmul.length,
      alpha: isSliced ? 1 : matmul.alpha,
      beta: matmul.beta,
      outer_extents: outer.map((axis) => axis.extent),
      outer_a: outer.map((axis) => axis.a * a.matrixQuads),
      outer_b: outer.map((axis) => axis.b * b.matrixQuads),
      outer_c: outer.map((axis) => axis.c),
      outer_y: outer.map((axis) => axis.y),
    },
    functions: matmulFunctions({
      rows: tile.rows,
      columns: tile.columns,
      addend: addendKind(matmul, isSliced),
      storesQuads: columns % 4 === 0,
    }),
    workgroups: linearGrid(groups, 1),
  });
}

function sum(matmul: Matmul, slices: number, source: Slot): Dispatch {
  const { c } = matmul;
  return dispatch(sumSlices, {
    bindings: [source, c?.slot ?? source, "y0"],
    constants: { WORKGROUP_SIZE, HAS_C: c !== undefined && matmul.beta !== 0 },
    uniforms: {
      length: matmul.length,
      slices,
      row_length: matmul.columns,
      row_period: c?.rowPeriod ?? 1,
      c_row: c?.row ?? 0,
      c_column: c?.column ?? 0,
      alpha: matmul.alpha,
      beta: matmul.beta,
    },
    workgroups: linearGrid(matmul.length, WORKGROUP_SIZE),
  });
}
