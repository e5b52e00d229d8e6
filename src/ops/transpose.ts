import code from "../../shaders/transpose.wgsl" with { type: "text" };
import { type Dispatch, dispatch, type Shader } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { stridesOf } from "../base/shape.ts";
import { elementCount, formatShape } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { pick } from "./coordinates.ts";
import { defineOp } from "./op.ts";
import { type CopyAxis, mergeAxes, stridedCopy } from "./strided_copy.ts";

const shader: Shader<
  "SIDE",
  | "rows"
  | "columns"
  | "row_stride"
  | "column_stride"
  | "batches"
  | "source_outer"
  | "source_inner"
  | "destination_outer"
  | "destination_inner"
> = {
  name: "transpose",
  code,
  constants: ["SIDE"],
  uniforms: [
    "rows",
    "columns",
    "row_stride",
    "column_stride",
    "batches",
    "source_outer",
    "source_inner",
    "destination_outer",
    "destination_inner",
  ],
};

/** Invocations along each side of a workgroup; each turns a square of this many words a side. */
const SIDE = 8;
const SQUARE = 4;
const MAX_GROUPS = 65535;

/** Below this extent most of a tile would stay empty. */
const LEAST_EXTENT = 4;

/** Words one by one, the last ones of a row left out. */
const SCALAR_ACCESS = `
fn load4(at: u32) -> vec4<u32> {
  return vec4<u32>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]);
}

fn store4(at: u32, words: vec4<u32>, count: u32) {
  y[at] = words.x;
  if (count > 1u) { y[at + 1u] = words.y; }
  if (count > 2u) { y[at + 2u] = words.z; }
  if (count > 3u) { y[at + 3u] = words.w; }
}`;

/** Four at a time, where all rows begin at a multiple of four and end at one. */
const VECTOR_ACCESS = `
fn load4(at: u32) -> vec4<u32> {
  return x[at / 4u];
}

fn store4(at: u32, words: vec4<u32>, count: u32) {
  y[at / 4u] = words;
}`;

const NO_AXIS: CopyAxis = { extent: 1, source: 0, destination: 0 };

/** ONNX Transpose: axis n of the output is axis perm[n] of the input; all axes reversed by default. */
export const transpose = defineOp<{ perm: readonly number[] | undefined }>({
  type: "Transpose",
  since: 1,
  quant: { kind: "agnostic" },
  attributes: (raw) => ({ perm: raw.numbers("perm") }),
  infer: ([x], { perm }) => [{
    dtype: x!.dtype,
    shape: permutation(x!.shape, perm).map((axis) => x!.shape[axis]!),
  }],
  lower: ([x], [y], { perm }) => {
    const own = stridesOf(x!.shape);
    const source = permutation(x!.shape, perm).map((axis) => own[axis]!);
    const destination = stridesOf(y!.shape);
    if (elementCount(y!.shape) === 0) return { dispatches: [] };
    const axes = mergeAxes(y!.shape, source, destination);
    if (axes.length === 1) return { dispatches: [], aliasOf: 0 };
    const tiled = tiledTranspose(axes);
    return {
      dispatches: tiled
        ? [tiled]
        : stridedCopy(y!.shape, { slot: "x0", strides: source }, { slot: "y0", strides: destination }),
    };
  },
  reference: ([x], { perm }) => {
    const order = permutation(x!.shape, perm);
    const source = new Array<number>(order.length);
    return [pick(x!, order.map((axis) => x!.shape[axis]!), (at) => {
      order.forEach((axis, place) => source[axis] = at[place]!);
      return source;
    })];
  },
  cases: [
    { name: "default order", inputs: [f32(2, 3, 5)] },
    { name: "matrix one past a tile", inputs: [f32(33, 65)], attributes: { perm: [1, 0] } },
    { name: "aligned to vectors", inputs: [f32(2, 36, 3, 12)], attributes: { perm: [0, 2, 3, 1] } },
    { name: "channels last", inputs: [f32(2, 35, 5, 7)], attributes: { perm: [0, 2, 3, 1] } },
    { name: "channels first", inputs: [f32(2, 5, 7, 35)], attributes: { perm: [0, 3, 1, 2] } },
    { name: "attention heads", inputs: [f32(2, 5, 3, 8)], attributes: { perm: [0, 2, 1, 3] } },
    { name: "attention keys", inputs: [f32(2, 9, 3, 11)], attributes: { perm: [0, 2, 3, 1] } },
    { name: "two batch axes, swapped", inputs: [f32(2, 9, 3, 11)], attributes: { perm: [2, 0, 3, 1] } },
    { name: "odd inner extent kept", inputs: [f32(3, 5, 7)], attributes: { perm: [1, 0, 2] } },
    { name: "rank 5", inputs: [f32(2, 3, 4, 5, 6)], attributes: { perm: [4, 1, 3, 0, 2] } },
    { name: "identity", inputs: [f32(2, 3)], attributes: { perm: [0, 1] } },
    { name: "only extents of 1 move", inputs: [f32(1, 3, 1, 5)], attributes: { perm: [2, 1, 0, 3] } },
    { name: "rank 0", inputs: [f32()] },
    { name: "empty", inputs: [f32(2, 0, 3)], attributes: { perm: [2, 0, 1] } },
    { name: "int64", inputs: [{ dtype: "int64", shape: [3, 4] }] },
  ],
});

function permutation(shape: readonly number[], perm: readonly number[] | undefined): readonly number[] {
  if (perm === undefined) return shape.map((_, place) => shape.length - 1 - place);
  if (perm.length !== shape.length || shape.some((_, axis) => !perm.includes(axis))) {
    throw new ModelError(
      `Cannot transpose: perm is ${formatShape(perm)}, expected every axis of input ${formatShape(shape)} once`,
    );
  }
  return perm;
}

/** The tiled kernel, where the input's innermost axis comes to stand just before the output's, behind up to two others. */
function tiledTranspose(axes: readonly CopyAxis[]): Dispatch | undefined {
  const [column, row] = axes.slice(-2);
  if (axes.length < 2 || axes.length > 4 || column!.source !== 1) return undefined;
  if (Math.min(column!.extent, row!.extent) < LEAST_EXTENT) return undefined;
  const [inner = NO_AXIS, outer = NO_AXIS] = axes.slice(0, -2).reverse();
  const workgroups = [
    Math.ceil(column!.extent / (SIDE * SQUARE)),
    Math.ceil(row!.extent / (SIDE * SQUARE)),
    outer.extent * inner.extent,
  ] as const;
  if (workgroups.some((count) => count > MAX_GROUPS)) return undefined;
  const measures = [column!.extent, row!.extent, row!.source, column!.destination].concat(
    [inner, outer].flatMap(({ source, destination }) => [source, destination]),
  );
  const vector = measures.every((measure) => measure % SQUARE === 0);
  return dispatch(shader, {
    bindings: ["x0", "y0"],
    constants: { SIDE },
    uniforms: {
      rows: row!.extent,
      columns: column!.extent,
      row_stride: row!.source,
      column_stride: column!.destination,
      batches: inner.extent,
      source_outer: outer.source,
      source_inner: inner.source,
      destination_outer: outer.destination,
      destination_inner: inner.destination,
    },
    aliases: { W: vector ? "vec4<u32>" : "u32" },
    functions: vector ? VECTOR_ACCESS : SCALAR_ACCESS,
    workgroups,
  });
}
