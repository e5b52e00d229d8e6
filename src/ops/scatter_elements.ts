import code from "../../shaders/scatter_elements.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { normalizeAxis, sameShape, stridesOf } from "../base/shape.ts";
import { elementCount, formatShape, storageOf, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { collapseAxes, kernelRank, padAxes } from "./collapse.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";
import { placeOf } from "./gather.ts";
import { checkIndices, MAX_RANK } from "./gather_elements.ts";
import { defineOp, type OpCase, type OpDef } from "./op.ts";
import { readReduction, reduceFunction, reduceOnHost, type Reduction } from "./scatter_reduction.ts";
import { stridedCopy } from "./strided_copy.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "RANK",
  | "lines"
  | "first"
  | "count"
  | "extent"
  | "axis_stride"
  | "index_axis_stride"
  | "shape"
  | "index_strides"
  | "strides"
> = {
  name: "scatter_elements",
  code,
  constants: ["WORKGROUP_SIZE", "RANK"],
  uniforms: [
    "lines",
    "first",
    "count",
    "extent",
    "axis_stride",
    "index_axis_stride",
    "shape",
    "index_strides",
    "strides",
  ],
};

/** Updates that one invocation applies: software adapters stop an invocation after 65,535 iterations. */
export const UPDATES_PER_INVOCATION = 50000;

interface ScatterAttributes {
  readonly axis: number;
  readonly reduction: Reduction;
}

function defineScatter(type: string, since: number, cases: readonly OpCase[]): OpDef {
  return defineOp<ScatterAttributes>({
    type,
    since,
    quant: { kind: "non_quantizable" },
    attributes: (raw) => ({ axis: raw.int("axis", 0), reduction: readReduction(raw) }),
    infer: ([data, indices, updates], { axis }) => {
      checkIndices(data!, indices!, normalizeAxis(axis, data!.shape.length));
      if (!sameShape(indices!.shape, updates!.shape)) {
        throw new ModelError(
          `Cannot scatter: updates are ${formatShape(updates!.shape)}, expected ${formatShape(indices!.shape)}`,
        );
      }
      return [{ dtype: data!.dtype, shape: data!.shape }];
    },
    lower: ([data, indices], _outputs, attributes) => ({
      dispatches: [
        ...stridedCopy([elementCount(data!.shape)], { slot: "x0", strides: [1] }, { slot: "y0", strides: [1] }),
        ...scatter(data!, indices!.shape, attributes),
      ],
    }),
    reference: ([data, indices, updates], attributes) => {
      const { dtype, shape } = data!;
      const axis = normalizeAxis(attributes.axis, shape.length);
      const result = data!.data.slice();
      const strides = stridesOf(shape);
      eachCoordinate(indices!.shape, (at, read) => {
        const index = placeOf(indices!.data[read]!, shape[axis]!);
        const place = offsetOf(at.map((own, other) => other === axis ? index : own), strides);
        result[place] = reduceOnHost(attributes.reduction, dtype, result[place]!, updates!.data[read]!);
      });
      return [{ dtype, shape, data: result }];
    },
    cases,
  });
}

/** Without a reduction indices do not repeat and every update has its own invocation; with one, every line has. */
function scatter(data: TensorType, indices: readonly number[], attributes: ScatterAttributes): Dispatch[] {
  const axis = normalizeAxis(attributes.axis, data.shape.length);
  const own = stridesOf(data.shape);
  const indexStrides = stridesOf(indices);
  const serial = attributes.reduction !== "none";
  const lines = indices.map((extent, place) => serial && place === axis ? 1 : extent);
  const collapsed = collapseAxes(lines, [indexStrides, own.map((stride, place) => place === axis ? 0 : stride)]);
  if (collapsed.extents.length > MAX_RANK) {
    throw new UnsupportedError(
      `Cannot scatter: input has ${collapsed.extents.length} axes, expected at most ${MAX_RANK}`,
    );
  }
  const rank = kernelRank(collapsed.extents.length);
  const { extents, strides } = padAxes(collapsed, rank);
  const perLine = serial ? indices[axis]! : 1;
  if (elementCount(indices) === 0) return [];
  return Array.from({ length: Math.ceil(perLine / UPDATES_PER_INVOCATION) }, (_, part) => {
    const first = part * UPDATES_PER_INVOCATION;
    return dispatch(shader, {
      bindings: ["x1", "x2", "y0"],
      constants: { WORKGROUP_SIZE, RANK: rank },
      uniforms: {
        lines: elementCount(lines),
        first,
        count: Math.min(perLine - first, UPDATES_PER_INVOCATION),
        extent: data.shape[axis]!,
        axis_stride: own[axis]!,
        index_axis_stride: indexStrides[axis]!,
        shape: extents,
        index_strides: strides[0]!,
        strides: strides[1]!,
      },
      aliases: { T: storageOf(data.dtype) },
      functions: reduceFunction(attributes.reduction, data.dtype),
      workgroups: linearGrid(elementCount(lines), WORKGROUP_SIZE),
    });
  });
}

const plainCases: readonly OpCase[] = [
  {
    name: "axis 1, negative indices",
    inputs: [f32(3, 5), constantI64([0, -1, 3, 1, -4, 2], [3, 2]), f32(3, 2)],
    attributes: { axis: 1 },
  },
  { name: "axis 0", inputs: [f32(4, 3), constantI64([3, 0, 1, 0, 2, 2], [2, 3]), f32(2, 3)] },
  {
    name: "int64",
    inputs: [{ dtype: "int64", shape: [4] }, constantI64([2, 0]), { dtype: "int64", shape: [2] }],
  },
  { name: "no index", inputs: [f32(3, 2), constantI64([], [0, 2]), f32(0, 2)] },
];

/** ONNX ScatterElements: updates put, or added and so on since opset 16, where the indices along `axis` say. */
export const scatterElements = defineScatter("ScatterElements", 11, [
  ...plainCases,
  ...(["add", "mul", "min", "max"] as const).map((reduction): OpCase => ({
    name: `${reduction}, indices repeat`,
    inputs: [f32(2, 4, 3), constantI64(Array.from({ length: 24 }, (_, index) => index % 3), [2, 4, 3]), f32(2, 4, 3)],
    attributes: { axis: 1, reduction },
  })),
  {
    name: "int8 wraps",
    inputs: [{ dtype: "int8", shape: [3] }, constantI64([1, 1, 1, 1]), { dtype: "int8", shape: [4] }],
    attributes: { reduction: "add" },
  },
]);

/** ONNX Scatter: the name of ScatterElements in opsets 9 and 10. */
export const scatterOld = defineScatter("Scatter", 9, plainCases.map((one) => ({ ...one, opset: 10 })));
