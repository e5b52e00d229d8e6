/** Arithmetic, trigonometric, logical and bitwise functions of one operand, one row each. */
import { allocate, type DType, elementCount, storageOf } from "../base/tensor.ts";
import { UnsupportedError } from "../base/errors.ts";
import { errorFunction } from "./error_function.ts";
import { defineOp, type OpDef, type Tolerance } from "./op.ts";
import { lowerUnary, unaryOp, type UnaryRow } from "./unary.ts";
import { isInteger, isNumber, roundHalfToEven, wrapped } from "./words.ts";

const TRANSCENDENTAL: Tolerance = {
  relative: 2e-5,
  absolute: 2e-6,
  reason: "WGSL leaves several units in the last place to the implementation",
};
const DIVISION: Tolerance = { relative: 1e-6, reason: "WGSL allows division and sqrt 2.5 units in the last place" };
const INTEGER_CASES = [
  { name: "int32", inputs: [{ dtype: "int32", shape: [70] }] },
  { name: "int8", inputs: [{ dtype: "int8", shape: [300] }] },
] as const;

function isSigned(dtype: DType): boolean {
  return isNumber(dtype) && storageOf(dtype) !== "u32";
}

const rows: readonly UnaryRow[] = [
  { type: "Abs", wgsl: "abs(x)", value: Math.abs, takes: isNumber, cases: INTEGER_CASES },
  { type: "Neg", wgsl: "-x", value: (x) => -x, takes: isSigned, cases: INTEGER_CASES },
  { type: "Sign", since: 9, wgsl: "sign(x)", value: Math.sign, takes: isSigned, cases: INTEGER_CASES },
  { type: "Floor", wgsl: "floor(x)", value: Math.floor },
  { type: "Ceil", wgsl: "ceil(x)", value: Math.ceil },
  { type: "Round", since: 11, wgsl: "round(x)", value: roundHalfToEven },
  { type: "Sqrt", wgsl: "sqrt(x)", value: Math.sqrt, range: [0, 9], tolerance: DIVISION },
  { type: "Reciprocal", wgsl: "1.0 / x", value: (x) => 1 / x, range: [0.1, 4], tolerance: DIVISION },
  { type: "Exp", wgsl: "exp(x)", value: Math.exp, tolerance: TRANSCENDENTAL },
  { type: "Log", wgsl: "log(x)", value: Math.log, range: [0.01, 9], tolerance: TRANSCENDENTAL },
  { type: "Erf", since: 9, wgsl: "erf(x)", value: errorFunction, tolerance: TRANSCENDENTAL },
  { type: "Sin", since: 7, wgsl: "sin(x)", value: Math.sin, range: [-3, 3], tolerance: TRANSCENDENTAL },
  { type: "Cos", since: 7, wgsl: "cos(x)", value: Math.cos, range: [-3, 3], tolerance: TRANSCENDENTAL },
  { type: "Tan", since: 7, wgsl: "tan(x)", value: Math.tan, range: [-1.4, 1.4], tolerance: TRANSCENDENTAL },
  { type: "Asin", since: 7, wgsl: "inverse_sine(x)", value: Math.asin, range: [-1, 1], tolerance: TRANSCENDENTAL },
  { type: "Acos", since: 7, wgsl: "inverse_cosine(x)", value: Math.acos, range: [-1, 1], tolerance: TRANSCENDENTAL },
  { type: "Atan", since: 7, wgsl: "inverse_tangent(x)", value: Math.atan, tolerance: TRANSCENDENTAL },
  { type: "Sinh", since: 9, wgsl: "hyperbolic_sine(x)", value: Math.sinh, tolerance: TRANSCENDENTAL },
  { type: "Cosh", since: 9, wgsl: "cosh(x)", value: Math.cosh, tolerance: TRANSCENDENTAL },
  { type: "Asinh", since: 9, wgsl: "inverse_hyperbolic_sine(x)", value: Math.asinh, tolerance: TRANSCENDENTAL },
  {
    type: "Acosh",
    since: 9,
    wgsl: "inverse_hyperbolic_cosine(x)",
    value: Math.acosh,
    range: [1, 9],
    tolerance: TRANSCENDENTAL,
  },
  {
    type: "Atanh",
    since: 9,
    wgsl: "inverse_hyperbolic_tangent(x)",
    value: Math.atanh,
    range: [-0.95, 0.95],
    tolerance: TRANSCENDENTAL,
  },
  {
    type: "Not",
    wgsl: "1 - x",
    value: (x) => 1 - x,
    takes: (dtype) => dtype === "bool",
  },
  { type: "IsNaN", since: 9, wgsl: "select(0, 1, is_nan(x))", value: (x) => Number(Number.isNaN(x)), result: "bool" },
  {
    type: "IsInf",
    since: 10,
    wgsl: "select(0, 1, is_inf(x) && ((x > 0.0 && params.beta == 1.0) || (x < 0.0 && params.alpha == 1.0)))",
    value: (x, { alpha, beta }) => Number((x === Infinity && beta === 1) || (x === -Infinity && alpha === 1)),
    result: "bool",
    attributes: (raw) => ({ alpha: raw.int("detect_negative", 1), beta: raw.int("detect_positive", 1) }),
    cases: [
      {
        name: "positive only",
        inputs: [{ dtype: "float32", shape: [3], value: new Float32Array([-Infinity, 1, Infinity]) }],
        attributes: { detect_negative: 0 },
      },
      {
        name: "negative only",
        inputs: [{ dtype: "float32", shape: [3], value: new Float32Array([-Infinity, 1, Infinity]) }],
        attributes: { detect_positive: 0 },
      },
    ],
  },
];

/** ONNX BitwiseNot. */
const bitwiseNot = defineOp<null>({
  type: "BitwiseNot",
  since: 18,
  quant: { kind: "non_quantizable" },
  attributes: () => null,
  infer: ([x]) => {
    if (!isInteger(x!.dtype) || x!.dtype === "uint64") {
      throw new UnsupportedError(`Cannot use element type ${x!.dtype} in BitwiseNot`);
    }
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x], [y]) => lowerUnary(x!, y!, wrapped("~x", y!.dtype)),
  reference: ([x]) => {
    const data = allocate(x!.dtype, elementCount(x!.shape));
    x!.data.forEach((value, index) => data[index] = -1 - value);
    return [{ ...x!, data }];
  },
  cases: (["int32", "uint8", "int16", "uint32"] as const satisfies readonly DType[]).map((dtype) => ({
    name: dtype,
    inputs: [{ dtype, shape: [65] }],
  })),
});

/** The operators of the table. */
export const MATH_OPERATORS: readonly OpDef[] = [...rows.map(unaryOp), bitwiseNot];
