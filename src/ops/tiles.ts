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
  /** Parts that the reduction is split into, each its own invocation. */
  readonly slices: number;
}

/** Loop iterations that one invocation may run: lavapipe stops silently after 65,535. */
export const MAX_ITERATIONS = 60000;

function fit(extent: number, sizes: readonly number[]): number {
  return sizes.reduce((best, size) => {
    const cost = (candidate: number) => Math.ceil(extent / candidate) * (candidate + 2);
    return cost(size) < cost(best) ? size : best;
  });
}

/** Chooses tiles by shape. Fields may be replaced, each by a function of the same kind. */
export const tileOf = {
  matmul: ({ rows, columns, depth }: MatmulShape): Tile => ({
    rows: fit(rows, [16, 8, 4]),
    columns: columns > 8 ? 16 : columns > 4 ? 8 : 4,
    workgroup: 8,
    slices: Math.max(1, Math.ceil(depth / MAX_ITERATIONS)),
  }),
  conv: ({ channels, width, depth }: ConvShape): Tile => ({
    rows: fit(channels, [16, 8, 4]),
    columns: width > 4 ? 8 : 4,
    workgroup: 8,
    slices: Math.max(1, Math.ceil(depth / MAX_ITERATIONS)),
  }),
};
