/** How much of a result one invocation of the heavy kernels computes, where no measurement of the target says otherwise. */
import type {
  BlockShape,
  BlockTile,
  ConvShape,
  KernelTarget,
  MatmulShape,
  MatmulTile,
  Tile,
} from "../base/kernel_target.ts";

/** Loop iterations that one invocation may run: lavapipe stops silently after 65,535. */
export const MAX_ITERATIONS = 60000;

/** The candidate with the least cost; the first of equal ones. */
function cheapest(candidates: readonly number[], cost: (candidate: number) => number): number {
  return candidates.reduce((best, candidate) => cost(candidate) < cost(best) ? candidate : best);
}

/**
 * Rows of a tile: per step an invocation loads its columns whatever the rows, and then multiplies. `loads` is the cost of the
 * former in that of one row.
 */
function tileRows(rows: number, candidates: readonly number[], loads: number): number {
  return cheapest(candidates, (candidate) => Math.ceil(rows / candidate) * (candidate + loads));
}

/** Invocations per workgroup where no subgroup decides. */
const INVOCATIONS = 8;

/** Multiply-accumulates from which on a product runs long enough to pay for compiling a kernel with more of it unrolled. */
const LARGE_PRODUCT = 5e6;

function defaultMatmulTile(shape: MatmulShape, { lanes }: KernelTarget): MatmulTile {
  const { rows, columns, depth, inner, outer } = shape;
  const isLarge = lanes > 0 && rows * columns * depth * inner * outer >= LARGE_PRODUCT;
  const tileHeight = isLarge
    ? tileRows(rows, [32, 24, 16, 8, 4], 34)
    : tileRows(rows, lanes > 0 ? [24, 16, 8, 4] : [16, 8, 4], 16);
  const width = columns * inner;
  return {
    rows: tileHeight,
    columns: width > 8 ? tileHeight === 32 ? 12 : 16 : width > 4 ? 8 : 4,
    workgroup: lanes || INVOCATIONS,
    lanes,
    slices: slicesOf(depth),
    steps: isLarge ? 2 : 1,
  };
}

function defaultConvTile({ channels, width, depth }: ConvShape, { lanes }: KernelTarget): Tile {
  const rows = tileRows(channels, lanes > 0 ? [32, 16, 8, 4] : [16, 8, 4], 12);
  const isWide = rows === 16 && width % 16 === 0;
  return {
    rows,
    columns: isWide ? 16 : width > 4 ? 8 : 4,
    workgroup: lanes || INVOCATIONS,
    lanes,
    slices: slicesOf(depth),
  };
}

/**
 * Iterations of nested loops of these extents, outermost first, as adapters with a limit count them: entering an inner loop and finding
 * its end count as well.
 */
export function nestedIterations(extents: readonly number[]): number {
  return extents.reduceRight<number>(
    (inner, extent, place) => place === extents.length - 1 ? extent : extent * (inner + 2),
    0,
  );
}

/** Parts of a reduction that each stay below the loop limit. */
export function slicesOf(depth: number): number {
  return Math.max(1, Math.ceil(depth / MAX_ITERATIONS));
}

function defaultBlockTile({ lines, columns, kernel, stride }: BlockShape): BlockTile {
  return {
    lines: cheapest([7, 4, 2, 1], (count) => Math.ceil(lines / count) * ((count - 1) * stride + kernel + count)),
    columns: columns > 4 ? 8 : 4,
  };
}

/** The tile of a matrix product on a target. */
export function matmulTile(shape: MatmulShape, target: KernelTarget): MatmulTile {
  return target.tiles?.matmul?.(shape) ?? defaultMatmulTile(shape, target);
}

/** The tile of a convolution on a target. */
export function convTile(shape: ConvShape, target: KernelTarget): Tile {
  return target.tiles?.conv?.(shape) ?? defaultConvTile(shape, target);
}

/** The tile of windows over single planes on a target. */
export function blockTileOf(shape: BlockShape, target: KernelTarget): BlockTile {
  return target.tiles?.block?.(shape) ?? defaultBlockTile(shape);
}
