/**
 * How much of a result one invocation of the heavy kernels computes. Every tile sums in the same order: which one is chosen decides
 * how long it takes, never a bit of the result.
 */
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

/** Invocations per workgroup on a CPU without subgroups, and on a GPU, whose subgroups have 16 to 64. */
const SOFTWARE_INVOCATIONS = 8;
const GPU_INVOCATIONS = 64;

/** Multiply-accumulates from which on a product runs long enough to pay for compiling a kernel with more of it unrolled. */
const LARGE_PRODUCT = 2e7;

/** Invocations below which a GPU has idle cores: smaller tiles make more of them. */
const FILLING = 16384;

/** Tiles for a GPU, whose invocations have room for some dozens of values: the largest that fills it first. */
function gpuTiles(rows: number, width: number, rest: number): [rows: number, columns: number][] {
  const tiles = ([[8, 8], [8, 4], [4, 8], [4, 4]] as [number, number][]).filter(([tall]) =>
    tall < 2 * rows || tall === 4
  );
  const fills = ([tall, wide]: [number, number]) => Math.ceil(rows / tall) * Math.ceil(width / wide) * rest >= FILLING;
  const first = tiles.find(fills) ?? tiles.at(-1)!;
  return [first, ...tiles.filter((tile) => tile !== first)];
}

/** Tiles of a product that a target may choose among, the default one first. */
export function matmulTiles(shape: MatmulShape, { isSoftware, lanes }: KernelTarget): MatmulTile[] {
  const { rows, columns, depth, inner, outer } = shape;
  const width = columns * inner;
  const slices = slicesOf(depth);
  if (!isSoftware) {
    const common = { lanes: 0, slices, steps: 2 };
    return gpuTiles(rows, width, slices * outer).flatMap(([tall, wide]) =>
      [GPU_INVOCATIONS, 4 * GPU_INVOCATIONS].map((workgroup) => ({ rows: tall, columns: wide, workgroup, ...common }))
    );
  }
  const common = { workgroup: lanes || SOFTWARE_INVOCATIONS, lanes, slices };
  const isLarge = lanes > 0 && rows * width * depth * outer >= LARGE_PRODUCT;
  const heights = isLarge ? [32, 24, 16, 8, 4] : lanes > 0 ? [24, 16, 8, 4] : [16, 8, 4];
  const tall = tileRows(rows, heights, isLarge ? 34 : 16);
  const wide = (height: number) => width > 8 ? height === 32 ? 12 : 16 : width > 4 ? 8 : 4;
  const steps = isLarge ? 2 : 1;
  const others = heights.filter((height) => height !== tall && height < 2 * rows);
  return [
    { rows: tall, columns: wide(tall), steps, ...common },
    { rows: tall, columns: wide(tall), steps: 3 - steps, ...common },
    ...others.map((height) => ({ rows: height, columns: wide(height), steps, ...common })),
    ...(tall === 32 && rows > 32 && width > 8 ? [{ rows: 64, columns: 8, steps, ...common }] : []),
  ];
}

/** Tiles of a convolution that a target may choose among, the default one first. */
export function convTiles({ channels, width, rows, depth }: ConvShape, { isSoftware, lanes }: KernelTarget): Tile[] {
  const slices = slicesOf(depth);
  if (!isSoftware) {
    const common = { workgroup: GPU_INVOCATIONS, lanes: 0, slices };
    return gpuTiles(channels, width, slices * rows).map(([tall, wide]) => ({ rows: tall, columns: wide, ...common }));
  }
  const common = { workgroup: lanes || SOFTWARE_INVOCATIONS, lanes, slices };
  const heights = lanes > 0 ? [32, 16, 8, 4] : [16, 8, 4];
  const tall = tileRows(channels, heights, 12);
  const wide = (height: number) => height === 16 && width % 16 === 0 ? 16 : width > 4 ? 8 : 4;
  const others = heights.filter((height) => height !== tall && height < 2 * channels);
  return [tall, ...others].map((height) => ({ rows: height, columns: wide(height), ...common }));
}

/**
 * Longest rows that one invocation on a CPU has all results of, where it loads them in quads: what lies outside is then known
 * and not loaded.
 */
const WHOLE_ROW = 28;

/** Tiles of windows over single planes that a target may choose among, the default one first. */
export function blockTiles({ lines, columns, kernel, stride }: BlockShape, { isSoftware }: KernelTarget): BlockTile[] {
  const heights = [7, 4, 2, 1];
  const tall = cheapest(heights, (count) => Math.ceil(lines / count) * ((count - 1) * stride + kernel + count));
  const whole = 4 * Math.ceil(columns / 4);
  const takesWhole = isSoftware && kernel <= 3 && columns <= WHOLE_ROW && columns * stride % 4 === 0;
  const wide = takesWhole ? whole : columns > 4 ? 8 : 4;
  const others = heights.filter((height) => height !== tall && height < 2 * lines);
  return [
    { lines: tall, columns: wide },
    ...others.map((height) => ({ lines: height, columns: wide })),
    ...[8, 4].filter((narrow) => narrow < wide).map((narrow) => ({ lines: tall, columns: narrow })),
  ];
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

/** The tile of a matrix product on a target. */
export function matmulTile(shape: MatmulShape, target: KernelTarget): MatmulTile {
  return target.tiles?.matmul?.(shape) ?? matmulTiles(shape, target)[0]!;
}

/** The tile of a convolution on a target. */
export function convTile(shape: ConvShape, target: KernelTarget): Tile {
  return target.tiles?.conv?.(shape) ?? convTiles(shape, target)[0]!;
}

/** The tile of windows over single planes on a target. */
export function blockTileOf(shape: BlockShape, target: KernelTarget): BlockTile {
  return target.tiles?.block?.(shape) ?? blockTiles(shape, target)[0]!;
}
