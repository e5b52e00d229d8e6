/** The Reduce operators, one row each. */
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import {
  type DType,
  elementCount,
  hostTensor,
  isFloat,
  type Storage,
  storageOf,
  type TensorType,
} from "../base/tensor.ts";
import type { AttributeReader } from "../graph/attributes.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantOf, knownOperands } from "./constant_operand.ts";
import { defineOp, type NodeSignature, type OpCase, type OpDef, type QuantTrait, type Tolerance } from "./op.ts";
import { floatSum, type Fold, foldPasses, groupElements, reducedShape } from "./reduction.ts";
import { isInteger, isNumber } from "./words.ts";

/** Axes to reduce, as far as attributes tell. */
export interface ReduceAttributes {
  /** undefined where they are an input, or all. */
  readonly axes: readonly number[] | undefined;
  readonly keepsDims: boolean;
  /** Whether no axes means none rather than all. */
  readonly isNoopWithoutAxes: boolean;
}

interface ReduceRow {
  readonly type: string;
  /** Opset from which the axes are an input. */
  readonly axesAreInputSince: 13 | 18;
  readonly fold: (storage: Storage, dtype: DType) => Fold;
  /** Value of the empty fold where the kernel needs to be told: infinities cannot be written in WGSL. */
  readonly alpha?: number;
  /** WGSL expression in the state `a` and `params.count`. */
  readonly finish: (storage: Storage) => string;
  readonly value: (values: readonly number[], dtype: DType) => number;
  readonly takes: (dtype: DType) => boolean;
  readonly quant?: QuantTrait;
  readonly tolerance?: Tolerance;
  readonly range?: readonly [number, number];
}

const ROUNDING: Tolerance = { relative: 1e-5, absolute: 1e-5, reason: "the order of additions is open" };
const isWide = (dtype: DType) => isFloat(dtype) || /^u?int(32|64)$/.test(dtype);
const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

function sum(enter: string): ReduceRow["fold"] {
  return (storage) => storage === "f32" ? floatSum(enter) : folding(storage, { enter, initial: "A(0)", operator: "+" });
}

function folding(
  storage: Storage,
  { enter, initial, operator }: { readonly enter: string; readonly initial: string; readonly operator: "+" | "*" },
): Fold {
  return { state: `alias A = ${storage};`, words: 1, initial, enter, combine: `return a ${operator} b;` };
}

function extreme(operator: "max" | "min", isMax: boolean): ReduceRow["fold"] {
  return (storage, dtype) => ({
    state: `alias A = ${storage};`,
    words: 1,
    initial: storage === "f32" ? "params.alpha" : extremeInteger(dtype, isMax),
    enter: "x",
    combine: `return ${operator}(a, b);`,
  });
}

function extremeInteger(dtype: DType, isMax: boolean): string {
  if (storageOf(dtype) === "u32") return isMax ? "0u" : "4294967295u";
  return isMax ? "i32(-2147483648)" : "2147483647";
}

/** Running maximum and the sum of exponentials relative to it, so that nothing overflows. */
export const LOG_SUM_EXP: Fold = {
  state: "alias A = vec2<f32>;",
  words: 2,
  initial: "A(-3.4028234e38, 0.0)",
  enter: "A(x, 1.0)",
  combine: "let top = max(a.x, b.x); return A(top, a.y * exp(a.x - top) + b.y * exp(b.x - top));",
  accumulate: "let e = exp(-abs(x - a.x)); return select(A(a.x, a.y + e), A(x, a.y * e + 1.0), x > a.x);",
};

const plain = () => "a";
const total = { axesAreInputSince: 18, finish: plain, takes: isWide, tolerance: ROUNDING } as const;

const rows: readonly ReduceRow[] = [
  { ...total, type: "ReduceSum", axesAreInputSince: 13, fold: sum("x"), value: sumOf },
  {
    ...total,
    type: "ReduceMean",
    fold: sum("x"),
    finish: (storage) => storage === "f32" ? "a / params.count" : `${storage}(f32(a) / params.count)`,
    value: (values, dtype) =>
      isFloat(dtype) ? sumOf(values) / values.length : Math.trunc(sumOf(values) / values.length),
    quant: { kind: "inputs_quantizable", inputs: [0] },
  },
  {
    ...total,
    type: "ReduceProd",
    fold: (storage) => folding(storage, { enter: "x", initial: "A(1)", operator: "*" }),
    value: (values) => values.reduce((product, value) => product * value, 1),
    range: [0.5, 1.5],
  },
  { ...total, type: "ReduceL1", fold: sum("abs(x)"), value: (values) => sumOf(values.map(Math.abs)) },
  {
    ...total,
    type: "ReduceL2",
    fold: sum("x * x"),
    finish: () => "sqrt(a)",
    takes: isFloat,
    value: (values) => Math.sqrt(sumOf(values.map((value) => value * value))),
  },
  {
    ...total,
    type: "ReduceSumSquare",
    fold: sum("x * x"),
    value: (values) => sumOf(values.map((value) => value * value)),
  },
  {
    ...total,
    type: "ReduceLogSum",
    fold: sum("x"),
    finish: () => "log(a)",
    takes: isFloat,
    value: (values) => Math.log(sumOf(values)),
    range: [0.1, 4],
  },
  {
    ...total,
    type: "ReduceLogSumExp",
    fold: () => LOG_SUM_EXP,
    finish: () => "a.x + log(a.y)",
    takes: isFloat,
    value: (values) => {
      const top = values.reduce((most, value) => Math.max(most, value), -Number.MAX_VALUE);
      return top + Math.log(sumOf(values.map((value) => Math.exp(value - top))));
    },
  },
  {
    type: "ReduceMax",
    axesAreInputSince: 18,
    fold: extreme("max", true),
    alpha: -Infinity,
    finish: plain,
    value: (values) => values.reduce((most, value) => Math.max(most, value), -Infinity),
    takes: (dtype) => isNumber(dtype) || dtype === "bool",
    quant: { kind: "agnostic" },
  },
  {
    type: "ReduceMin",
    axesAreInputSince: 18,
    fold: extreme("min", false),
    alpha: Infinity,
    finish: plain,
    value: (values) => values.reduce((least, value) => Math.min(least, value), Infinity),
    takes: (dtype) => isNumber(dtype) || dtype === "bool",
  },
];

function reduceOp(row: ReduceRow): OpDef {
  return defineOp<ReduceAttributes>({
    type: row.type,
    since: 1,
    quant: row.quant ?? { kind: "non_quantizable" },
    attributes: (raw, node) => reduceAttributes(raw, node, row.axesAreInputSince),
    infer: ([x, axes], attributes) => {
      if (!row.takes(x!.dtype)) throw new UnsupportedError(`Cannot use element type ${x!.dtype} in ${row.type}`);
      const reduced = reducedAxes(x!, axes, attributes);
      return [{ dtype: x!.dtype, shape: reducedShape(x!.shape, reduced ?? [], attributes.keepsDims) }];
    },
    lower: ([x, axes], _outputs, attributes) => {
      const reduced = reducedAxes(x!, axes, attributes);
      if (!reduced) return { dispatches: [], aliasOf: 0 };
      const storage = storageOf(x!.dtype);
      return foldPasses(
        { slot: "x0", storage, shape: x!.shape, axes: reduced, alpha: row.alpha ?? 0 },
        row.fold(storage, x!.dtype),
        { slot: "y0", storage, expression: row.finish(storage) },
      );
    },
    reference: ([x, axes], attributes) => {
      const reduced = reducedAxes(x!, knownOperands([axes])[0], attributes);
      if (!reduced) return [x!];
      const values = groupElements(x!, reduced).map((group) => row.value(group, x!.dtype));
      return [hostTensor(x!.dtype, reducedShape(x!.shape, reduced, attributes.keepsDims), values)];
    },
    cases: casesOf(row),
  });
}

function reduceAttributes(raw: AttributeReader, { opset }: NodeSignature, axesAreInputSince: number): ReduceAttributes {
  return {
    axes: opset < axesAreInputSince ? raw.numbers("axes") : undefined,
    keepsDims: raw.int("keepdims", 1) === 1,
    isNoopWithoutAxes: opset >= axesAreInputSince && raw.int("noop_with_empty_axes", 0) === 1,
  };
}

/** Axes to reduce, ascending; undefined where the operator changes nothing. */
function reducedAxes(
  { shape }: Pick<TensorType, "shape">,
  operand: TensorType | undefined,
  { axes, isNoopWithoutAxes }: ReduceAttributes,
): number[] | undefined {
  const given = axes ?? (operand ? constantOf(operand, "axes") : []);
  if (given.length === 0) return isNoopWithoutAxes ? undefined : shape.map((_, axis) => axis);
  return ascendingAxes(given, shape.length);
}

/** Axes counted from the front, in order; throws ModelError where one is named twice or does not exist. */
export function ascendingAxes(axes: readonly number[], rank: number): number[] {
  const result = axes.map((axis) => normalizeAxis(axis, rank)).sort((a, b) => a - b);
  if (new Set(result).size < result.length) throw new ModelError(`Cannot reduce axes [${axes}]: one is named twice`);
  return result;
}

function casesOf(row: ReduceRow): OpCase[] {
  const shared = {
    ...(row.range ? { range: row.range } : {}),
    ...(row.tolerance ? { tolerance: row.tolerance } : {}),
  };
  const asInput = (name: string, shape: readonly number[], axes: readonly number[], keepdims = 1): OpCase => ({
    ...shared,
    name,
    inputs: [f32(...shape), constantI64(axes)],
    attributes: { keepdims },
  });
  const integers: OpCase[] = isInteger("int32") && row.takes("int32")
    ? [{ name: "int32", inputs: [{ dtype: "int32", shape: [5, 7] }, constantI64([1])], range: [1, 6] }]
    : [];
  return [
    { ...shared, name: "all axes", inputs: [f32(3, 5, 7)] },
    asInput("last axis", [3, 65], [-1]),
    asInput("first axis", [7, 65], [0], 0),
    asInput("outer and inner", [3, 5, 7], [0, 2]),
    asInput("spatial", [2, 3, 9, 9], [2, 3], 0),
    asInput("interleaved", [2, 3, 4, 3, 2], [-4, 3]),
    asInput("long", [2, 70001], [1]),
    asInput("extent 1", [3, 1, 5], [1]),
    asInput("rank 0", [], []),
    { ...shared, name: "no axes, noop", inputs: [f32(3, 5)], attributes: { noop_with_empty_axes: 1 } },
    { ...shared, name: "axes attribute", inputs: [f32(3, 5, 7)], attributes: { axes: [1] }, opset: 11 },
    ...(row.type === "ReduceMean" ? [] : [asInput("nothing to reduce", [2, 0, 3], [1])]),
    asInput("empty", [0, 3], [1]),
    ...integers,
  ].filter((one) => row.type !== "ReduceProd" || one.name !== "long").map((one) =>
    elementCount(one.inputs[0]!.shape) > 60000 && row.tolerance
      ? { ...one, tolerance: { relative: 1e-4, absolute: 1e-2, reason: "the order of many additions is open" } }
      : one
  );
}

/** The operators of the table. */
export const REDUCE_OPERATORS: readonly OpDef[] = rows.map(reduceOp);
