/** Transposed convolution on the GPU. */
import code from "../../shaders/conv_transpose.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Lowering, type Shader, type Slot } from "../base/dispatch.ts";
import { UnsupportedError } from "../base/errors.ts";
import { convTransposeFunctions } from "./conv_transpose_code.ts";
import { LoweringBuilder, packRows } from "./packing.ts";
import type { AxisWindow } from "./sliding_window.ts";
import { threeAxes } from "./sliding_window.ts";
import { sumSlices } from "./slices.ts";
import { MAX_ITERATIONS, nestedIterations } from "./tiles.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "TILE_ROWS" | "TILE_COLUMNS",
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
  | "extent"
  | "out_extent"
  | "kernel"
  | "stride"
  | "dilation"
  | "before"
> = {
  name: "conv_transpose",
  code,
  constants: ["WORKGROUP_SIZE", "TILE_ROWS", "TILE_COLUMNS"],
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
    "extent",
    "out_extent",
    "kernel",
    "stride",
    "dilation",
    "before",
  ],
  epilogue: true,
};

/** Every result has a store of its own, so that a large tile takes long to compile. */
const TILE = { rows: 8, columns: 4, workgroup: 64 } as const;

/** x is `[batch, groups · channelsIn, …]`, y `[batch, groups · channelsOut, …]`; windows slide over y. */
export interface TransposedConvolution {
  readonly batch: number;
  readonly groups: number;
  readonly channelsIn: number;
  readonly channelsOut: number;
  readonly hasBias: boolean;
  readonly windows: readonly AxisWindow[];
}

/** Lowers a transposed convolution of `x0` with weights `x1` and bias `x2` into `y0`. */
export function lowerConvTranspose(conv: TransposedConvolution): Lowering {
  const { batch, groups, channelsIn, channelsOut } = conv;
  const plane = conv.windows.reduce((count, window) => count * window.output, 1);
  const length = batch * groups * channelsOut * plane;
  if (length === 0) return { dispatches: [] };
  const taps = conv.windows.reduce((count, window) => count * window.kernel, 1);
  const [z, y, x] = threeAxes(conv.windows);
  if (x.kernel > MAX_ITERATIONS / 2) {
    throw new UnsupportedError(`Cannot slide windows of width ${x.kernel}, at most ${MAX_ITERATIONS / 2}`);
  }
  const slices = Math.ceil(nestedIterations([channelsIn * z.kernel * y.kernel, x.kernel]) / MAX_ITERATIONS);
  const builder = new LoweringBuilder();
  const weights = packRows(
    builder,
    {
      slot: "x1",
      count: groups,
      matrixStride: channelsIn * channelsOut * taps,
      rowStride: taps,
      columnStride: 1,
      columnGroups: { size: taps, stride: channelsOut * taps },
    },
    channelsOut,
    channelsIn * taps,
    TILE.rows,
  );
  if (slices === 1) {
    builder.dispatches.push(product(conv, slices, weights.slot, "y0"));
    return builder;
  }
  const source = builder.temporary(slices * length);
  builder.dispatches.push(
    product({ ...conv, hasBias: false }, slices, weights.slot, source),
    sumSlices({
      source,
      length,
      slices,
      rowLength: plane,
      addend: conv.hasBias ? { slot: "x2", row: 1, column: 0, rowPeriod: groups * channelsOut } : undefined,
      alpha: 1,
      beta: 1,
    }),
  );
  return builder;
}

function product(conv: TransposedConvolution, slices: number, weights: Slot, target: Slot): Dispatch {
  const axes = threeAxes(conv.windows);
  const [z, y, x] = axes;
  const { batch, groups, channelsIn, channelsOut, hasBias } = conv;
  const columnTiles = Math.ceil(Math.ceil(x.output / x.stride) / TILE.columns);
  const units = columnTiles * x.stride * y.output * z.output * batch;
  const unitGroups = Math.ceil(units / TILE.workgroup);
  const rowTiles = Math.ceil(channelsOut / TILE.rows);
  const kernelRows = channelsIn * z.kernel * y.kernel;
  const plane = z.output * y.output * x.output;
  return dispatch(shader, {
    bindings: ["x0", weights, hasBias ? "x2" : "x0", target],
    ...(hasBias ? { addend: 2 } : {}),
    constants: { WORKGROUP_SIZE: TILE.workgroup, TILE_ROWS: TILE.rows, TILE_COLUMNS: TILE.columns },
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
      slices,
      span: Math.ceil(kernelRows / slices),
      kernel_rows: kernelRows,
      slice_y: batch * groups * channelsOut * plane,
      extent: axes.map((axis) => axis.input),
      out_extent: axes.map((axis) => axis.output),
      kernel: axes.map((axis) => axis.kernel),
      stride: axes.map((axis) => axis.stride),
      dilation: axes.map((axis) => axis.dilation),
      before: axes.map((axis) => axis.before),
    },
    functions: convTransposeFunctions({ rows: TILE.rows, columns: TILE.columns, hasBias }),
    workgroups: linearGrid(unitGroups * rowTiles * groups * slices, 1),
  });
}
