/** Comparisons, logic and bitwise operators of two operands, one row each. */
import { type DType, storageOf } from "../base/tensor.ts";
import { binaryOp, type BinaryRow } from "./binary.ts";
import type { OpDef } from "./op.ts";
import { isInteger, isNumber } from "./words.ts";

const isBool = (dtype: DType) => dtype === "bool";
const NON_QUANTIZABLE = { kind: "non_quantizable" } as const;
const pair = (dtype: DType) => [{ dtype, shape: [70] }, { dtype, shape: [70] }] as const;
const small = (dtype: DType) => ({ name: dtype, inputs: pair(dtype), range: [0, 3] }) as const;

function comparison(type: string, operator: string, value: (a: number, b: number) => boolean): BinaryRow {
  return {
    type,
    wgsl: () => `select(0, 1, a ${operator} b)`,
    value: (a, b) => Number(value(a, b)),
    takes: type === "Equal" ? () => true : isNumber,
    result: "bool",
    quant: { kind: "inputs_quantizable" },
    cases: [small("int32"), small("int64"), small("uint8"), ...(type === "Equal" ? [small("bool")] : [])],
  };
}

function logic(type: string, operator: string, value: (a: number, b: number) => number): BinaryRow {
  return {
    type,
    wgsl: () => `a ${operator} b`,
    value,
    takes: isBool,
    quant: NON_QUANTIZABLE,
    caseType: "bool",
  };
}

function bitwise(type: string, operator: string, value: (a: bigint, b: bigint) => bigint): BinaryRow {
  return {
    type,
    since: 18,
    wgsl: () => `a ${operator} b`,
    value: (a, b) => Number(value(BigInt(a), BigInt(b))),
    takes: isInteger,
    quant: NON_QUANTIZABLE,
    caseType: "int32",
    cases: (["int8", "uint8", "int16", "uint32"] as const).map((dtype) => ({ name: dtype, inputs: pair(dtype) })),
  };
}

const BITS = { int8: 8, uint8: 8, int16: 16, uint16: 16, int32: 32, uint32: 32, uint64: 32 } as const;
const canShift = (dtype: DType): dtype is keyof typeof BITS => dtype in BITS;

/** Shifts by a negative number or by all bits and more leave what sign extension alone gives. */
const shift: BinaryRow = {
  type: "BitShift",
  since: 11,
  variant: (raw) => raw.string("direction", "", ["LEFT", "RIGHT"]),
  wgsl: (a, _b, direction) => {
    const most = canShift(a) ? BITS[a] - 1 : 31;
    if (direction === "LEFT") return `select(a << (u32(b) & 31u), T(0), u32(b) > ${most}u)`;
    return storageOf(a) === "u32" ? "select(a >> (u32(b) & 31u), T(0), u32(b) > 31u)" : "a >> min(u32(b), 31u)";
  },
  value: (a, b, dtype, direction) => {
    const bits = canShift(dtype) ? BITS[dtype] : 32;
    if (b < 0 || b >= bits) return direction === "RIGHT" && a < 0 ? -1 : 0;
    return direction === "LEFT" ? a * 2 ** b : Math.floor(a / 2 ** b);
  },
  takes: canShift,
  quant: NON_QUANTIZABLE,
  caseType: "uint8",
  caseAttributes: { direction: "LEFT" },
  range: [0, 7],
  cases: [
    ...(["uint8", "uint16", "uint32"] as const).map((dtype) => ({
      name: `${dtype} to the right`,
      inputs: pair(dtype),
      attributes: { direction: "RIGHT" },
    })),
    ...(["int8", "int16", "int32"] as const).flatMap((dtype) =>
      ["LEFT", "RIGHT"].map((direction) => ({
        name: `${dtype}, ${direction}, shifts below none and over all bits`,
        inputs: pair(dtype),
        attributes: { direction },
        range: [-40, 40] as const,
      }))
    ),
  ],
};

const rows: readonly BinaryRow[] = [
  comparison("Equal", "==", (a, b) => a === b),
  comparison("Greater", ">", (a, b) => a > b),
  { ...comparison("GreaterOrEqual", ">=", (a, b) => a >= b), since: 12 },
  comparison("Less", "<", (a, b) => a < b),
  { ...comparison("LessOrEqual", "<=", (a, b) => a <= b), since: 12 },
  logic("And", "&", (a, b) => a & b),
  logic("Or", "|", (a, b) => a | b),
  logic("Xor", "^", (a, b) => a ^ b),
  bitwise("BitwiseAnd", "&", (a, b) => a & b),
  bitwise("BitwiseOr", "|", (a, b) => a | b),
  bitwise("BitwiseXor", "^", (a, b) => a ^ b),
];

/** The operators of the table. */
export const COMPARISON_OPERATORS: readonly OpDef[] = [...rows, shift].map(binaryOp);
