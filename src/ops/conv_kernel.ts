/** Direct convolution on the GPU. */
import code from "../../shaders/conv.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Lowering, type Shader, type Slot } from "../base/dispatch.ts";
import type { KernelTarget, Tile } from "../base/kernel_target.ts";
import { convFunctions } from "./conv_code.ts";
import { LoweringBuilder, packRows } from "./packing.ts";
import { segmentLength, type UnrolledTaps } from "./row_segment.ts";
import { runLength } from "./runs.ts";
import { sumSlices } from "./slices.ts";
import { convTile } from "./tiles.ts";
import { type AxisWindow, threeAxes } from "./sliding_window.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "TILE_ROWS" | "TILE_COLUMNS" | "ON_CPU",
  | "rows"
  | "columns"
  | "row_stride"
  | "column_tiles"
  | "units"
  | "unit_groups"
  | "row_tiles"
  | "groups"
  | "channels"
  | "slices"
  | "span"
  | "kernel_rows"
  | "slice_y"
  | "kernel_x"
  | "stride_x"
  | "dilation_x"
  | "before_x"
  | "width"
  | "extent"
  | "kernel"
  | "stride"
  | "dilation"
  | "before"
> = {
  name: "conv",
  code,
  constants: ["WORKGROUP_SIZE", "TILE_ROWS", "TILE_COLUMNS", "ON_CPU"],
  uniforms: [
    "rows",
    "columns",
    "row_stride",
    "column_tiles",
    "units",
    "unit_groups",
    "row_tiles",
    "groups",
    "channels",
    "slices",
    "span",
    "kernel_rows",
    "slice_y",
    "kernel_x",
    "stride_x",
    "dilation_x",
    "before_x",
    "width",
    "extent",
    "kernel",
    "stride",
    "dilation",
    "before",
  ],
  epilogue: true,
};

/** Longest input segment and most products of one kernel row that are unrolled. */
const MAX_SEGMENT = 48;
const MAX_TAPS = 11;

/** A convolution: x is `[batch, groups · channelsIn, …]`, y `[batch, groups · channelsOut, …]`. */
export interface Convolution {
  readonly batch: number;
  readonly groups: number;
  readonly channelsIn: number;
  readonly channelsOut: number;
  readonly hasBias: boolean;
  readonly windows: readonly AxisWindow[];
}

/** Lowers a convolution of `x0` with weights `x1` and bias `x2` into `y0`. */
export function lowerConvolution(conv: Convolution, target: KernelTarget): Lowering {
  const [z, y, x] = threeAxes(conv.windows);
  const { batch, groups, channelsIn, channelsOut } = conv;
  const kernelRows = channelsIn * z.kernel * y.kernel;
  const plane = z.output * y.output * x.output;
  const length = batch * groups * channelsOut * plane;
  if (length === 0) return { dispatches: [] };
  const shape = {
    channels: channelsOut,
    width: x.output,
    rows: batch * z.output * y.output,
    depth: kernelRows * x.kernel,
  };
  const tile = { ...convTile(shape, target), isSoftware: target.isSoftware };
  const builder = new LoweringBuilder();
  const matrix = { rowStride: kernelRows * x.kernel, columnStride: 1 };
  const weights = packRows(
    builder,
    { slot: "x1", count: groups, matrixStride: channelsOut * matrix.rowStride, ...matrix },
    channelsOut,
    matrix.rowStride,
    tile.rows,
  );
  if (tile.slices === 1) {
    builder.dispatches.push(product(conv, tile, weights.slot, "y0"));
    return builder;
  }
  const source = builder.temporary(tile.slices * length);
  builder.dispatches.push(
    product({ ...conv, hasBias: false }, tile, weights.slot, source),
    sumSlices({
      source,
      length,
      slices: tile.slices,
      rowLength: plane,
      addend: conv.hasBias ? { slot: "x2", row: 1, column: 0, rowPeriod: groups * channelsOut } : undefined,
      alpha: 1,
      beta: 1,
    }),
  );
  return builder;
}

function unrolledTaps(x: AxisWindow, columns: number): UnrolledTaps | undefined {
  const taps = { kernel: x.kernel, stride: x.stride, dilation: x.dilation, before: x.before };
  return x.kernel <= MAX_TAPS && segmentLength(columns, taps) <= MAX_SEGMENT ? taps : undefined;
}

function product(
  conv: Convolution,
  tile: Tile & { readonly isSoftware: boolean },
  weights: Slot,
  target: Slot,
): Dispatch {
  const [z, y, x] = threeAxes(conv.windows);
  const { batch, groups, channelsIn, channelsOut, hasBias } = conv;
  const columnTiles = Math.ceil(x.output / tile.columns);
  const units = columnTiles * y.output * z.output * batch;
  const unitGroups = Math.ceil(units / tile.workgroup);
  const rowTiles = Math.ceil(channelsOut / tile.rows);
  const kernelRows = channelsIn * z.kernel * y.kernel;
  const plane = z.output * y.output * x.output;
  return dispatch(shader, {
    bindings: ["x0", "x0", weights, hasBias ? "x2" : "x0", target],
    ...(hasBias ? { addend: 3 } : {}),
    constants: {
      WORKGROUP_SIZE: tile.workgroup,
      TILE_ROWS: tile.rows,
      TILE_COLUMNS: tile.columns,
      ON_CPU: tile.isSoftware ? 1 : 0,
    },
    uniforms: {
      rows: channelsOut,
      columns: x.output,
      row_stride: plane,
      column_tiles: columnTiles,
      units,
      unit_groups: unitGroups,
      row_tiles: rowTiles,
      groups,
      channels: channelsIn,
      slices: tile.slices,
      span: Math.ceil(kernelRows / tile.slices),
      kernel_rows: kernelRows,
      slice_y: batch * groups * channelsOut * plane,
      kernel_x: x.kernel,
      stride_x: x.stride,
      dilation_x: x.dilation,
      before_x: x.before,
      width: x.input,
      extent: [z.input, y.input, z.output, y.output],
      kernel: [z.kernel, y.kernel],
      stride: [z.stride, y.stride],
      dilation: [z.dilation, y.dilation],
      before: [z.before, y.before],
    },
    functions: convFunctions({
      rows: tile.rows,
      columns: tile.columns,
      lanes: tile.lanes,
      hasBias,
      stores: runLength(x.output),
      reads: runLength(x.input),
      whole: columnTiles === 1 ? x.input : undefined,
      taps: unrolledTaps(x, tile.columns),
    }),
    storesQuads: x.output % 4 === 0,
    workgroups: linearGrid(unitGroups * rowTiles * groups * tile.slices, 1),
  });
}
