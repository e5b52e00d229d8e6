/** What elementwise operators of two operands share: NumPy's broadcasting, and ONNX's own before opset 7. */
import code from "../../shaders/binary.wgsl" with { type: "text" };
import vectorCode from "../../shaders/binary4.wgsl" with { type: "text" };
import {
  CHUNK,
  type Dispatch,
  dispatch,
  linearGrid,
  type Shader,
  type Slot,
  WORKGROUP_SIZE,
} from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { broadcastShapes, broadcastStrides, normalizeAxis, sameShape, stridesOf } from "../base/shape.ts";
import {
  allocate,
  type DType,
  elementCount,
  formatShape,
  type HostTensor,
  storageOf,
  type TensorType,
} from "../base/tensor.ts";
import type { AttributeReader } from "../graph/attributes.ts";
import { collapseBroadcast, kernelRank, octet, padAxes, vectorAxes } from "./collapse.ts";
import { defineOp, type NodeSignature, type OpCase, type OpDef, type QuantTrait, type Tolerance } from "./op.ts";
import { wrapped } from "./words.ts";

type Uniform = "length" | "alpha" | "extents" | "a_strides" | "b_strides";

const shader: Shader<"WORKGROUP_SIZE" | "RANK" | "CHUNK", Uniform> = {
  name: "binary",
  code,
  constants: ["WORKGROUP_SIZE", "RANK", "CHUNK"],
  uniforms: ["length", "alpha", "extents", "a_strides", "b_strides"],
  epilogue: true,
};

/** The same for vectors of four elements. */
const vectorShader: Shader<"WORKGROUP_SIZE" | "RANK", Uniform> = {
  ...shader,
  name: "binary4",
  code: vectorCode,
  constants: ["WORKGROUP_SIZE", "RANK"],
};

/** How operand b lies against operand a. */
export interface BinaryAttributes {
  /** NumPy's rule; or, before opset 7, equal shapes ("none") or the axes of a from `axis` on. */
  readonly broadcast: "numpy" | "none" | { readonly axis: number | undefined };
  /** The row's own choice among its formulas. */
  readonly variant: string;
}

/** One elementwise operator of two operands. */
export interface BinaryRow {
  readonly type: string;
  readonly since?: number;
  /** WGSL expression in `a` and `b`, given the operands' types. */
  readonly wgsl: (a: DType, b: DType, variant: string) => string;
  /** Set where the expression for floats is one for vectors of floats as well. */
  readonly takesVectors?: true;
  /** The same in double precision; what it returns is rounded, or wrapped, to the result's type. */
  readonly value: (a: number, b: number, dtype: DType, variant: string) => number;
  readonly takes: (dtype: DType) => boolean;
  /** Element type of the result; that of a unless stated. */
  readonly result?: DType;
  /** Whether b may have another type than a. */
  readonly mixed?: boolean;
  readonly quant: QuantTrait;
  readonly variant?: (raw: AttributeReader, node: NodeSignature) => string;
  /** The shape that stands for b's, which broadcasts to that of a; for operators that broadcast one way only. */
  readonly shapeOfB?: (a: readonly number[], b: readonly number[], node: BinaryAttributes) => readonly number[];
  readonly tolerance?: Tolerance;
  readonly range?: readonly [number, number];
  /** Element type of the shared cases; float32 unless stated. */
  readonly caseType?: DType;
  readonly caseAttributes?: OpCase["attributes"];
  readonly cases?: readonly OpCase[];
}

/** Builds the operator of a row. */
export function binaryOp(row: BinaryRow): OpDef {
  return defineOp<BinaryAttributes>({
    type: row.type,
    since: row.since ?? 1,
    quant: row.quant,
    attributes: (raw, node) => ({
      broadcast: node.opset < 7 ? legacyBroadcast(raw) : "numpy",
      variant: row.variant?.(raw, node) ?? "",
    }),
    infer: ([a, b], attributes) => {
      if (!row.takes(a!.dtype)) throw new UnsupportedError(`Cannot use element type ${a!.dtype} in ${row.type}`);
      if (a!.dtype !== b!.dtype && !row.mixed) {
        throw new ModelError(`Cannot combine ${a!.dtype} with ${b!.dtype}, expected one element type`);
      }
      const shape = broadcast(a!.shape, alignedShape(row, a!.shape, b!.shape, attributes));
      return [{ dtype: row.result ?? a!.dtype, shape }];
    },
    lower: ([a, b], [y], attributes) => ({
      dispatches: [binaryDispatch({
        a: { slot: "x0", dtype: a!.dtype, shape: a!.shape },
        b: { slot: "x1", dtype: b!.dtype, shape: alignedShape(row, a!.shape, b!.shape, attributes) },
        y: { slot: "y0", dtype: y!.dtype, shape: y!.shape },
        expression: wrapped(row.wgsl(a!.dtype, b!.dtype, attributes.variant), y!.dtype),
      })],
    }),
    reference: ([a, b], attributes) => {
      const aligned = { ...b!, shape: alignedShape(row, a!.shape, b!.shape, attributes) };
      const { dtype } = a!;
      return [
        combineTensors(a!, aligned, row.result ?? dtype, (p, q) => row.value(p, q, dtype, attributes.variant)),
      ];
    },
    ...(row.takesVectors
      ? {
        asFormula: ([a, b], { variant }) => ({
          kind: "vectors",
          expression: row.wgsl(a!.dtype, b!.dtype, variant),
        }),
      }
      : {}),
    cases: casesOf(row),
  });
}

/** An operand or result of a dispatch. */
export interface Operand {
  readonly slot: Slot;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** One dispatch that computes `expression`, a WGSL expression in `a`, `b` and `params.alpha`, for every element of y. */
export function binaryDispatch(
  { a, b, y, expression, alpha = 0 }: { a: Operand; b: Operand; y: Operand; expression: string; alpha?: number },
): Dispatch {
  const scalar = collapseBroadcast(y.shape, [a.shape, b.shape]);
  const canBeVectors = elementCount(y.shape) > 0 && [a, b, y].every(({ dtype }) => storageOf(dtype) === "f32");
  const vector = canBeVectors ? vectorAxes(scalar) : undefined;
  const collapsed = vector ?? scalar;
  const rank = kernelRank(collapsed.extents.length);
  const { extents, strides: [aStrides, bStrides] } = padAxes(collapsed, rank);
  const length = elementCount(extents);
  const [A, B] = vector?.operands ?? [];
  const use = {
    bindings: [a.slot, b.slot, y.slot],
    uniforms: { length, alpha, extents: octet(extents), a_strides: octet(aStrides!), b_strides: octet(bStrides!) },
    aliases: {
      T: storageOf(a.dtype),
      U: storageOf(b.dtype),
      R: storageOf(y.dtype),
      ...(A && B ? { A, B } : {}),
    },
    functions: `fn apply(a: T, b: U) -> R { return ${expression}; }`,
  };
  const constants = { WORKGROUP_SIZE, RANK: rank };
  if (vector) return dispatch(vectorShader, { ...use, constants, workgroups: linearGrid(length, WORKGROUP_SIZE) });
  return dispatch(shader, {
    ...use,
    constants: { ...constants, CHUNK },
    workgroups: linearGrid(Math.ceil(length / CHUNK), WORKGROUP_SIZE),
  });
}

/** Combines two host tensors elementwise, broadcasting both. */
export function combineTensors(
  a: HostTensor,
  b: HostTensor,
  dtype: DType,
  combine: (a: number, b: number) => number,
): HostTensor {
  const shape = broadcast(a.shape, b.shape);
  const strides = stridesOf(shape);
  const aStrides = broadcastStrides(a.shape, shape);
  const bStrides = broadcastStrides(b.shape, shape);
  const data = allocate(dtype, elementCount(shape));
  for (let index = 0; index < data.length; index++) {
    let aIndex = 0;
    let bIndex = 0;
    for (let axis = 0; axis < shape.length; axis++) {
      const at = Math.floor(index / strides[axis]!) % shape[axis]!;
      aIndex += at * aStrides[axis]!;
      bIndex += at * bStrides[axis]!;
    }
    data[index] = combine(a.data[aIndex]!, b.data[bIndex]!);
  }
  return { dtype, shape, data };
}

/** Broadcasts shapes as NumPy does; throws ModelError where they disagree. */
export function broadcast(...shapes: readonly (readonly number[])[]): number[] {
  try {
    return broadcastShapes(...shapes);
  } catch (cause) {
    throw new ModelError(`Cannot broadcast ${shapes.map(formatShape).join(" with ")}`, { cause });
  }
}

function legacyBroadcast(raw: AttributeReader): BinaryAttributes["broadcast"] {
  raw.ignore("consumed_inputs");
  const axis = raw.has("axis") ? raw.int("axis", 0) : undefined;
  return raw.int("broadcast", 0) === 1 ? { axis } : "none";
}

function alignedShape(
  row: BinaryRow,
  a: readonly number[],
  b: readonly number[],
  attributes: BinaryAttributes,
): readonly number[] {
  if (row.shapeOfB) return row.shapeOfB(a, b, attributes);
  const mode = attributes.broadcast;
  if (mode === "numpy") return b;
  if (mode === "none") {
    if (sameShape(a, b)) return b;
    throw new ModelError(`Cannot combine ${formatShape(a)} with ${formatShape(b)}: broadcast is not set`);
  }
  if (mode.axis === undefined) return b;
  const axis = normalizeAxis(mode.axis, a.length);
  return [...b, ...new Array<number>(Math.max(0, a.length - axis - b.length)).fill(1)];
}

function casesOf(row: BinaryRow): OpCase[] {
  const dtype = row.caseType ?? "float32";
  const shared = {
    ...(row.range ? { range: row.range } : {}),
    ...(row.tolerance ? { tolerance: row.tolerance } : {}),
    ...(row.caseAttributes ? { attributes: row.caseAttributes } : {}),
  };
  const pair = (name: string, a: readonly number[], b: readonly number[]): OpCase => ({
    name,
    inputs: [{ dtype, shape: a }, { dtype, shape: b }],
    ...shared,
  });
  return [
    pair("same shape", [3, 65], [3, 65]),
    pair("scalar b", [3, 65], []),
    pair("channels", [2, 3, 5, 7], [1, 3, 1, 1]),
    pair("vectors", [3, 68], [3, 68]),
    pair("channels in vectors", [2, 3, 2, 34], [3, 1, 1]),
    pair("rows in vectors", [5, 3, 8], [3, 8]),
    pair("scalar b in vectors", [3, 68], [1, 1]),
    ...(row.shapeOfB ? [] : [pair("scalar a", [1], [3, 65]), pair("both ways", [3, 1, 5], [4, 1])]),
    pair("rank 0", [], []),
    pair("empty", [0, 3], [1, 3]),
    ...(row.cases ?? []).map((one) => ({ ...shared, ...one })),
  ];
}

/** The axis-and-suffix rule before opset 7, for tables whose rows have it. */
export function legacyCases(): OpCase[] {
  const inputs = (a: readonly number[], b: readonly number[]): TensorType[] => [
    { dtype: "float32", shape: a },
    { dtype: "float32", shape: b },
  ];
  return [
    { name: "opset 6 axis", inputs: inputs([2, 3, 4, 5], [3, 4]), attributes: { broadcast: 1, axis: 1 }, opset: 6 },
    { name: "opset 6 suffix", inputs: inputs([2, 3, 4], [3, 4]), attributes: { broadcast: 1 }, opset: 6 },
    { name: "opset 6 without broadcast", inputs: inputs([2, 3], [2, 3]), opset: 6 },
  ];
}
