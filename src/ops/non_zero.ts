import code from "../../shaders/non_zero.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { UnsupportedError } from "../base/errors.ts";
import { allocate, elementCount, storageOf, type TensorType } from "../base/tensor.ts";
import { constantBool, constantF32, constantI64 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { eachCoordinate } from "./coordinates.ts";
import { MAX_RANK } from "./gather_elements.ts";
import { defineOp, type OpDef } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE", "length" | "rank" | "total" | "shape"> = {
  name: "non_zero",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "rank", "total", "shape"],
};

/** Elements that the kernel can search: software adapters stop an invocation after 65,535 iterations. */
const MAX_LENGTH = 60000;

const infer: OpDef<unknown>["infer"] = ([x]) => {
  const values = constantOf(x!, "X");
  const count = values.reduce((sum, value) => sum + (value !== 0 ? 1 : 0), 0);
  return [{ dtype: "int64", shape: [Math.max(x!.shape.length, 1), count] }];
};

/** ONNX NonZero: coordinates of the elements that are not 0, one per column. Their number must be known when planning. */
export const nonZero = defineOp<unknown>({
  type: "NonZero",
  since: 9,
  quant: { kind: "non_quantizable" },
  dataDependent: [0],
  attributes: () => undefined,
  infer,
  lower: ([x], [y]) => ({ dispatches: listNonZero(x!, y!.shape[1]!, "x0", "y0") }),
  reference: (inputs, attributes) => {
    const x = inputs[0]!;
    const [{ shape }] = infer(knownOperands(inputs), attributes) as [TensorType];
    const data = allocate("int64", elementCount(shape));
    let found = 0;
    eachCoordinate(x.shape, (at, index) => {
      if (x.data[index] === 0) return;
      at.forEach((place, axis) => data[axis * shape[1]! + found] = place);
      found++;
    });
    return [{ dtype: "int64", shape, data }];
  },
  cases: [
    { name: "matrix", inputs: [constantF32([1, 0, -2, 0, 0, 0.5], [2, 3])] },
    { name: "rank 3, bool", inputs: [constantBool([0, 1, 1, 0, 1, 0, 0, 1], [2, 2, 2])] },
    { name: "several workgroups", inputs: [constantI64(Array.from({ length: 200 }, (_, index) => index % 3))] },
    { name: "rank 0", inputs: [constantF32([3], [])] },
    { name: "all zero", inputs: [constantI64([0, 0])] },
  ],
});

/** Writes the coordinates of the `total` elements of `source` that are not 0 as i32 rows, one per axis. */
export function listNonZero(x: TensorType, total: number, source: Slot, destination: Slot): Dispatch[] {
  const length = elementCount(x.shape);
  if (length > MAX_LENGTH || x.shape.length > MAX_RANK) {
    throw new UnsupportedError(
      `Cannot list elements: input has ${length} elements and rank ${x.shape.length}, expected at most ${MAX_LENGTH} ` +
        `and ${MAX_RANK}`,
    );
  }
  if (total === 0) return [];
  return [dispatch(shader, {
    bindings: [source, destination],
    constants: { WORKGROUP_SIZE },
    uniforms: { length, rank: Math.max(x.shape.length, 1), total, shape: x.shape.length === 0 ? [1] : x.shape },
    aliases: { T: storageOf(x.dtype) },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  })];
}
