/** How much of a result one invocation of the heavy kernels computes: the one table that a tuner replaces. */

/** Extents of one matrix product of a batch. */
export interface MatmulShape {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Matrices that share the left operand. */
  readonly inner: number;
  /** Matrices that do not. */
  readonly outer: number;
}

/** Extents of one convolution. */
export interface ConvShape {
  /** Output channels per group. */
  readonly channels: number;
  /** Width of the output. */
  readonly width: number;
  /** Rows of the output, over batch, groups and the outer spatial axes. */
  readonly rows: number;
  /** Products summed per result. */
  readonly depth: number;
}

/** Results per invocation, as rows (output channels) × columns (adjacent positions), multiples of 4. */
export interface Tile {
  readonly rows: number;
  readonly columns: number;
  /** Invocations per workgroup. */
  readonly workgroup: number;
  /** Invocations that share operands through subgroup broadcasts; 0 where each loads its own. */
  readonly lanes: number;
  /** Parts that the reduction is split into, each its own invocation. */
  readonly slices: number;
}

/** Loop iterations that one invocation may run: lavapipe stops silently after 65,535. */
export const MAX_ITERATIONS = 60000;

/** Windows over single planes. */
export interface BlockShape {
  /** Extents of the result. */
  readonly lines: number;
  readonly columns: number;
  /** Extent and stride of the window down the lines. */
  readonly kernel: number;
  readonly stride: number;
}

/** Results per invocation. */
export interface BlockTile {
  readonly lines: number;
  readonly columns: number;
}

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

/** Whether the adapter's subgroups are of 8 lanes and broadcast between them; set once the device is known. */
export const broadcast = { lanes: 0 };

function matmulTile({ rows, columns, depth, inner }: MatmulShape): Tile {
  const width = columns * inner;
  return {
    rows: tileRows(rows, broadcast.lanes > 0 ? [24, 16, 8, 4] : [16, 8, 4], 16),
    columns: width > 8 ? 16 : width > 4 ? 8 : 4,
    workgroup: 8,
    lanes: broadcast.lanes,
    slices: Math.max(1, Math.ceil(depth / MAX_ITERATIONS)),
  };
}

function convTile({ channels, width, depth }: ConvShape): Tile {
  const rows = tileRows(channels, broadcast.lanes > 0 ? [32, 16, 8, 4] : [16, 8, 4], 12);
  const isWide = rows === 16 && width % 16 === 0;
  return {
    rows,
    columns: isWide ? 16 : width > 4 ? 8 : 4,
    workgroup: 8,
    lanes: broadcast.lanes,
    slices: Math.max(1, Math.ceil(depth / MAX_ITERATIONS)),
  };
}

function planeTile({ lines, columns, kernel, stride }: BlockShape): BlockTile {
  return {
    lines: cheapest([7, 4, 2, 1], (count) => Math.ceil(lines / count) * ((count - 1) * stride + kernel + count)),
    columns: columns > 4 ? 8 : 4,
  };
}

/** Chooses tiles by shape. Fields may be replaced, each by a function of the same kind. */
export const tileOf: {
  matmul: (shape: MatmulShape) => Tile;
  conv: (shape: ConvShape) => Tile;
  block: (shape: BlockShape) => BlockTile;
} = { matmul: matmulTile, conv: convTile, block: planeTile };
