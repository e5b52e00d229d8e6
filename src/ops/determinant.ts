import code from "../../shaders/determinant.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { elementCount, formatShape, hostTensor } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { defineOp } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE", "matrices" | "order"> = {
  name: "determinant",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["matrices", "order"],
  epilogue: true,
};

/** Order up to which the n³ / 3 steps of elimination, with copying and pivoting, stay below the loop cap. */
const LARGEST_ORDER = 48;
const TOLERANCE = { relative: 1e-4, absolute: 1e-3, reason: "elimination rounds at every step" };

/** Sum over permutations, by expansion along the first row with the columns left as a bit set. */
function expand(at: (row: number, column: number) => number, order: number): number {
  const minors = new Map<number, number>([[0, 1]]);
  for (let set = 1; set < 1 << order; set++) {
    const columns = Array.from({ length: order }, (_, column) => column).filter((column) => set >> column & 1);
    const row = order - columns.length;
    const sum = columns.reduce((so, column, place) => {
      return so + (place % 2 === 0 ? 1 : -1) * at(row, column) * minors.get(set & ~(1 << column))!;
    }, 0);
    minors.set(set, sum);
  }
  return minors.get((1 << order) - 1)!;
}

/** Elimination in double precision, for orders whose permutations are too many. */
function eliminate(at: (row: number, column: number) => number, order: number): number {
  const rows = Array.from({ length: order }, (_, row) => Array.from({ length: order }, (_, column) => at(row, column)));
  let product = 1;
  for (let column = 0; column < order; column++) {
    let pivot = column;
    for (let row = column; row < order; row++) {
      if (Math.abs(rows[row]![column]!) > Math.abs(rows[pivot]![column]!)) pivot = row;
    }
    if (pivot !== column) {
      [rows[pivot], rows[column]] = [rows[column]!, rows[pivot]!];
      product = -product;
    }
    const head = rows[column]!;
    product *= head[column]!;
    if (product === 0) return 0;
    for (const row of rows.slice(column + 1)) {
      const factor = row[column]! / head[column]!;
      row.forEach((value, place) => row[place] = value - factor * head[place]!);
    }
  }
  return product;
}

/** ONNX Det: determinants of square matrices. */
export const determinant = defineOp<null>({
  type: "Det",
  since: 11,
  quant: { kind: "non_quantizable" },
  attributes: () => null,
  infer: ([x]) => {
    const order = x!.shape.at(-1);
    if (x!.shape.length < 2 || order !== x!.shape.at(-2)) {
      throw new ModelError(`Cannot take determinant of shape ${formatShape(x!.shape)}: expected square matrices`);
    }
    if (order! > LARGEST_ORDER) {
      throw new UnsupportedError(`Cannot take determinant of order ${order}, at most ${LARGEST_ORDER}`);
    }
    return [{ dtype: x!.dtype, shape: x!.shape.slice(0, -2) }];
  },
  lower: ([x], [y]) => {
    const matrices = elementCount(y!.shape);
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "t0", "y0"],
        constants: { WORKGROUP_SIZE },
        uniforms: { matrices, order: x!.shape.at(-1)! },
        workgroups: linearGrid(matrices, WORKGROUP_SIZE),
      })],
      temporaries: [elementCount(x!.shape)],
    };
  },
  reference: ([x]) => {
    const shape = x!.shape.slice(0, -2);
    const order = x!.shape.at(-1)!;
    const values = Array.from({ length: elementCount(shape) }, (_, matrix) => {
      const at = (row: number, column: number) => x!.data[(matrix * order + row) * order + column]!;
      return order <= 8 ? expand(at, order) : eliminate(at, order);
    });
    return [hostTensor(x!.dtype, shape, values)];
  },
  cases: [
    { name: "order 2", inputs: [f32(2, 2)], tolerance: TOLERANCE },
    { name: "order 5 in batches", inputs: [f32(3, 23, 5, 5)], tolerance: { ...TOLERANCE, absolute: 1e-2 } },
    { name: "order 20", inputs: [f32(2, 20, 20)], range: [-1, 1], tolerance: { ...TOLERANCE, relative: 1e-3 } },
    { name: "singular", inputs: [f32(4, 3, 3)], range: [0, 0] },
  ],
});
