import code from "../../shaders/gather.wgsl" with { type: "text" };
import {
  CHUNK,
  type Dispatch,
  dispatch,
  linearGrid,
  type Shader,
  type Slot,
  WORKGROUP_SIZE,
} from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { PORTABLE_BINDING } from "../base/kernel_target.ts";
import { normalizeAxis } from "../base/shape.ts";
import { elementCount } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { knownOperands } from "./constant_operand.ts";
import { pick } from "./coordinates.ts";
import { defineOp, type OpDef } from "./op.ts";
import { windowsOf } from "./binding_windows.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "CHUNK",
  "invocations" | "chunks" | "first" | "rows" | "extent" | "count" | "inner"
> = {
  name: "gather",
  code,
  constants: ["WORKGROUP_SIZE", "CHUNK"],
  uniforms: ["invocations", "chunks", "first", "rows", "extent", "count", "inner"],
};

interface GatherAttributes {
  readonly axis: number;
}

const infer: OpDef<GatherAttributes>["infer"] = ([data, indices], { axis }) => {
  const { dtype, shape } = data!;
  const at = normalizeAxis(axis, shape.length);
  return [{ dtype, shape: [...shape.slice(0, at), ...indices!.shape, ...shape.slice(at + 1)] }];
};

/** ONNX Gather: whole slices of `data` along `axis`, as many as there are indices. */
export const gather = defineOp<GatherAttributes>({
  type: "Gather",
  since: 1,
  quant: { kind: "agnostic" },
  attributes: (raw) => ({ axis: raw.int("axis", 0) }),
  infer,
  lower: ([data, indices], _outputs, { axis }, { largestBinding = PORTABLE_BINDING }) => {
    const { shape } = data!;
    const gathered = { shape, axis: normalizeAxis(axis, shape.length), count: elementCount(indices!.shape) };
    return { dispatches: gatherRows({ ...gathered, indices: "x1" }, largestBinding) };
  },
  reference: (inputs, attributes) => {
    const [data, indices] = [inputs[0]!, inputs[1]!];
    const axis = normalizeAxis(attributes.axis, data.shape.length);
    const { shape } = infer(knownOperands(inputs), attributes)[0]!;
    const rank = indices.shape.length;
    return [pick(data, shape, (at) => {
      const flat = indices.shape.reduce((sum, extent, own) => sum * extent + at[axis + own]!, 0);
      const index = placeOf(indices.data[flat]!, data.shape[axis]!);
      return [...at.slice(0, axis), index, ...at.slice(axis + rank)];
    })];
  },
  cases: [
    { name: "rows, negative indices", inputs: [f32(5, 7), constantI64([4, -5, 0, -1])] },
    { name: "columns", inputs: [f32(5, 7), constantI64([0, 6, 3, 3], [2, 2])], attributes: { axis: 1 } },
    { name: "middle axis from the end", inputs: [f32(2, 5, 3), constantI64([1, 4])], attributes: { axis: -2 } },
    { name: "whole vectors", inputs: [f32(9, 8), constantI64([8, 1, 2], [1, 3])] },
    { name: "scalar index", inputs: [f32(3, 4), constantI64([-1], [])] },
    {
      name: "int32 indices, int64 data",
      inputs: [
        { dtype: "int64", shape: [6] },
        { ...constantI64([5, 0]), dtype: "int32", value: Int32Array.of(5, 0) },
      ],
    },
    { name: "no index", inputs: [f32(3, 4), constantI64([])] },
  ],
});

/** An index that counts from the end where negative, checked against the extent of its axis. */
export function placeOf(index: number, extent: number): number {
  const place = index < 0 ? index + extent : index;
  if (place < 0 || place >= extent) {
    throw new ModelError(`Cannot take element: index is ${index}, expected -${extent} to ${extent - 1}`);
  }
  return place;
}

/** Slices of `x0` along an axis. */
export interface GatheredRows {
  readonly shape: readonly number[];
  readonly axis: number;
  /** Indices, i32, and where they are. */
  readonly count: number;
  readonly indices: Slot;
}

/** Gathers slices of `x0` into `y0`: at once, or from one part after the other where a binding cannot hold all of it. */
export function gatherRows(gathered: GatheredRows, largestBinding: number): Dispatch[] {
  const { shape, axis, count, indices } = gathered;
  const outer = elementCount(shape.slice(0, axis));
  const slice = elementCount(shape.slice(axis + 1));
  const extent = shape[axis]!;
  const vector = slice % 4 === 0;
  const inner = vector ? slice / 4 : slice;
  const chunks = Math.ceil(inner / CHUNK);
  const invocations = outer * count * chunks;
  if (invocations === 0) return [];
  return windowsOf(outer * extent, slice, largestBinding).map(({ first, rows, window }) =>
    dispatch(shader, {
      bindings: ["x0", indices, "y0"],
      ...(window ? { windows: { 0: window } } : {}),
      constants: { WORKGROUP_SIZE, CHUNK },
      uniforms: { invocations, chunks, first, rows, extent, count, inner },
      aliases: { W: vector ? "vec4<u32>" : "u32" },
      workgroups: linearGrid(invocations, WORKGROUP_SIZE),
    })
  );
}
