/** Batched matrix products on the GPU: the kernel behind MatMul, Gemm and pointwise convolution. */
import code from "../../shaders/matmul.wgsl" with { type: "text" };
import {
  type Dispatch,
  dispatch,
  linearGrid,
  type Lowering,
  type Shader,
  type Slot,
  type Window,
} from "../base/dispatch.ts";
import { type KernelTarget, type MatmulTile, PORTABLE_BINDING } from "../base/kernel_target.ts";
import { UnsupportedError } from "../base/errors.ts";
import { matmulFunctions } from "./matmul_code.ts";
import { isAligned, LoweringBuilder, type MatrixList, type Packed, packPanels, packRows } from "./packing.ts";
import { type DepthPart, depthParts, packPart } from "./split_depth.ts";
import { type Addend, bringsUnit, sumSlices, wholeSumOf } from "./slices.ts";
import { runLength } from "./runs.ts";
import type { AddendKind } from "./tile_code.ts";
import { matmulTile, paysToReadAround } from "./tiles.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "TILE_ROWS" | "TILE_COLUMNS" | "DEPTH_STEPS" | "ON_CPU",
  | "rows"
  | "columns"
  | "depth"
  | "b_quads"
  | "b_row"
  | "b_panel"
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
  | "first_y"
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
  constants: ["WORKGROUP_SIZE", "TILE_ROWS", "TILE_COLUMNS", "DEPTH_STEPS", "ON_CPU"],
  uniforms: [
    "rows",
    "columns",
    "depth",
    "b_quads",
    "b_row",
    "b_panel",
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
    "first_y",
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
  /** Whether b is computed anew in every run, so that packing it takes time in every run. */
  readonly changesB: boolean;
  /** Innermost batch axis, along which a and c do not move; b in matrices, y in elements. */
  readonly inner: { readonly extent: number; readonly b: number; readonly y: number };
  readonly outer: readonly OuterAxis[];
  /** Not read where beta is 0. */
  readonly c?: Addend;
  readonly alpha: number;
  readonly beta: number;
  readonly wholeSum?: Dispatch["wholeSum"];
  /** Elements of y. */
  readonly length: number;
}

const MAX_OUTER_AXES = 8;

/** Lowers a batch of matrix products: packs the operands as the kernel reads them, multiplies, sums slices. */
export function lowerMatmul(matmul: Matmul, target: KernelTarget): Lowering {
  if (matmul.length === 0) return { dispatches: [] };
  if (matmul.outer.length > MAX_OUTER_AXES) {
    throw new UnsupportedError(
      `Cannot multiply matrices over ${matmul.outer.length} separate batch axes: expected at most ${MAX_OUTER_AXES}`,
    );
  }
  const outerCount = matmul.outer.reduce((count, axis) => count * axis.extent, 1);
  const parts = depthParts(matmul, target.largestBinding);
  const shape = {
    rows: matmul.rows,
    columns: matmul.columns,
    depth: parts[0]!.depth,
    inner: matmul.inner.extent,
    outer: outerCount,
  };
  const tile = { ...matmulTile(shape, target), isSoftware: target.isSoftware };
  const builder = new LoweringBuilder();
  const around = parts.length === 1 ? rowsAnywhere(matmul, tile) : undefined;
  const operandsOf = (part: DepthPart) => ({
    a: packRows(
      builder,
      { ...matmul.a, first: part.first * matmul.a.columnStride },
      matmul.rows,
      part.depth,
      tile.rows,
    ),
    b: around ?? packedRight(
      panelsOf(builder, matmul, tile, parts.length) ?? packPart(builder, matmul, part, target.largestBinding),
    ),
  });
  const addend = matmul.beta === 0 ? undefined : matmul.c;
  const slices = parts.length * tile.slices;
  if (slices === 1) {
    const { a, b } = operandsOf(parts[0]!);
    builder.dispatches.push(product(matmul, tile, outerCount, a, b, { slot: "y0", first: 0 }, addend));
    return builder;
  }
  const source = builder.temporary(slices * matmul.length);
  parts.forEach((part, index) => {
    const { a, b } = operandsOf(part);
    const target = { slot: source, first: index * tile.slices * matmul.length };
    const { depth } = part;
    builder.dispatches.push(
      product({ ...matmul, depth, alpha: 1, wholeSum: undefined }, tile, outerCount, a, b, target, undefined),
    );
  });
  builder.dispatches.push(sumSlices({ ...matmul, source, slices, rowLength: matmul.columns, addend }));
  return builder;
}

/** The right operand as the kernel reads it; distances in quads, or in elements where its rows start anywhere. */
interface RightMatrices {
  readonly slot: Slot;
  readonly window?: Window | undefined;
  readonly matrixStride: number;
  readonly rowStride: number;
  /** Quads of a row that invocations count. */
  readonly rowQuads: number;
  readonly startsAnywhere: boolean;
  readonly isInPanels: boolean;
}

function packedRight({ slot, window, matrixQuads, rowQuads, panelQuads = rowQuads }: Packed): RightMatrices {
  return {
    slot,
    window,
    matrixStride: matrixQuads,
    rowStride: panelQuads,
    rowQuads,
    startsAnywhere: false,
    isInPanels: panelQuads < rowQuads,
  };
}

/**
 * The right operand in panels as wide as a workgroup of a CPU reads them, whose cores fetch ahead what comes next in memory: where it is copied
 * anyway or only once, and no larger for it than a binding may be.
 */
function panelsOf(
  builder: LoweringBuilder,
  { b, columns, depth, changesB }: Matmul,
  tile: MatmulTile & { readonly isSoftware: boolean },
  parts: number,
): Packed | undefined {
  const panelQuads = tile.workgroup * tile.columns / 4;
  const rowQuads = Math.ceil(columns / 4);
  const bytes = 16 * b.count * depth * panelQuads * Math.ceil(rowQuads / panelQuads);
  const isCopied = !changesB || !isAligned(b, depth, columns);
  if (!tile.isSoftware || parts > 1 || rowQuads <= panelQuads || !isCopied || bytes > PORTABLE_BINDING) {
    return undefined;
  }
  return packPanels(builder, b, { rows: depth, columns, panelQuads });
}

/**
 * The right operand as it lies, where its rows are no whole numbers of quads and to read them so takes less than to pack them: an invocation has
 * the columns of one matrix, and loads one more quad than it has. The tensor has to be a whole number of quads.
 */
function rowsAnywhere(
  { b, rows, columns, inner, changesB }: Matmul,
  tile: MatmulTile & { readonly isSoftware: boolean },
): RightMatrices | undefined {
  const { slot, matrixStride, rowStride, columnStride, window, count } = b;
  const quads = Math.ceil(columns / 4);
  const isWhole = count * matrixStride % 4 === 0 && columnStride === 1 && !window;
  if (!tile.isSoftware || !changesB || columns % 4 === 0 || !isWhole) return undefined;
  const wide = tile.columns / 4;
  const rowQuads = wide * Math.ceil(quads / wide);
  if (!paysToReadAround({ rows, quads, inner: inner.extent, rowQuads }, tile)) return undefined;
  return { slot, matrixStride, rowStride, rowQuads, startsAnywhere: true, isInPanels: false };
}

function addendKind(addend: Addend | undefined): AddendKind {
  if (!addend) return "none";
  if (addend.column === 0) return "per_row";
  return addend.row === 0 ? "per_column" : "per_element";
}

function product(
  matmul: Matmul,
  tile: MatmulTile & { readonly isSoftware: boolean },
  outerCount: number,
  a: Packed,
  b: RightMatrices,
  target: { readonly slot: Slot; readonly first: number },
  c: Addend | undefined,
): Dispatch {
  const { rows, columns, depth, inner, outer } = matmul;
  const units = b.rowQuads * inner.extent;
  const unitGroups = Math.ceil(units / (tile.columns / 4 * tile.workgroup));
  const rowTiles = Math.ceil(rows / tile.rows);
  const groups = unitGroups * rowTiles * tile.slices * outerCount;
  const span = Math.ceil(depth / tile.slices);
  const steps = depth % tile.steps === 0 && span % tile.steps === 0 ? tile.steps : 1;
  const wholeSum = wholeSumOf(c, matmul);
  const hasUnit = bringsUnit(c, matmul) || wholeSum !== undefined;
  return dispatch(shader, {
    bindings: [a.slot, b.slot, c?.slot ?? a.slot, target.slot],
    ...(b.window ? { windows: { 1: b.window } } : {}),
    ...(c && hasUnit ? { addend: 2 } : {}),
    ...(wholeSum ? { wholeSum } : {}),
    constants: {
      WORKGROUP_SIZE: tile.workgroup,
      TILE_ROWS: tile.rows,
      TILE_COLUMNS: tile.columns,
      DEPTH_STEPS: steps,
      ON_CPU: tile.isSoftware ? 1 : 0,
    },
    uniforms: {
      rows,
      columns,
      depth,
      b_quads: b.rowQuads,
      b_row: b.rowStride,
      b_panel: depth * b.rowStride,
      units,
      unit_groups: unitGroups,
      row_tiles: rowTiles,
      slices: tile.slices,
      span,
      outer_count: outerCount,
      outer_rank: outer.length,
      inner_b: inner.b * b.matrixStride,
      inner_y: inner.y,
      c_row: c?.row ?? 0,
      c_column: c?.column ?? 0,
      slice_y: matmul.length,
      first_y: target.first,
      alpha: matmul.alpha,
      beta: matmul.beta,
      outer_extents: outer.map((axis) => axis.extent),
      outer_a: outer.map((axis) => axis.a * a.matrixQuads),
      outer_b: outer.map((axis) => axis.b * b.matrixStride),
      outer_c: outer.map((axis) => axis.c),
      outer_y: outer.map((axis) => axis.y),
    },
    functions: matmulFunctions({
      rows: tile.rows,
      columns: tile.columns,
      lanes: tile.lanes,
      quadStep: tile.isSoftware ? 1 : tile.workgroup,
      readsAround: b.startsAnywhere,
      isInPanels: b.isInPanels,
      steps,
      addend: addendKind(c),
      isScaled: matmul.alpha !== 1 || (c !== undefined && matmul.beta !== 1),
      hasUnit,
      wholeSum,
      stores: runLength(columns),
    }),
    storesQuads: columns % 4 === 0,
    workgroups: linearGrid(groups, 1),
  });
}
