/** What kernels are generated for: properties of the adapter that decide their text, and how much one invocation computes. */

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

/** The tile of a matrix product. */
export interface MatmulTile extends Tile {
  /** Steps of the reduction between two turns of the loop; 1 where the depth is no multiple of it. */
  readonly steps: number;
}

/** Windows over single planes. */
export interface BlockShape {
  /** Extents of the result. */
  readonly lines: number;
  readonly columns: number;
  /** Extent and stride of the window down the lines. */
  readonly kernel: number;
  readonly stride: number;
  /** Planes of the result, over the batch. */
  readonly planes: number;
}

/** Results per invocation. */
export interface BlockTile {
  readonly lines: number;
  readonly columns: number;
}

/** Tiles chosen by shape; undefined where the default shall be used. */
export interface TileChoice {
  readonly matmul?: (shape: MatmulShape) => MatmulTile | undefined;
  readonly conv?: (shape: ConvShape) => Tile | undefined;
  readonly block?: (shape: BlockShape) => BlockTile | undefined;
}

/**
 * What an operator may rely on when it lowers. Results are the same to the last bit for every target: each sum keeps its
 * order, whoever loads the terms.
 */
export interface KernelTarget {
  /** Whether kernels run on the cores of a CPU: few invocations at a time, each with room for hundreds of values. */
  readonly isSoftware: boolean;
  /** Invocations of a subgroup, consecutive in their workgroup, that can broadcast to each other; 0 for none. */
  readonly lanes: number;
  /** Bytes of a constant that one binding shows; `PORTABLE_BINDING` unless stated. */
  readonly largestBinding?: number;
  /** Tiles measured on the adapter, before the default ones. */
  readonly tiles?: TileChoice | undefined;
}

/**
 * Bytes that a binding holds on every WebGPU adapter. Larger constants are split there whatever the adapter can do: how they are split
 * decides the order of sums.
 */
export const PORTABLE_BINDING: number = 128 * 1024 * 1024;

/** Kernels that every WebGPU implementation accepts, for an adapter with thousands of invocations in flight. */
export const PORTABLE_TARGET: KernelTarget = { isSoftware: false, lanes: 0 };
