import code from "../../shaders/scatter_nd.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { sameShape, stridesOf } from "../base/shape.ts";
import { elementCount, formatShape, storageOf, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { placeOf } from "./gather.ts";
import { tupleDepth } from "./gather_nd.ts";
import { defineOp, type OpCase } from "./op.ts";
import { readReduction, reduceFunction, reduceOnHost, type Reduction } from "./scatter_reduction.ts";
import { UPDATES_PER_INVOCATION } from "./scatter_elements.ts";
import { stridedCopy } from "./strided_copy.ts";

const shader: Shader<
  "WORKGROUP_SIZE",
  "length" | "inner" | "depth" | "first" | "count" | "extents" | "strides"
> = {
  name: "scatter_nd",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "inner", "depth", "first", "count", "extents", "strides"],
};

/** ONNX ScatterND: slices of `updates` put, or added and so on since opset 16, where tuples of indices say. */
export const scatterND = defineOp<{ reduction: Reduction }>({
  type: "ScatterND",
  since: 11,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ reduction: readReduction(raw) }),
  infer: ([data, indices, updates]) => {
    const depth = tupleDepth(data!, indices!, 0);
    const expected = [...indices!.shape.slice(0, -1), ...data!.shape.slice(depth)];
    if (!sameShape(updates!.shape, expected)) {
      throw new ModelError(
        `Cannot scatter: updates are ${formatShape(updates!.shape)}, expected ${formatShape(expected)}`,
      );
    }
    return [{ dtype: data!.dtype, shape: data!.shape }];
  },
  lower: ([data, indices], _outputs, { reduction }) => ({
    dispatches: [
      ...stridedCopy([elementCount(data!.shape)], { slot: "x0", strides: [1] }, { slot: "y0", strides: [1] }),
      ...scatter(data!, indices!, reduction),
    ],
  }),
  reference: ([data, indices, updates], { reduction }) => {
    const { dtype, shape } = data!;
    const depth = indices!.shape.at(-1)!;
    const slice = elementCount(shape.slice(depth));
    const result = data!.data.slice();
    for (let tuple = 0; tuple < elementCount(indices!.shape.slice(0, -1)); tuple++) {
      let row = 0;
      for (let k = 0; k < depth; k++) row = row * shape[k]! + placeOf(indices!.data[tuple * depth + k]!, shape[k]!);
      for (let place = 0; place < slice; place++) {
        const at = row * slice + place;
        result[at] = reduceOnHost(reduction, dtype, result[at]!, updates!.data[tuple * slice + place]!);
      }
    }
    return [{ dtype, shape, data: result }];
  },
  cases: [
    { name: "elements", inputs: [f32(3, 4), constantI64([0, 3, -1, -4], [2, 2]), f32(2)] },
    { name: "slices", inputs: [f32(5, 3, 7), constantI64([4, 0, 2], [3, 1]), f32(3, 3, 7)] },
    {
      name: "int32",
      inputs: [{ dtype: "int32", shape: [6] }, constantI64([5, 1], [2, 1]), { dtype: "int32", shape: [2] }],
    },
    ...(["add", "mul", "min", "max"] as const).map((reduction): OpCase => ({
      name: `${reduction}, indices repeat`,
      inputs: [f32(4, 3, 5), constantI64([1, 2, 1, 0, 1, 2], [3, 2]), f32(3, 5)],
      attributes: { reduction },
    })),
    { name: "no tuple", inputs: [f32(3, 2), constantI64([], [0, 1]), f32(0, 2)] },
  ],
});

function scatter(data: TensorType, indices: TensorType, reduction: Reduction): Dispatch[] {
  const depth = tupleDepth(data, indices, 0);
  const inner = elementCount(data.shape.slice(depth));
  const tuples = elementCount(indices.shape.slice(0, -1));
  if (inner * tuples === 0) return [];
  const serial = reduction !== "none";
  const step = serial ? Math.floor(UPDATES_PER_INVOCATION / (depth + 2)) : tuples;
  return Array.from({ length: Math.ceil(tuples / step) }, (_, part) => {
    const first = part * step;
    const length = serial ? inner : inner * tuples;
    return dispatch(shader, {
      bindings: ["x1", "x2", "y0"],
      constants: { WORKGROUP_SIZE },
      uniforms: {
        length,
        inner,
        depth,
        first,
        count: serial ? Math.min(step, tuples - first) : 1,
        extents: data.shape.slice(0, depth),
        strides: stridesOf(data.shape).slice(0, depth),
      },
      aliases: { T: storageOf(data.dtype) },
      functions: reduceFunction(reduction, data.dtype),
      workgroups: linearGrid(length, WORKGROUP_SIZE),
    });
  });
}
