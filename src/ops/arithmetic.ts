/** Arithmetic of two operands, one row each. */
import { ModelError } from "../base/errors.ts";
import { type DType, isFloat, storageOf } from "../base/tensor.ts";
import { binaryOp, type BinaryRow, broadcast, legacyCases } from "./binary.ts";
import type { OpCase, OpDef, Tolerance } from "./op.ts";
import { isNumber } from "./words.ts";

const QUANTIZABLE = { kind: "inputs_quantizable" } as const;
const DIVISION: Tolerance = { relative: 1e-6, reason: "WGSL allows division 2.5 units in the last place" };

const pair = (a: DType, b: DType = a) => [{ dtype: a, shape: [70] }, { dtype: b, shape: [70] }] as const;
const INTEGER_CASES: readonly OpCase[] = (["int32", "int64", "int8", "uint8"] as const).map((dtype) => ({
  name: `${dtype}, narrow ones wrap around`,
  inputs: pair(dtype),
  range: [0, 120],
}));
const DIVISORS = { dtype: "int32", shape: [5], value: new Int32Array([1, -2, 3, -4, 5]) } as const;

const rows: readonly BinaryRow[] = [
  {
    type: "Add",
    wgsl: () => "a + b",
    takesVectors: true,
    value: (a, b) => a + b,
    takes: isNumber,
    quant: QUANTIZABLE,
    cases: [...INTEGER_CASES, ...legacyCases()],
  },
  {
    type: "Sub",
    wgsl: () => "a - b",
    takesVectors: true,
    value: (a, b) => a - b,
    takes: isNumber,
    quant: QUANTIZABLE,
    cases: [...INTEGER_CASES, ...legacyCases()],
  },
  {
    type: "Mul",
    wgsl: () => "a * b",
    takesVectors: true,
    value: (a, b, dtype) => storageOf(dtype) === "i32" && dtype !== "int64" ? Math.imul(a, b) : a * b,
    takes: isNumber,
    quant: QUANTIZABLE,
    cases: [...INTEGER_CASES, ...legacyCases()],
  },
  {
    type: "Div",
    wgsl: () => "a / b",
    takesVectors: true,
    value: (a, b, dtype) => isFloat(dtype) ? a / b : Math.trunc(a / b),
    takes: isNumber,
    quant: QUANTIZABLE,
    range: [0.5, 4],
    tolerance: DIVISION,
    cases: [
      { name: "int32", inputs: [{ dtype: "int32", shape: [7, 5] }, DIVISORS], range: [-100, 100] },
      {
        name: "uint8",
        inputs: [{ dtype: "uint8", shape: [70] }, { dtype: "uint8", shape: [1], value: new Uint8Array([7]) }],
        range: [0, 255],
      },
      ...legacyCases(),
    ],
  },
  {
    type: "Pow",
    mixed: true,
    wgsl: powerExpression,
    value: (a, b, dtype) => isFloat(dtype) ? a ** b : Math.trunc(a ** b),
    takes: isNumber,
    quant: { kind: "inputs_quantizable", inputs: [0] },
    range: [0.25, 3],
    tolerance: { relative: 2e-5, reason: "pow is exp2 of a product of log2, each rounded" },
    cases: [
      {
        name: "negative base, whole exponents",
        inputs: [{ dtype: "float32", shape: [70] }, {
          dtype: "float32",
          shape: [7, 1],
          value: new Float32Array([-2, -1, 0, 1, 2, 3, 0.5]),
        }],
        range: [0.25, 3],
      },
      {
        name: "squares of both signs",
        inputs: [{ dtype: "float32", shape: [70] }, { dtype: "float32", shape: [], value: new Float32Array([2]) }],
        range: [-4, 4],
      },
      {
        name: "cubes of both signs",
        inputs: [{ dtype: "float32", shape: [70] }, { dtype: "int64", shape: [], value: new Float64Array([3]) }],
        range: [-4, 4],
      },
      {
        name: "int32 to int32",
        inputs: [{ dtype: "int32", shape: [70] }, { dtype: "int32", shape: [], value: new Int32Array([3]) }],
        range: [-9, 9],
      },
      {
        name: "int32 to float32",
        inputs: [{ dtype: "int32", shape: [70] }, { dtype: "float32", shape: [], value: new Float32Array([2]) }],
        range: [-9, 9],
      },
      ...legacyCases(),
    ],
  },
  {
    type: "Mod",
    since: 10,
    variant: (raw) => raw.int("fmod", 0) === 1 ? "fmod" : "mod",
    wgsl: (a, _b, variant) => {
      if (isFloat(a)) return variant === "fmod" ? "truncated_remainder(a, b)" : "floored_remainder(a, b)";
      return variant === "fmod" || storageOf(a) === "u32" ? "a % b" : "(a % b + b) % b";
    },
    value: (a, b, _dtype, variant) => variant === "fmod" ? a % b : flooredRemainder(a, b),
    takes: isNumber,
    quant: { kind: "non_quantizable" },
    range: [0.5, 4],
    tolerance: { relative: 1e-5, absolute: 1e-5, reason: "the quotient is rounded before it is floored" },
    cases: [
      { name: "int32 takes the divisor's sign", inputs: [{ dtype: "int32", shape: [7, 5] }, DIVISORS], range: [-9, 9] },
      {
        name: "int32 fmod takes the dividend's sign",
        inputs: [{ dtype: "int32", shape: [7, 5] }, DIVISORS],
        attributes: { fmod: 1 },
        range: [-9, 9],
      },
      {
        name: "uint8",
        inputs: [{ dtype: "uint8", shape: [70] }, { dtype: "uint8", shape: [1], value: new Uint8Array([7]) }],
        range: [0, 255],
      },
      {
        name: "float, divisors without end",
        inputs: [{ dtype: "float32", shape: [3, 4] }, {
          dtype: "float32",
          shape: [4],
          value: new Float32Array([Infinity, -Infinity, 2.1, -3.4]),
        }],
        range: [-9, 9],
      },
      {
        name: "float fmod, divisors without end",
        inputs: [{ dtype: "float32", shape: [3, 2] }, {
          dtype: "float32",
          shape: [2],
          value: new Float32Array([Infinity, -Infinity]),
        }],
        range: [-9, 9],
        attributes: { fmod: 1 },
      },
      {
        name: "float fmod",
        inputs: [{ dtype: "float32", shape: [3, 4] }, {
          dtype: "float32",
          shape: [4],
          value: new Float32Array([2.1, -3.4, 8, 3]),
        }],
        range: [-9, 9],
        attributes: { fmod: 1 },
      },
    ],
  },
  {
    type: "PRelu",
    wgsl: () => "select(a, a * b, a < T(0))",
    value: (a, b) => a < 0 ? a * b : a,
    takes: isNumber,
    quant: { kind: "non_quantizable" },
    shapeOfB: slopeShape,
    cases: [
      {
        name: "opset 6 one slope per channel",
        inputs: [{ dtype: "float32", shape: [2, 3, 4] }, { dtype: "float32", shape: [3] }],
        opset: 6,
      },
    ],
  },
];

/** Whole exponents of integers are exact; a float exponent is one where it has no fraction. */
function powerExpression(base: DType, exponent: DType): string {
  if (isFloat(base)) return "power(a, f32(b))";
  if (!isFloat(exponent)) return "R(integer_power(i32(a), i32(b)))";
  return "select(R(power(f32(a), b)), R(integer_power(i32(a), i32(b))), floor(b) == b)";
}

/** PRelu's slope broadcasts to x alone; before opset 7 it has one value, or one per channel. */
function slopeShape(x: readonly number[], slope: readonly number[], { broadcast: mode }: { broadcast: unknown }) {
  const aligned = mode === "numpy" || slope.length !== 1 || slope[0] === 1
    ? slope
    : [...slope, ...new Array<number>(Math.max(0, x.length - 2)).fill(1)];
  if (broadcast(x, aligned).join() !== x.join()) {
    throw new ModelError(`Cannot broadcast slope [${slope}] to x [${x}]`);
  }
  return aligned;
}

/** The operators of the table. */
export const ARITHMETIC_OPERATORS: readonly OpDef[] = rows.map(binaryOp);

/** The remainder with the divisor's sign; a divisor without end leaves a dividend of its sign as it is. */
function flooredRemainder(a: number, b: number): number {
  if (Math.abs(b) === Infinity && Number.isFinite(a)) return a === 0 || (a < 0) === (b < 0) ? a : b;
  return a - b * Math.floor(a / b);
}
