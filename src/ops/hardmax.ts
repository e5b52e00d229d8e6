import code from "../../shaders/hardmax.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { allocate, elementCount } from "../base/tensor.ts";
import { argFold } from "./arg_extreme.ts";
import { f32 } from "./case_types.ts";
import { defineOp } from "./op.ts";
import { eachGroup, foldPasses } from "./reduction.ts";
import { type SoftmaxAttributes, softmaxAxes } from "./softmax.ts";

const shader: Shader<"WORKGROUP_SIZE", "length" | "inner" | "extent"> = {
  name: "hardmax",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "inner", "extent"],
  epilogue: true,
};

/** ONNX Hardmax: 1 at the first maximum along an axis (before opset 13: of all axes from one on), 0 elsewhere. */
export const hardmax = defineOp<SoftmaxAttributes>({
  type: "Hardmax",
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: (raw, { opset }) => ({ axis: raw.int("axis", opset < 13 ? 1 : -1), flattens: opset < 13 }),
  infer: ([x], attributes) => {
    softmaxAxes(x!.shape, attributes);
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x], _outputs, attributes) => {
    const { shape } = x!;
    const axes = softmaxAxes(shape, attributes);
    const inner = elementCount(shape.slice((axes.at(-1) ?? shape.length) + 1));
    const extent = elementCount(axes.map((axis) => shape[axis]!));
    const length = elementCount(shape);
    const outputs = length === 0 ? 0 : length / extent;
    const fold = argFold("f32", ">", false);
    const firstPasses = foldPasses({ slot: "x0", storage: "f32", shape, axes }, fold, {
      slot: "t0",
      storage: "i32",
      expression: "a.index",
    }, 1);
    return {
      dispatches: [
        ...firstPasses.dispatches,
        dispatch(shader, {
          bindings: ["t0", "y0"],
          constants: { WORKGROUP_SIZE },
          uniforms: { length, inner, extent },
          workgroups: linearGrid(length, WORKGROUP_SIZE),
        }),
      ],
      temporaries: [outputs, ...firstPasses.temporaries],
    };
  },
  reference: ([x], attributes) => {
    const data = allocate(x!.dtype, x!.data.length);
    eachGroup(x!, softmaxAxes(x!.shape, attributes), (values, places) => {
      const first = places[values.indexOf(values.reduce((most, value) => Math.max(most, value), -Infinity))];
      if (first !== undefined) data[first] = 1;
    });
    return [{ ...x!, data }];
  },
  cases: [
    { name: "last axis", inputs: [f32(3, 65)] },
    { name: "middle axis", inputs: [f32(2, 33, 5)], attributes: { axis: 1 } },
    { name: "long", inputs: [f32(2, 3000)] },
    { name: "opset 11 flattens", inputs: [f32(2, 3, 5)], opset: 11 },
    { name: "empty", inputs: [f32(0, 3)] },
  ],
});
