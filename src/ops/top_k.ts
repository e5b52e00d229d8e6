import placeCode from "../../shaders/place_ranked.wgsl" with { type: "text" };
import rankCode from "../../shaders/rank_elements.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { allocate, elementCount, type HostTensor, storageOf, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantScalar } from "./constant_operand.ts";
import { defineOp } from "./op.ts";
import { eachGroup } from "./reduction.ts";

const rankShader: Shader<"WORKGROUP_SIZE" | "LARGEST", "length" | "parts" | "part" | "extent" | "inner"> = {
  name: "rank_elements",
  code: rankCode,
  constants: ["WORKGROUP_SIZE", "LARGEST"],
  uniforms: ["length", "parts", "part", "extent", "inner"],
};
const placeShader: Shader<"WORKGROUP_SIZE", "length" | "parts" | "extent" | "inner" | "k"> = {
  name: "place_ranked",
  code: placeCode,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "parts", "extent", "inner", "k"],
};

/** Elements that one invocation compares with at most. */
const LONGEST_PART = 8192;

interface TopKAttributes {
  readonly axis: number;
  readonly isLargest: boolean;
  /** undefined where k is an input. */
  readonly k: number | undefined;
  /** Which outputs somebody asked for. */
  readonly hasValues: boolean;
  readonly hasPlaces: boolean;
}

/**
 * ONNX TopK: the k largest (or smallest) along an axis with their places, in order; of equal ones the first come first.
 * Results are in order even where `sorted` is 0, which leaves the order open.
 */
export const topK = defineOp<TopKAttributes>({
  type: "TopK",
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: (raw, { opset, outputs }) => {
    raw.ignore("sorted");
    return {
      axis: raw.int("axis", -1),
      isLargest: raw.int("largest", 1) === 1,
      k: opset < 10 ? raw.int("k", -1) : undefined,
      hasValues: outputs[0] === true,
      hasPlaces: outputs[1] === true,
    };
  },
  infer: ([x, k], attributes) => {
    const { shape } = resultOf(x!, k, attributes);
    return [{ dtype: x!.dtype, shape }, { dtype: "int64", shape }];
  },
  lower: ([x, operand], _outputs, attributes) => {
    const { axis, k, shape } = resultOf(x!, operand, attributes);
    const results = elementCount(shape);
    const extent = x!.shape[axis]!;
    const inner = elementCount(x!.shape.slice(axis + 1));
    const length = elementCount(x!.shape);
    const parts = Math.max(1, Math.ceil(extent / LONGEST_PART));
    return {
      dispatches: [
        dispatch(rankShader, {
          bindings: ["x0", "t0"],
          constants: { WORKGROUP_SIZE, LARGEST: attributes.isLargest },
          uniforms: { length, parts, part: LONGEST_PART, extent, inner },
          aliases: { T: storageOf(x!.dtype) },
          workgroups: linearGrid(length * parts, WORKGROUP_SIZE),
        }),
        dispatch(placeShader, {
          bindings: ["x0", "t0", attributes.hasValues ? "y0" : "t1", attributes.hasPlaces ? "y1" : "t2"],
          constants: { WORKGROUP_SIZE },
          uniforms: { length, parts, extent, inner, k },
          workgroups: linearGrid(length, WORKGROUP_SIZE),
        }),
      ],
      temporaries: [length * parts, attributes.hasValues ? 0 : results, attributes.hasPlaces ? 0 : results],
    };
  },
  reference: ([x, operand], attributes) => {
    const { axis, k, shape } = resultOf(x!, operand && { ...operand, value: operand.data }, attributes);
    const inner = elementCount(shape.slice(axis + 1));
    const values = allocate(x!.dtype, elementCount(shape));
    const indices = allocate("int64", elementCount(shape));
    eachGroup(x!, [axis], (line, _places, output) => {
      const order = [...line.keys()].sort((a, b) =>
        (attributes.isLargest ? line[b]! - line[a]! : line[a]! - line[b]!) || a - b
      );
      order.slice(0, k).forEach((place, rank) => {
        const at = (Math.floor(output / inner) * k + rank) * inner + output % inner;
        values[at] = line[place]!;
        indices[at] = place;
      });
    });
    const results: HostTensor[] = [{ dtype: x!.dtype, shape, data: values }, { dtype: "int64", shape, data: indices }];
    return results;
  },
  cases: [
    { name: "last axis", inputs: [f32(3, 65), constantI64([5])], outputs: 2 },
    {
      name: "smallest along axis 1",
      inputs: [f32(2, 33, 3), constantI64([4])],
      attributes: { axis: 1, largest: 0 },
      outputs: 2,
    },
    { name: "ties", inputs: [{ dtype: "int32", shape: [2, 50] }, constantI64([50])], range: [0, 5], outputs: 2 },
    { name: "unsorted", inputs: [f32(7, 3), constantI64([2])], attributes: { axis: 0, sorted: 0 }, outputs: 2 },
    { name: "in parts", inputs: [f32(8200), constantI64([8200])], outputs: 2 },
    { name: "k as attribute", inputs: [f32(3, 7)], attributes: { k: 2, axis: 1 }, outputs: 2, opset: 9 },
    { name: "values alone", inputs: [f32(3, 7), constantI64([2])] },
    { name: "k 0", inputs: [f32(3, 7), constantI64([0])], outputs: 2 },
  ],
});

function resultOf(x: Pick<TensorType, "shape">, operand: TensorType | undefined, attributes: TopKAttributes) {
  const axis = normalizeAxis(attributes.axis, x.shape.length);
  const k = attributes.k ?? (operand ? constantScalar(operand, "K") : -1);
  if (k < 0 || k > x.shape[axis]!) throw new ModelError(`Cannot take the top ${k} of ${x.shape[axis]} elements`);
  return { axis, k, shape: x.shape.map((extent, place) => place === axis ? k : extent) };
}
