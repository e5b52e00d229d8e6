import code from "../../shaders/where.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { broadcastStrides, stridesOf } from "../base/shape.ts";
import { allocate, type DType, elementCount } from "../base/tensor.ts";
import { broadcast } from "./binary.ts";
import { collapseBroadcast, kernelRank, octet, padAxes } from "./collapse.ts";
import { defineOp, type OpCase } from "./op.ts";

type Uniform = "length" | "extents" | "condition_strides" | "a_strides" | "b_strides";

const shader: Shader<"WORKGROUP_SIZE" | "RANK", Uniform> = {
  name: "where",
  code,
  constants: ["WORKGROUP_SIZE", "RANK"],
  uniforms: ["length", "extents", "condition_strides", "a_strides", "b_strides"],
};

const choice = (
  name: string,
  dtype: DType,
  condition: readonly number[],
  a: readonly number[],
  b: readonly number[],
): OpCase => ({ name, inputs: [{ dtype: "bool", shape: condition }, { dtype, shape: a }, { dtype, shape: b }] });

/** ONNX Where: elements of the second operand where the first is true, of the third elsewhere. */
export const where = defineOp<null>({
  type: "Where",
  since: 9,
  quant: { kind: "non_quantizable" },
  attributes: () => null,
  infer: ([condition, a, b]) => {
    if (condition!.dtype !== "bool" || a!.dtype !== b!.dtype) {
      throw new ModelError(
        `Cannot choose between ${a!.dtype} and ${b!.dtype} by ${condition!.dtype}, expected one type and a bool`,
      );
    }
    return [{ dtype: a!.dtype, shape: broadcast(condition!.shape, a!.shape, b!.shape) }];
  },
  lower: (inputs, [y]) => {
    const collapsed = collapseBroadcast(y!.shape, inputs.map((one) => one!.shape));
    const rank = kernelRank(collapsed.extents.length);
    const { extents, strides } = padAxes(collapsed, rank);
    const length = elementCount(y!.shape);
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "x1", "x2", "y0"],
        constants: { WORKGROUP_SIZE, RANK: rank },
        uniforms: {
          length,
          extents: octet(extents),
          condition_strides: octet(strides[0]!),
          a_strides: octet(strides[1]!),
          b_strides: octet(strides[2]!),
        },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: ([condition, a, b]) => {
    const shape = broadcast(condition!.shape, a!.shape, b!.shape);
    const strides = stridesOf(shape);
    const data = allocate(a!.dtype, elementCount(shape));
    const pick = (from: { shape: readonly number[]; data: ArrayLike<number> }, index: number) =>
      from.data[
        broadcastStrides(from.shape, shape).reduce(
          (sum, step, axis) => sum + Math.floor(index / strides[axis]!) % shape[axis]! * step,
          0,
        )
      ]!;
    for (let index = 0; index < data.length; index++) {
      data[index] = pick(condition!, index) ? pick(a!, index) : pick(b!, index);
    }
    return [{ dtype: a!.dtype, shape, data }];
  },
  cases: [
    choice("same shape", "float32", [3, 65], [3, 65], [3, 65]),
    choice("scalars", "float32", [3, 65], [], [1]),
    choice("three ways", "int64", [4, 1, 1], [3, 1], [5]),
    choice("bool", "bool", [1, 5], [3, 1], [3, 5]),
    choice("uint8", "uint8", [], [7], [7]),
    choice("empty", "float32", [0], [1], [0]),
  ],
});
