/** What one-operand elementwise operators share: a row states the formula twice, the rest is made here. */
import code from "../../shaders/unary.wgsl" with { type: "text" };
import vectorCode from "../../shaders/unary4.wgsl" with { type: "text" };
import { type Activation, dispatch, linearGrid, type Lowering, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { UnsupportedError } from "../base/errors.ts";
import { allocate, type DType, elementCount, isFloat, storageOf, type TensorType } from "../base/tensor.ts";
import type { AttributeReader } from "../graph/attributes.ts";
import type { ChainFormula } from "./chain.ts";
import { defineOp, type NodeSignature, type OpCase, type OpDef, type QuantTrait, type Tolerance } from "./op.ts";
import { wrapped } from "./words.ts";

const shader: Shader<"WORKGROUP_SIZE", "length" | "alpha" | "beta"> = {
  name: "unary",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "alpha", "beta"],
  epilogue: true,
};

/** The same, four elements at a time. */
const vectorShader: typeof shader = { ...shader, name: "unary4", code: vectorCode };

/** The two numbers that a unary kernel gets; what they mean is the row's affair. */
export interface UnaryAttributes {
  readonly alpha: number;
  readonly beta: number;
}

/** One elementwise operator of one operand. */
export interface UnaryRow {
  readonly type: string;
  readonly since?: number;
  /** WGSL expression in `x`, `params.alpha` and `params.beta`. */
  readonly wgsl: string;
  /** The same in double precision; what it returns is rounded, or wrapped, to the result's type. */
  readonly value: (x: number, attributes: UnaryAttributes) => number;
  /** Element types taken; floats unless stated. */
  readonly takes?: (dtype: DType) => boolean;
  /** Element type of the result; the operand's unless stated. */
  readonly result?: DType;
  readonly quant?: QuantTrait;
  readonly attributes?: (raw: AttributeReader, node: NodeSignature) => UnaryAttributes;
  readonly asActivation?: (attributes: UnaryAttributes) => Activation | undefined;
  readonly tolerance?: Tolerance;
  readonly range?: readonly [number, number];
  /** Opset of the cases, where it is not the newest. */
  readonly caseOpset?: number;
  /** Cases beyond several workgroups, empty and rank 0. */
  readonly cases?: readonly OpCase[];
}

const NO_ATTRIBUTES: UnaryAttributes = { alpha: 0, beta: 0 };

/** Builds the operator of a row. */
export function unaryOp(row: UnaryRow): OpDef {
  const takes = row.takes ?? isFloat;
  return defineOp<UnaryAttributes>({
    type: row.type,
    since: row.since ?? 1,
    quant: row.quant ?? { kind: "non_quantizable" },
    attributes: (raw, node) => {
      raw.ignore("consumed_inputs");
      return row.attributes?.(raw, node) ?? NO_ATTRIBUTES;
    },
    infer: ([x]) => {
      if (!takes(x!.dtype)) throw new UnsupportedError(`Cannot use element type ${x!.dtype} in ${row.type}`);
      return [{ dtype: row.result ?? x!.dtype, shape: x!.shape }];
    },
    lower: ([x], [y], attributes) => lowerUnary(x!, y!, wrapped(row.wgsl, y!.dtype), attributes),
    reference: ([x], attributes) => {
      const dtype = row.result ?? x!.dtype;
      const data = allocate(dtype, x!.data.length);
      x!.data.forEach((value, index) => data[index] = row.value(value, attributes));
      return [{ dtype, shape: x!.shape, data }];
    },
    ...((row.result ?? "float32") === "float32"
      ? { asFormula: (_inputs, attributes) => formulaOf(row, attributes) }
      : {}),
    ...(row.asActivation ? { asActivation: (_inputs, attributes) => row.asActivation!(attributes) } : {}),
    cases: casesOf(row),
  });
}

/** One dispatch that computes `expression`, a WGSL expression in `x`, for every element. */
export function lowerUnary(
  x: TensorType,
  y: TensorType,
  expression: string,
  { alpha, beta }: UnaryAttributes = NO_ATTRIBUTES,
): Lowering {
  const elements = elementCount(x.shape);
  const inVectors = elements > 0 && elements % 4 === 0 && storageOf(x.dtype) === "f32" && storageOf(y.dtype) === "f32";
  const length = inVectors ? elements / 4 : elements;
  return {
    dispatches: [dispatch(inVectors ? vectorShader : shader, {
      bindings: ["x0", "y0"],
      constants: { WORKGROUP_SIZE },
      uniforms: { length, alpha, beta },
      aliases: { T: storageOf(x.dtype), R: storageOf(y.dtype) },
      functions: `fn apply(x: T) -> R { return ${expression}; }`,
      workgroups: linearGrid(length, WORKGROUP_SIZE),
    })],
  };
}

/** The row's activation where it is one: those take four elements at once. */
function formulaOf(row: UnaryRow, attributes: UnaryAttributes): ChainFormula {
  const activation = row.asActivation?.(attributes);
  if (activation) return { kind: "activation", activation };
  const { alpha, beta } = attributes;
  return { kind: "element", expression: row.wgsl, alpha, beta };
}

function casesOf(row: UnaryRow): OpCase[] {
  const dtype = (row.takes ?? isFloat)("float32") ? "float32" : "bool";
  const shared = {
    ...(row.range ? { range: row.range } : {}),
    ...(row.caseOpset ? { opset: row.caseOpset } : {}),
    ...(row.tolerance ? { tolerance: row.tolerance } : {}),
  };
  const of = (...shape: number[]) => [{ dtype, shape } as const];
  return [
    { name: "several workgroups", inputs: of(3, 257), ...shared },
    { name: "in vectors", inputs: of(4, 65), ...shared },
    { name: "rank 0", inputs: of(), ...shared },
    { name: "empty", inputs: of(2, 0), ...shared },
    ...(row.cases ?? []).map((one) => ({ ...shared, ...one })),
  ];
}
