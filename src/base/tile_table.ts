/** Tiles that were chosen for shapes, by measurement. */
import type { BlockShape, BlockTile, ConvShape, MatmulShape, MatmulTile, Tile, TileChoice } from "./kernel_target.ts";

/** A shape or tile by its numbers, whatever their order: `columns 196 depth 64 …`. */
export function numbersOf(value: MatmulShape | ConvShape | BlockShape | MatmulTile | Tile | BlockTile): string {
  return Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1).flat().join(" ");
}

/** A growing choice: a plan built later sees what was chosen in between. Shapes without a tile keep the default one. */
export class TileTable implements TileChoice {
  readonly #products = new Map<string, MatmulTile>();
  readonly #convolutions = new Map<string, Tile>();
  readonly #blocks = new Map<string, BlockTile>();

  /** Number of shapes with a tile. */
  get size(): number {
    return this.#products.size + this.#convolutions.size + this.#blocks.size;
  }

  matmul(shape: MatmulShape): MatmulTile | undefined {
    return this.#products.get(numbersOf(shape));
  }

  conv(shape: ConvShape): Tile | undefined {
    return this.#convolutions.get(numbersOf(shape));
  }

  block(shape: BlockShape): BlockTile | undefined {
    return this.#blocks.get(numbersOf(shape));
  }

  setMatmul(shape: MatmulShape, tile: MatmulTile): void {
    this.#products.set(numbersOf(shape), tile);
  }

  setConv(shape: ConvShape, tile: Tile): void {
    this.#convolutions.set(numbersOf(shape), tile);
  }

  setBlock(shape: BlockShape, tile: BlockTile): void {
    this.#blocks.set(numbersOf(shape), tile);
  }
}
