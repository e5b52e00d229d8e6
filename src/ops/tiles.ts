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
export const SOFTWARE_INVOCATIONS = 8;
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
  if (isSoftware) return softwareProductTiles(shape, lanes);
  const { rows, columns, depth, inner, outer } = shape;
  const slices = slicesOf(depth);
  const common = { lanes: 0, slices, steps: 2 };
  return gpuTiles(rows, columns * inner, slices * outer).flatMap(([tall, wide]) =>
    [GPU_INVOCATIONS, 4 * GPU_INVOCATIONS].map((workgroup) => ({ rows: tall, columns: wide, workgroup, ...common }))
  );
}

/** Rows of an invocation, and quads of its columns. */
type ProductSize = readonly [rows: number, quads: number];

/** Quads of results that an invocation on a CPU has at most: more of them outgrow the cache of decoded instructions. */
const SOFTWARE_QUADS = 96;

/** Tiles for a CPU: those first that take the fewest steps' time, with idle lanes and rows past the end counted in. */
function softwareProductTiles({ rows, columns, depth, inner, outer }: MatmulShape, lanes: number): MatmulTile[] {
  const workgroup = lanes || SOFTWARE_INVOCATIONS;
  const units = Math.ceil(columns / 4) * inner;
  const isLarge = lanes > 0 && rows * columns * inner * depth * outer >= LARGE_PRODUCT;
  const steps = isLarge ? 2 : 1;
  const cost = (size: ProductSize) =>
    Math.ceil(rows / size[0]) * Math.ceil(units / (size[1] * workgroup)) * softwareStep(size, lanes, steps);
  const best = (heights: readonly number[]) =>
    heights.flatMap(softwareSizes).reduce((least, size) => cost(size) < cost(least) ? size : least);
  const heights = lanes > 0 ? [32, 24, 16, 8, 4] : [16, 8, 4];
  const first = best(heights);
  const others = heights.filter((height) => height !== first[0] && height < 2 * rows).map((height) => best([height]));
  const tile = ([tall, quads]: ProductSize, count = steps) => ({
    rows: tall,
    columns: 4 * quads,
    steps: count,
    workgroup,
    lanes,
    slices: slicesOf(depth),
  });
  return [
    tile(first),
    tile(first, 3 - steps),
    ...others.map((size) => tile(size)),
    ...(first[0] === 32 && rows > 32 && units > 2 ? [tile([64, 2])] : []),
  ];
}

function softwareSizes(rows: number): ProductSize[] {
  return [4, 3, 2, 1].filter((quads) => rows * quads <= SOFTWARE_QUADS).map((quads) => [rows, quads]);
}

/** What a load costs a subgroup of a CPU, in products of a row with a quad. */
const LOAD = 14;

/** Quads of b that vector registers hold besides what is summed up: more of them are read from memory for every row. */
const REGISTER_QUADS = 6;

/**
 * What one step costs a subgroup of a CPU, in products of a row with a quad, as measured on lavapipe with all operands in its caches. An
 * invocation loads its quads of b and its part of a, or all of it without lanes; what hands a row round costs the same for any quads.
 */
function softwareStep([rows, quads]: ProductSize, lanes: number, steps: number): number {
  const loads = quads + Math.ceil(rows / 4 / (lanes || 1));
  const perRow = quads + (quads * steps > REGISTER_QUADS ? 0.8 : 0.4);
  return 8 + LOAD * loads + rows * perRow;
}

/** What packing a quad costs, in products of a row with a quad. */
const PACKED_QUAD = 8;

/** A product whose right operand has rows that are no whole numbers of quads. */
export interface RaggedProduct {
  readonly rows: number;
  /** Quads of a row when packed, and when each invocation has those of one row. */
  readonly quads: number;
  readonly rowQuads: number;
  /** Matrices that share the left operand. */
  readonly inner: number;
}

/** Whether a CPU takes less time to load the quads around its columns than to load packed ones and pack them before. */
export function paysToReadAround({ rows, quads, rowQuads, inner }: RaggedProduct, tile: MatmulTile): boolean {
  const wide = tile.columns / 4;
  const groups = (units: number) => Math.ceil(units / (wide * tile.workgroup)) * Math.ceil(rows / tile.rows);
  const step = softwareStep([tile.rows, wide], tile.lanes, tile.steps);
  // One more load, and the selects that move the elements of all quads.
  const around = step + LOAD + 3 * wide;
  return groups(rowQuads * inner) * around < groups(quads * inner) * step + PACKED_QUAD * quads * inner;
}

/** Tiles of a convolution that a target may choose among, the default one first. */
export function convTiles({ channels, width, rows, depth }: ConvShape, { isSoftware, lanes }: KernelTarget): Tile[] {
  const slices = slicesOf(depth);
  if (!isSoftware) {
    const common = { workgroup: GPU_INVOCATIONS, lanes: 0, slices };
    return gpuTiles(channels, width, slices * rows).map(([tall, wide]) => ({ rows: tall, columns: wide, ...common }));
  }
  const common = { workgroup: lanes || SOFTWARE_INVOCATIONS, lanes, slices };
  const heights = lanes > 0 ? [32, 24, 16, 8, 4] : [16, 8, 4];
  const tall = tileRows(channels, heights, 12);
  const wide = (height: number) => height === 16 && width % 16 === 0 ? 16 : width > 4 ? 8 : 4;
  const others = heights.filter((height) => height !== tall && height < 2 * channels);
  return [tall, ...others].map((height) => ({ rows: height, columns: wide(height), ...common }));
}

/** Tiles of windows over single planes that a target may choose among, the default one first. */
export function blockTiles(shape: BlockShape, { isSoftware, lanes }: KernelTarget): BlockTile[] {
  if (isSoftware) return softwareBlockTiles(shape, lanes);
  const { lines, columns, kernel, stride } = shape;
  const heights = [7, 4, 2, 1];
  const tall = cheapest(heights, (count) => Math.ceil(lines / count) * ((count - 1) * stride + kernel + count));
  const wide = columns > 4 ? 8 : 4;
  const others = heights.filter((height) => height !== tall && height < 2 * lines);
  return [
    { lines: tall, columns: wide },
    ...others.map((height) => ({ lines: height, columns: wide })),
    ...(wide === 8 ? [{ lines: tall, columns: 4 }] : []),
  ];
}

/** Workgroups that keep the cores of a CPU busy to the end. */
const BUSY_WORKGROUPS = 32;

/** Longest row whose windows with strides one invocation on a CPU takes whole: twice as many elements of x are under way at once. */
const WHOLE_STRIDED_ROW = 16;

/** Lines that an invocation goes down at most: those that windows share at its ends do not count any more. */
const LONGEST_RUN = 256;

/** Tiles for a CPU: it goes down the lines in a loop, so that they are as many as leave enough invocations. */
function softwareBlockTiles({ lines, columns, stride, planes }: BlockShape, lanes: number): BlockTile[] {
  const whole = 4 * Math.max(1, Math.ceil(columns / 4));
  const widths = stride > 1 ? [whole <= WHOLE_STRIDED_ROW ? whole : 8] : [28, 24, 20, 16, 12, 8, 4];
  // Quads loaded and stored, and what every line costs beside: its ends, its place.
  const wide = cheapest(widths, (width) => Math.ceil(columns / width) * (2.5 * width / 4 + 4));
  const columnTiles = planes * Math.ceil(columns / wide);
  const wanted = Math.ceil(BUSY_WORKGROUPS * (lanes || SOFTWARE_INVOCATIONS) / Math.max(1, columnTiles));
  const tall = Math.max(Math.min(Math.ceil(lines / wanted), LONGEST_RUN), Math.min(lines, 8), 1);
  const others = [
    { lines: tall, columns: 8 },
    { lines: tall, columns: 16 },
    { lines: Math.ceil(tall / 2), columns: wide },
    { lines: 4, columns: wide },
    { lines: 1, columns: wide },
  ];
  return [{ lines: tall, columns: wide }, ...others.filter((tile) => tile.lines !== tall || tile.columns !== wide)];
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
