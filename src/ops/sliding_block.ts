/** Windows that slide over single planes on the GPU: depthwise convolutions and small pools. */
import code from "../../shaders/sliding_block.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";
import type { BlockTile, KernelTarget } from "../base/kernel_target.ts";
import { rowReads, segmentLength } from "./row_segment.ts";
import { runLength } from "./runs.ts";
import { blockFunctions, type BlockKind } from "./sliding_block_code.ts";
import { type AxisWindow, threeAxes } from "./sliding_window.ts";
import { blockTileOf, SOFTWARE_INVOCATIONS } from "./tiles.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "TILE_COLUMNS" | "LINE_STEP",
  | "length"
  | "columns"
  | "lines"
  | "column_tiles"
  | "line_tiles"
  | "tile_lines"
  | "multiplier"
  | "channels"
  | "w_quads"
  | "outside"
  | "extent"
  | "out_extent"
  | "kernel"
  | "stride"
  | "dilation"
  | "before"
  | "after"
> = {
  name: "sliding_block",
  code,
  constants: ["WORKGROUP_SIZE", "TILE_COLUMNS", "LINE_STEP"],
  uniforms: [
    "length",
    "columns",
    "lines",
    "column_tiles",
    "line_tiles",
    "tile_lines",
    "multiplier",
    "channels",
    "w_quads",
    "outside",
    "extent",
    "out_extent",
    "kernel",
    "stride",
    "dilation",
    "before",
    "after",
  ],
  epilogue: true,
};

/** Windows over the planes of `x0`, `[planes / multiplier, …]`, into `y0`, `[planes, …]`. */
export interface SlidingBlock {
  readonly kind: BlockKind;
  readonly windows: readonly AxisWindow[];
  readonly planes: number;
  readonly multiplier: number;
  /** Planes of y per image. */
  readonly channels: number;
  /** Packed weights: for every channel and step along depth the taps, filled up to whole quads. */
  readonly weights?: Slot;
  readonly bias?: Slot;
}

/** Longest input segment, most taps of a window and most vec4 operations of a block that are unrolled. */
const MAX_SEGMENT = 48;
const MAX_TAPS = 64;
const MAX_OPERATIONS = 400;

/** The tile of a block over so many planes of y; undefined where the windows are too large to unroll. */
export function blockTile(
  windows: readonly AxisWindow[],
  planes: number,
  target: KernelTarget,
): BlockTile | undefined {
  const [, y, x] = threeAxes(windows);
  const tile = blockTileOf({ lines: y.output, columns: x.output, kernel: y.kernel, stride: y.stride, planes }, target);
  const taps = x.kernel * y.kernel;
  const columns = [tile.columns, 8].find((count) =>
    count <= tile.columns && segmentLength(count, x) <= MAX_SEGMENT && count / 4 * taps <= MAX_OPERATIONS
  );
  if (columns === undefined || taps > MAX_TAPS) return undefined;
  if (rollsOver(windows, target)) return { columns, lines: tile.lines };
  const operations = (lines: number) => lines * columns / 4 * taps;
  const lines = [tile.lines, 4, 2, 1].find((count) => count <= tile.lines && operations(count) <= MAX_OPERATIONS);
  return { columns, lines: lines ?? 1 };
}

/** The dispatch of a block whose windows `blockTile` accepts. */
export function blockDispatch(block: SlidingBlock, tile: BlockTile, target: KernelTarget): Dispatch {
  const axes = threeAxes(block.windows);
  const [z, y, x] = axes;
  const columnTiles = Math.ceil(x.output / tile.columns);
  const lineStep = lineStepOf(y);
  const stepped = Math.ceil(y.output / lineStep);
  const rolls = rollsOver(block.windows, target);
  // As many lines in every tile as the number of tiles needs.
  const stacked = Math.max(1, Math.ceil(stepped / tile.lines));
  const lines = lineStep === 1 && !rolls ? tile.lines : Math.ceil(stepped / stacked);
  const lineTiles = lineStep * stacked;
  const workgroup = target.isSoftware ? target.lanes || SOFTWARE_INVOCATIONS : WORKGROUP_SIZE;
  const length = columnTiles * lineTiles * z.output * block.planes;
  return dispatch(shader, {
    bindings: ["x0", "x0", block.weights ?? "x0", block.bias ?? "x0", "y0"],
    ...(block.bias ? { addend: 3 } : {}),
    constants: { WORKGROUP_SIZE: workgroup, TILE_COLUMNS: tile.columns, LINE_STEP: lineStep },
    uniforms: {
      length,
      columns: x.output,
      lines: y.output,
      column_tiles: columnTiles,
      line_tiles: lineTiles,
      tile_lines: lines,
      multiplier: block.multiplier,
      channels: block.channels,
      w_quads: Math.ceil(y.kernel * x.kernel / 4),
      outside: block.kind === "max" ? -Infinity : 0,
      extent: axes.map((axis) => axis.input),
      out_extent: axes.map((axis) => axis.output),
      kernel: axes.map((axis) => axis.kernel),
      stride: axes.map((axis) => axis.stride),
      dilation: axes.map((axis) => axis.dilation),
      before: axes.map((axis) => axis.before),
      after: axes.map((axis) => axis.after),
    },
    functions: blockFunctions({
      kind: block.kind,
      lines,
      lineStep,
      columns: tile.columns,
      down: { kernel: y.kernel, stride: y.stride, dilation: y.dilation },
      along: { kernel: x.kernel, stride: x.stride, dilation: x.dilation, before: x.before },
      hasBias: block.bias !== undefined,
      rolls,
      wholeWidth: columnTiles === 1 ? x.input : undefined,
      wholeHeight: lineTiles === 1 ? { before: y.before, extent: y.input } : undefined,
      stores: runLength(x.output),
      reads: rowReads(x.input, block.planes / block.multiplier * z.input * y.input * x.input, target.isSoftware),
    }),
    storesQuads: x.output % 4 === 0,
    workgroups: linearGrid(length, workgroup),
  });
}

/**
 * Distance of the lines of a tile from each other: that of the taps of dilated windows, which then share lines of x as windows without
 * dilation do.
 */
function lineStepOf({ stride, dilation, output }: AxisWindow): number {
  return stride === 1 && output >= 2 * dilation ? dilation : 1;
}

/**
 * Whether the lines of x are gone down in a loop: on a CPU, whose cores fetch the code for all lines of a tile anew for every subgroup. GPUs
 * keep it, and the results, at hand.
 */
function rollsOver(windows: readonly AxisWindow[], { isSoftware }: KernelTarget): boolean {
  const [z, y] = threeAxes(windows);
  return isSoftware && z.kernel === 1 && z.before === 0 && z.after === 0 && y.dilation === lineStepOf(y);
}
