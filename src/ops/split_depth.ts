/** Matrix products whose right operand no binding holds whole: they are summed up in parts along the depth. */
import { PORTABLE_BINDING } from "../base/kernel_target.ts";
import { windowsOf } from "./binding_windows.ts";
import { alignRows, type LoweringBuilder, type MatrixList, packColumns, type Packed } from "./packing.ts";

/** Steps of the depth that one product makes. */
export interface DepthPart {
  readonly first: number;
  readonly depth: number;
}

/** The right operand of a product: `depth` × `columns`. */
export interface RightOperand {
  readonly b: MatrixList;
  readonly columns: number;
  readonly depth: number;
}

/** The parts that a product is summed up in; one where a binding holds all of `b`, or where there are several of it. */
export function depthParts({ b, columns, depth }: RightOperand, largestBinding = PORTABLE_BINDING): DepthPart[] {
  if (b.count > 1) return [{ first: 0, depth }];
  return windowsOf(depth, 4 * Math.ceil(columns / 4), largestBinding).map(({ first, rows }) => ({
    first,
    depth: rows,
  }));
}

/** Part of the right operand as the kernel reads it. */
export function packPart(
  builder: LoweringBuilder,
  { b, columns, depth }: RightOperand,
  part: DepthPart,
  largestBinding = PORTABLE_BINDING,
): Packed {
  if (part.depth === depth) return alignRows(builder, b, depth, columns);
  if (b.columnStride === 1) {
    const window = { offset: part.first * b.rowStride, length: part.depth * b.rowStride };
    return alignRows(builder, { ...b, window }, part.depth, columns);
  }
  // The columns of b lie one after the other: each window of them has a piece of every part.
  const rowQuads = Math.ceil(columns / 4);
  const slot = builder.temporary(4 * part.depth * rowQuads);
  for (const { first, rows: count, window } of windowsOf(columns, b.columnStride, largestBinding)) {
    builder.dispatches.push(packColumns(
      { ...b, window, first: part.first * b.rowStride, rows: part.depth, columns: count },
      { slot, panelQuads: rowQuads, panels: 1, firstQuad: first / 4 },
    ));
  }
  return { slot, matrixQuads: part.depth * rowQuads, rowQuads };
}
