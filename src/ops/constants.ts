/** Operators whose results are known before anything runs: literals, and tensors filled by rule. */
import { ModelError } from "../base/errors.ts";
import {
  allocate,
  type DType,
  elementCount,
  type HostTensor,
  hostTensor,
  knownType,
  type TensorType,
} from "../base/tensor.ts";
import type { AttributeReader } from "../graph/attributes.ts";
import { dtypeOf } from "../onnx/tensor.ts";
import { constantI64, f32, i64 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { checkFilled } from "./host_size.ts";
import { defineOp } from "./op.ts";

/** ONNX Constant: the value is an attribute in one of its spellings. */
export const constant = defineOp<HostTensor>({
  type: "Constant",
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: literal,
  infer: (_inputs, tensor) => [knownType(tensor)],
  lower: () => ({ dispatches: [] }),
  reference: (_inputs, tensor) => [tensor],
  cases: [
    { name: "value", inputs: [], attributes: { value: hostTensor("int64", [2], [3, -1]) } },
    { name: "value_floats", inputs: [], attributes: { value_floats: [0.5, 1.5] } },
    { name: "value_int", inputs: [], attributes: { value_int: 7 } },
    { name: "value_ints", inputs: [], attributes: { value_ints: [1, 2, 3] } },
  ],
});

function literal(raw: AttributeReader): HostTensor {
  const tensor = raw.tensor("value");
  if (tensor) return tensor;
  if (raw.has("value_float")) return hostTensor("float32", [], [raw.float("value_float", 0)]);
  if (raw.has("value_int")) return hostTensor("int64", [], [raw.int("value_int", 0)]);
  const floats = raw.numbers("value_floats");
  if (floats) return hostTensor("float32", [floats.length], floats);
  const integers = raw.numbers("value_ints");
  if (integers) return hostTensor("int64", [integers.length], integers);
  throw new ModelError(
    `Cannot read constant: found ${raw.unread.join(", ") || "no attribute"}, expected a tensor or numbers`,
  );
}

/** ONNX ConstantOfShape: one value all over; the shape must be known. */
export const constantOfShape = defineOp<HostTensor>({
  type: "ConstantOfShape",
  since: 9,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => raw.tensor("value") ?? hostTensor("float32", [1], [0]),
  infer: ([shape], value) => [knownType(filled(constantOf(shape!, "input"), value))],
  lower: () => ({ dispatches: [] }),
  reference: ([shape], value) => [filled(Array.from(shape!.data), value)],
  cases: [
    { name: "zeros", inputs: [constantI64([3, 5])] },
    { name: "int64 ones", inputs: [constantI64([7])], attributes: { value: hostTensor("int64", [1], [1]) } },
    { name: "rank 0", inputs: [constantI64([])] },
    { name: "empty", inputs: [constantI64([2, 0])] },
  ],
});

function filled(shape: readonly number[], value: HostTensor): HostTensor {
  if (value.data.length !== 1) {
    throw new ModelError(`Cannot fill tensor: found ${value.data.length} values, expected 1`);
  }
  checkFilled(shape);
  return { dtype: value.dtype, shape, data: allocate(value.dtype, elementCount(shape)).fill(value.data[0]!) };
}

/** ONNX EyeLike: ones on a diagonal; `dtype` 0 keeps the operand's type. */
export const eyeLike = defineOp<{ diagonal: number; dtype: DType | undefined }>({
  type: "EyeLike",
  since: 9,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({
    diagonal: raw.int("k", 0),
    dtype: raw.has("dtype") ? dtypeOf(raw.int("dtype", 0)) : undefined,
  }),
  infer: ([x], { diagonal, dtype }) => [knownType(eye(x!, diagonal, dtype))],
  lower: () => ({ dispatches: [] }),
  reference: ([x], { diagonal, dtype }) => [eye(x!, diagonal, dtype)],
  cases: [
    { name: "square", inputs: [f32(4, 4)] },
    { name: "above the main diagonal", inputs: [f32(3, 5)], attributes: { k: 2 } },
    { name: "below the main diagonal, as int64", inputs: [f32(5, 3)], attributes: { k: -1, dtype: 7 } },
    { name: "of int64", inputs: [i64(2, 3)] },
  ],
});

function eye(like: Pick<TensorType, "dtype" | "shape">, diagonal: number, dtype = like.dtype): HostTensor {
  const { shape } = like;
  const [rows, columns] = shape;
  if (rows === undefined || columns === undefined || shape.length !== 2) {
    throw new ModelError(`Cannot make unit matrix: found rank ${shape.length}, expected 2`);
  }
  checkFilled(shape);
  const data = allocate(dtype, rows * columns);
  for (let row = 0; row < rows; row++) {
    const column = row + diagonal;
    if (column >= 0 && column < columns) data[row * columns + column] = 1;
  }
  return { dtype, shape, data };
}

/** ONNX Range: `start`, `start + delta`, … below (or above) `limit`; all three must be known. */
export const range = defineOp<null>({
  type: "Range",
  since: 11,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => {
    // The precision of the sums, which are made in double precision here.
    raw.ignore("stash_type");
    return null;
  },
  infer: (inputs) => [knownType(progression(inputs))],
  lower: () => ({ dispatches: [] }),
  reference: (inputs) => [progression(knownOperands(inputs))],
  cases: [
    { name: "int64 up", inputs: [constantI64([2], []), constantI64([12], []), constantI64([3], [])] },
    { name: "int64 down", inputs: [constantI64([5], []), constantI64([-4], []), constantI64([-2], [])] },
    { name: "empty", inputs: [constantI64([5], []), constantI64([5], []), constantI64([1], [])] },
    {
      name: "float32",
      inputs: [1, 4, 0.5].map((value) => knownType(hostTensor("float32", [], [value]))),
    },
  ],
});

function progression([start, limit, delta]: readonly (TensorType | undefined)[]): HostTensor {
  const [from] = constantOf(start!, "start");
  const [to] = constantOf(limit!, "limit");
  const [step] = constantOf(delta!, "delta");
  if (from === undefined || to === undefined || step === undefined || step === 0) {
    throw new ModelError(`Cannot make range from ${from} to ${to} in steps of ${step}`);
  }
  const length = Math.max(0, Math.ceil((to - from) / step));
  checkFilled([length]);
  return hostTensor(start!.dtype, [length], Array.from({ length }, (_, index) => from + index * step));
}
