/** Max, Min, Sum and Mean of any number of operands: a chain of binary passes. */
import type { Dispatch, Slot } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { type DType, elementCount, isFloat } from "../base/tensor.ts";
import { binaryDispatch, broadcast, combineTensors, type Operand } from "./binary.ts";
import { defineOp, type OpCase, type OpDef, type QuantTrait } from "./op.ts";
import { isNumber, wrapped } from "./words.ts";

interface VariadicRow {
  readonly type: string;
  /** WGSL expressions in `a` and `b`: for all passes but the last, and for the last, where `params.alpha` is 1 / count. */
  readonly wgsl: string;
  readonly last?: string;
  readonly value: (a: number, b: number) => number;
  readonly takes: (dtype: DType) => boolean;
  readonly quant: QuantTrait;
}

const rows: readonly VariadicRow[] = [
  { type: "Max", wgsl: "max(a, b)", value: Math.max, takes: isNumber, quant: { kind: "agnostic" } },
  { type: "Min", wgsl: "min(a, b)", value: Math.min, takes: isNumber, quant: { kind: "agnostic" } },
  { type: "Sum", wgsl: "a + b", value: (a, b) => a + b, takes: isFloat, quant: { kind: "inputs_quantizable" } },
  {
    type: "Mean",
    wgsl: "a + b",
    last: "(a + b) * params.alpha",
    value: (a, b) => a + b,
    takes: isFloat,
    quant: { kind: "non_quantizable" },
  },
];

function variadicOp(row: VariadicRow): OpDef {
  return defineOp<null>({
    type: row.type,
    since: 1,
    isVariadic: true,
    quant: row.quant,
    attributes: (raw) => {
      raw.ignore("consumed_inputs");
      return null;
    },
    infer: (inputs) => {
      const [first] = inputs;
      if (!first) throw new ModelError(`Cannot compute ${row.type}: found no inputs, expected at least 1`);
      if (!row.takes(first.dtype)) throw new UnsupportedError(`Cannot use element type ${first.dtype} in ${row.type}`);
      const present = inputs.flatMap((one) => one ?? []);
      if (present.length < inputs.length) {
        throw new ModelError(`Cannot compute ${row.type}: one of its inputs is absent`);
      }
      const other = present.find((one) => one.dtype !== first.dtype);
      if (other) throw new ModelError(`Cannot combine ${first.dtype} with ${other.dtype}, expected one element type`);
      return [{ dtype: first.dtype, shape: broadcast(...present.map((one) => one.shape)) }];
    },
    lower: (inputs, [y]) => {
      if (inputs.length === 1) return { dispatches: [], aliasOf: 0 };
      const { dtype, shape } = y!;
      const operands = inputs.map((one, index): Operand => ({ slot: `x${index}`, dtype, shape: one!.shape }));
      const dispatches: Dispatch[] = [];
      let total = operands[0]!;
      for (let index = 1; index < operands.length; index++) {
        const isLast = index === operands.length - 1;
        const slot: Slot = isLast ? "y0" : `t${index - 1}`;
        const expression = wrapped(isLast ? row.last ?? row.wgsl : row.wgsl, dtype);
        const result: Operand = { slot, dtype, shape };
        dispatches.push(
          binaryDispatch({ a: total, b: operands[index]!, y: result, expression, alpha: 1 / operands.length }),
        );
        total = result;
      }
      return { dispatches, temporaries: new Array<number>(operands.length - 2).fill(elementCount(shape)) };
    },
    reference: (inputs) => {
      const { dtype } = inputs[0]!;
      const exact: DType = isFloat(dtype) ? "float64" : dtype;
      let total = { ...inputs[0]! };
      for (const one of inputs.slice(1)) total = combineTensors(total, one!, exact, row.value);
      const scale = row.type === "Mean" ? 1 / inputs.length : 1;
      return [combineTensors(total, { dtype, shape: [], data: new Float32Array(1) }, dtype, (a) => a * scale)];
    },
    cases: casesOf(row),
  });
}

function casesOf(row: VariadicRow): OpCase[] {
  const of = (dtype: DType, ...shapes: number[][]) => shapes.map((shape) => ({ dtype, shape }));
  const rounding = row.type === "Sum" || row.type === "Mean"
    ? { tolerance: { relative: 1e-6, absolute: 1e-6, reason: "each addition rounds" } }
    : {};
  const cases: OpCase[] = [
    { name: "one operand", inputs: of("float32", [3, 65]) },
    { name: "two operands", inputs: of("float32", [3, 65], [3, 65]), ...rounding },
    { name: "broadcasting both ways", inputs: of("float32", [3, 1, 5], [4, 1]), ...rounding },
    { name: "four operands, the last the largest", inputs: of("float32", [5], [1], [], [2, 3, 5]), ...rounding },
    { name: "empty", inputs: of("float32", [0, 2], [0, 2]) },
  ];
  const integers = (["int32", "int64", "uint8", "int8"] as const).map((dtype) => ({
    name: dtype,
    inputs: of(dtype, [65], [65], [65]),
  }));
  return row.takes("int32") ? [...cases, ...integers] : cases;
}

/** The operators of the table. */
export const VARIADIC_OPERATORS: readonly OpDef[] = rows.map(variadicOp);
