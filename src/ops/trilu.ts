import code from "../../shaders/trilu.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { elementCount, formatShape, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantScalar, knownOperands } from "./constant_operand.ts";
import { defineOp, type OpCase } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE" | "UPPER", "length" | "rows" | "columns" | "diagonal"> = {
  name: "trilu",
  code,
  constants: ["WORKGROUP_SIZE", "UPPER"],
  uniforms: ["length", "rows", "columns", "diagonal"],
};

/** ONNX Trilu: the upper or lower triangle of every matrix, from the k-th diagonal on, zeros elsewhere. */
export const trilu = defineOp<{ upper: boolean }>({
  type: "Trilu",
  since: 14,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ upper: raw.int("upper", 1) !== 0 }),
  infer: ([x]) => {
    if (x!.shape.length < 2) {
      throw new ModelError(`Cannot take a triangle: input is ${formatShape(x!.shape)}, expected at least two axes`);
    }
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x, k], _outputs, { upper }) => {
    const length = elementCount(x!.shape);
    if (length === 0) return { dispatches: [] };
    const [rows, columns] = x!.shape.slice(-2);
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "y0"],
        constants: { WORKGROUP_SIZE, UPPER: upper },
        uniforms: { length, rows: rows!, columns: columns!, diagonal: clampDiagonal(diagonalOf(k)) },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: (inputs, { upper }) => {
    const x = inputs[0]!;
    const k = diagonalOf(knownOperands(inputs)[1]);
    const [rows, columns] = x.shape.slice(-2) as [number, number];
    const data = x.data.map((value, index) => {
      const column = index % columns;
      const row = Math.floor(index / columns) % rows;
      return (upper ? column - row >= k : column - row <= k) ? value : 0;
    });
    return [{ ...x, data }];
  },
  cases: [0, 1].flatMap((upper): OpCase[] => [
    { name: `upper ${upper}`, inputs: [f32(2, 4, 5)], attributes: { upper } },
    { name: `upper ${upper}, k 2`, inputs: [f32(5, 4), constantI64([2], [])], attributes: { upper } },
    { name: `upper ${upper}, k -3`, inputs: [f32(5, 4), constantI64([-3])], attributes: { upper } },
    { name: `upper ${upper}, k far out`, inputs: [f32(3, 4), constantI64([1e12], [])], attributes: { upper } },
    { name: `upper ${upper}, bool`, inputs: [{ dtype: "bool", shape: [3, 3] }], attributes: { upper } },
    { name: `upper ${upper}, empty`, inputs: [f32(0, 3)], attributes: { upper } },
  ]),
});

function diagonalOf(k: TensorType | undefined): number {
  return k ? constantScalar(k, "k") : 0;
}

/** Beyond any extent all diagonals are alike. */
function clampDiagonal(k: number): number {
  return Math.min(Math.max(k, -0x3fffffff), 0x3fffffff);
}
