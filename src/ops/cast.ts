import type { Lowering } from "../base/dispatch.ts";
import {
  allocate,
  type DType,
  elementCount,
  type HostTensor,
  isFloat,
  roundTo,
  storageOf,
  type TensorType,
} from "../base/tensor.ts";
import { dtypeOf } from "../onnx/tensor.ts";
import { defineOp, type OpCase } from "./op.ts";
import { lowerUnary } from "./unary.ts";
import { integerRange, wrapped } from "./words.ts";

/** Whether every value of type `from` is a value of type `to` and lies in memory alike. */
function keepsWords(from: DType, to: DType): boolean {
  if (storageOf(from) !== storageOf(to)) return false;
  if (isFloat(from)) return from === to || (to !== "float16" && to !== "bfloat16");
  const [fromLow, fromHigh] = integerRange(from);
  const [low, high] = integerRange(to);
  return low <= fromLow && fromHigh <= high;
}

/** WGSL expression in `x` that casts: truncation towards zero, then wraparound, as C and NumPy do. */
function castExpression(from: DType, to: DType): string {
  if (to === "float16") return "unpack2x16float(pack2x16float(vec2<f32>(f32(x), 0.0))).x";
  if (to === "bfloat16") return "round_to_bfloat16(f32(x))";
  if (isFloat(to)) return "f32(x)";
  if (to === "bool") {
    return isFloat(from) ? "select(0, 1, (bitcast<u32>(x) & 0x7fffffffu) != 0u)" : "select(0, 1, x != T(0))";
  }
  return storageOf(to) === "u32" ? "u32(x)" : wrapped("i32(x)", to);
}

function lowerCast(x: TensorType, y: TensorType): Lowering {
  return keepsWords(x.dtype, y.dtype)
    ? { dispatches: [], aliasOf: 0 }
    : lowerUnary(x, y, castExpression(x.dtype, y.dtype));
}

function castTensor(x: HostTensor, dtype: DType): HostTensor {
  const data = allocate(dtype, elementCount(x.shape));
  x.data.forEach((value, index) => data[index] = castValue(value, x.dtype, dtype));
  return { dtype, shape: x.shape, data };
}

/** The value to store: typed arrays wrap integers around by themselves, floats saturate at 32 bits first. */
function castValue(value: number, from: DType, to: DType): number {
  if (isFloat(to)) return roundTo(to, value);
  if (to === "bool") return value === 0 ? 0 : 1;
  if (!isFloat(from)) return value;
  const [low, high] = storageOf(to) === "u32" ? [0, 4294967295] : [-2147483648, 2147483647];
  const whole = Math.trunc(value);
  return to === "int64" ? whole : Math.min(high, Math.max(low, whole));
}

const typed = (dtype: DType, ...shape: number[]): TensorType => ({ dtype, shape });

const pairs: readonly [DType, DType][] = [
  ["float32", "int32"],
  ["float32", "int64"],
  ["float32", "uint8"],
  ["float32", "int8"],
  ["float32", "bool"],
  ["float32", "float16"],
  ["float32", "bfloat16"],
  ["float32", "float64"],
  ["int32", "float32"],
  ["int64", "float32"],
  ["int64", "int32"],
  ["int32", "int8"],
  ["int32", "uint8"],
  ["int32", "uint32"],
  ["uint8", "int8"],
  ["uint8", "float32"],
  ["uint32", "int32"],
  ["int32", "bool"],
  ["bool", "float32"],
  ["bool", "int64"],
  ["uint16", "int16"],
];
const NUMBERS: Partial<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
  bfloat16: 16,
};

/** ONNX Cast: floats are cut towards zero, integers wrap around. */
export const cast = defineOp<{ to: DType }>({
  type: "Cast",
  since: 6,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => {
    // Both are about float8, which is refused.
    raw.ignore("saturate", "round_mode");
    return { to: dtypeOf(raw.int("to", 0)) };
  },
  infer: ([x], { to }) => [{ dtype: to, shape: x!.shape }],
  lower: ([x], [y]) => lowerCast(x!, y!),
  reference: ([x], { to }) => [castTensor(x!, to)],
  cases: [
    ...pairs.map(([from, to]): OpCase => ({
      name: `${from} to ${to}`,
      inputs: [typed(from, 5, 13)],
      attributes: { to: NUMBERS[to] },
      range: to === "uint8" || to === "uint32" ? [0, 200] : [-100, 100],
    })),
    { name: "empty", inputs: [typed("float32", 0)], attributes: { to: 7 } },
  ],
});

/** ONNX CastLike: Cast to the type of the second operand. */
export const castLike = defineOp<null>({
  type: "CastLike",
  since: 15,
  quant: { kind: "agnostic" },
  attributes: (raw) => {
    // Both are about float8, which is refused.
    raw.ignore("saturate", "round_mode");
    return null;
  },
  infer: ([x, like]) => [{ dtype: like!.dtype, shape: x!.shape }],
  lower: ([x], [y]) => lowerCast(x!, y!),
  reference: ([x, like]) => [castTensor(x!, like!.dtype)],
  cases: [
    { name: "float32 like int32", inputs: [typed("float32", 70), typed("int32", 1)] },
    { name: "int64 like float32", inputs: [typed("int64", 70), typed("float32", 0)] },
  ],
});
