/** ONNX GlobalAveragePool, GlobalMaxPool and GlobalLpPool. */
import code from "../../shaders/global_pool.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Lowering, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { allocate, elementCount, formatShape, type HostTensor, isFloat, type TensorType } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { defineOp, type OpCase, type OpDef, type QuantTrait, type Tolerance } from "./op.ts";
import type { AttributeReader } from "../graph/attributes.ts";

const shader: Shader<
  "WORKGROUP_SIZE",
  "rows" | "row_stride" | "step" | "count" | "span" | "length" | "whole" | "power"
> = {
  name: "global_pool",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["rows", "row_stride", "step", "count", "span", "length", "whole", "power"],
  epilogue: true,
};

/** Elements that one invocation reduces; longer planes are reduced in two steps. */
const SPAN = 1024;

interface GlobalPool {
  readonly type: string;
  readonly quant: QuantTrait;
  readonly power: (raw: AttributeReader) => number;
  /** WGSL of one element `v`, of two partial results `a` and `b`, and of the result `v`. */
  readonly term: (power: number) => string;
  readonly combine: string;
  readonly result: (power: number) => string;
  readonly value: (elements: ArrayLike<number>, power: number) => number;
  readonly tolerance?: Tolerance;
  readonly cases: readonly OpCase[];
}

function planeOf(x: TensorType): number {
  if (x.shape.length < 2) {
    throw new ModelError(`Cannot pool over ${formatShape(x.shape)}: expected batch, channels and spatial axes`);
  }
  if (!isFloat(x.dtype)) {
    throw new UnsupportedError(`Cannot pool: element type is ${x.dtype}, expected a float type`);
  }
  const plane = elementCount(x.shape.slice(2));
  if (plane === 0) throw new ModelError(`Cannot pool over ${formatShape(x.shape)}: a plane has no elements`);
  return plane;
}

function lower(pool: GlobalPool, x: TensorType, power: number): Lowering {
  const plane = planeOf(x);
  const rows = x.shape[0]! * x.shape[1]!;
  const spans = Math.ceil(plane / SPAN);
  const combine = `fn combine(a: f32, b: f32) -> f32 { return ${pool.combine}; }`;
  const term = `fn term(v: f32) -> f32 { return ${pool.term(power)}; }`;
  const result = `fn result(v: f32) -> f32 { return ${pool.result(power)}; }`;
  const common = { rows, whole: plane, power };
  const elements = { ...common, row_stride: plane, step: 1, count: plane };
  const reduce = (
    bindings: Dispatch["bindings"],
    uniforms: typeof elements,
    span: number,
    functions: readonly string[],
  ): Dispatch => {
    const length = rows * Math.ceil(uniforms.count / span);
    return dispatch(shader, {
      bindings,
      constants: { WORKGROUP_SIZE },
      uniforms: { ...uniforms, span, length },
      functions: functions.join("\n"),
      workgroups: linearGrid(length, WORKGROUP_SIZE),
    });
  };
  if (spans === 1) return { dispatches: [reduce(["x0", "y0"], elements, plane, [term, combine, result])] };
  const same = (name: string) => `fn ${name}(v: f32) -> f32 { return v; }`;
  const partial = { ...common, row_stride: 1, step: rows, count: spans };
  return {
    dispatches: [
      reduce(["x0", "t0"], elements, SPAN, [term, combine, same("result")]),
      reduce(["t0", "y0"], partial, spans, [same("term"), combine, result]),
    ],
    temporaries: [rows * spans],
  };
}

function reference(pool: GlobalPool, x: HostTensor, power: number): HostTensor {
  const plane = planeOf(x);
  const rows = x.shape[0]! * x.shape[1]!;
  const data = allocate(x.dtype, rows);
  for (let row = 0; row < rows; row++) {
    data[row] = pool.value(x.data.subarray(row * plane, (row + 1) * plane), power);
  }
  return { dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)], data };
}

function sumOf(elements: ArrayLike<number>, term: (element: number) => number): number {
  let sum = 0;
  for (let place = 0; place < elements.length; place++) sum += term(elements[place]!);
  return sum;
}

const CASES: readonly OpCase[] = [
  { name: "7x7", inputs: [f32(2, 5, 7, 7)] },
  { name: "one position", inputs: [f32(2, 65, 1, 1)] },
  { name: "one past a span", inputs: [f32(2, 3, 25, 41)] },
  { name: "several spans", inputs: [f32(1, 2, 50, 50)] },
  { name: "1-D", inputs: [f32(2, 3, 17)] },
  { name: "3-D", inputs: [f32(2, 3, 3, 4, 5)] },
  { name: "without spatial axes", inputs: [f32(2, 3)] },
  { name: "empty batch", inputs: [f32(0, 3, 4, 4)] },
  { name: "opset 1", inputs: [f32(1, 2, 4, 4)], opset: 1 },
];

const SUMMED: Tolerance = {
  relative: 1e-5,
  absolute: 1e-5,
  reason: "up to 2,500 terms summed in single precision in another order",
};

const POOLS: readonly GlobalPool[] = [
  {
    type: "GlobalAveragePool",
    quant: { kind: "inputs_quantizable" },
    power: () => 1,
    term: () => "v",
    combine: "a + b",
    result: () => "v / params.whole",
    value: (elements) => sumOf(elements, (element) => element) / elements.length,
    tolerance: SUMMED,
    cases: [],
  },
  {
    type: "GlobalMaxPool",
    quant: { kind: "agnostic" },
    power: () => 1,
    term: () => "v",
    combine: "max(a, b)",
    result: () => "v",
    value: (elements) => {
      let largest = elements[0]!;
      for (let place = 1; place < elements.length; place++) largest = Math.max(largest, elements[place]!);
      return largest;
    },
    cases: [],
  },
  {
    type: "GlobalLpPool",
    quant: { kind: "non_quantizable" },
    power: (raw) => raw.float("p", 2),
    term: (power) => power === 1 ? "abs(v)" : power === 2 ? "v * v" : "pow(abs(v), params.power)",
    combine: "a + b",
    result: (power) => power === 1 ? "v" : power === 2 ? "sqrt(v)" : "pow(v, 1.0 / params.power)",
    value: (elements, power) => sumOf(elements, (element) => Math.abs(element) ** power) ** (1 / power),
    tolerance: SUMMED,
    cases: [
      { name: "p 1", inputs: [f32(2, 3, 5, 5)], attributes: { p: 1 } },
      {
        name: "p 3",
        inputs: [f32(2, 3, 5, 5)],
        attributes: { p: 3 },
        tolerance: {
          relative: 1e-4,
          reason: "pow() in WGSL is exp2 of a product with log2, each with errors of its own",
        },
      },
    ],
  },
];

export const GLOBAL_POOL_OPERATORS: readonly OpDef[] = POOLS.map((pool) =>
  defineOp<{ readonly power: number }>({
    type: pool.type,
    since: 1,
    quant: pool.quant,
    attributes: (raw) => ({ power: pool.power(raw) }),
    infer: ([x]) => {
      planeOf(x!);
      return [{ dtype: x!.dtype, shape: [...x!.shape.slice(0, 2), ...x!.shape.slice(2).map(() => 1)] }];
    },
    lower: ([x], _outputs, { power }) => lower(pool, x!, power),
    reference: ([x], { power }) => [reference(pool, x!, power)],
    cases: [...CASES, ...pool.cases].map((one) => pool.tolerance ? { tolerance: pool.tolerance, ...one } : one),
  })
);
