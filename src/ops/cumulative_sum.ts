import code from "../../shaders/cumulative_sum.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { UnsupportedError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { allocate, elementCount, storageOf } from "../base/tensor.ts";
import { constantI64, f32, i64 } from "./case_types.ts";
import { constantScalar } from "./constant_operand.ts";
import { defineOp } from "./op.ts";
import { eachGroup } from "./reduction.ts";

type Uniform = "lines" | "chunks" | "chunk" | "extent" | "inner" | "reverse" | "exclusive";

const shader: Shader<"WORKGROUP_SIZE" | "TOTALS", Uniform> = {
  name: "cumulative_sum",
  code,
  constants: ["WORKGROUP_SIZE", "TOTALS"],
  uniforms: ["lines", "chunks", "chunk", "extent", "inner", "reverse", "exclusive"],
};

/** Lines up to this long are summed by one invocation each. */
const LONGEST_CHUNK = 1024;
const TOLERANCE = { relative: 1e-5, absolute: 1e-4, reason: "each addition rounds" };

/** ONNX CumSum: running sums along an axis that must be known. */
export const cumulativeSum = defineOp<{ isReverse: boolean; isExclusive: boolean }>({
  type: "CumSum",
  since: 11,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ isReverse: raw.int("reverse", 0) === 1, isExclusive: raw.int("exclusive", 0) === 1 }),
  infer: ([x, axis]) => {
    if (x!.dtype === "bool") throw new UnsupportedError("Cannot sum elements of type bool");
    normalizeAxis(constantScalar(axis!, "axis"), x!.shape.length);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x, axis], _outputs, { isReverse, isExclusive }) => {
    const { shape, dtype } = x!;
    const place = normalizeAxis(constantScalar(axis!, "axis"), shape.length);
    const extent = shape[place]!;
    const inner = elementCount(shape.slice(place + 1));
    const lines = inner * elementCount(shape.slice(0, place));
    const chunk = extent <= LONGEST_CHUNK ? Math.max(1, extent) : Math.ceil(Math.sqrt(extent));
    const chunks = Math.ceil(extent / chunk);
    const pass = (totals: Slot, result: Slot, isTotals: boolean) =>
      dispatch(shader, {
        bindings: ["x0", totals, result],
        constants: { WORKGROUP_SIZE, TOTALS: isTotals },
        uniforms: { lines, chunks, chunk, extent, inner, reverse: Number(isReverse), exclusive: Number(isExclusive) },
        aliases: { T: storageOf(dtype) },
        workgroups: linearGrid(lines * chunks, WORKGROUP_SIZE),
      });
    if (chunks <= 1) return { dispatches: [pass("x0", "y0", false)] };
    return { dispatches: [pass("x0", "t0", true), pass("t0", "y0", false)], temporaries: [lines * chunks] };
  },
  reference: ([x, axis], { isReverse, isExclusive }) => {
    const data = allocate(x!.dtype, x!.data.length);
    eachGroup(x!, [normalizeAxis(axis!.data[0]!, x!.shape.length)], (values, places) => {
      const order = isReverse ? [...places.keys()].reverse() : [...places.keys()];
      let sum = 0;
      for (const at of order) {
        const previous = sum;
        sum += values[at]!;
        data[places[at]!] = isExclusive ? previous : sum;
      }
    });
    return [{ ...x!, data }];
  },
  cases: [
    { name: "last axis", inputs: [f32(3, 65), constantI64([1], [])], tolerance: TOLERANCE },
    {
      name: "first axis, reverse",
      inputs: [f32(7, 5), constantI64([0])],
      attributes: { reverse: 1 },
      tolerance: TOLERANCE,
    },
    { name: "exclusive int64", inputs: [i64(2, 7, 3), constantI64([-2])], attributes: { exclusive: 1 } },
    {
      name: "reverse exclusive in chunks",
      inputs: [{ dtype: "int32", shape: [2, 3001] }, constantI64([1])],
      attributes: { exclusive: 1, reverse: 1 },
    },
    { name: "one past a chunk", inputs: [{ dtype: "int32", shape: [1025, 3] }, constantI64([0])] },
    { name: "empty", inputs: [f32(0, 3), constantI64([0])] },
  ],
});
