import code from "../../shaders/unary.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { elementCount } from "../base/tensor.ts";
import { defineOp } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE", "length" | "alpha" | "beta"> = {
  name: "unary",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "alpha", "beta"],
  epilogue: true,
};

/** ONNX LeakyRelu: `x < 0 ? alpha * x : x`. */
export const leakyRelu = defineOp<{ alpha: number }>({
  type: "LeakyRelu",
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ alpha: raw.float("alpha", 0.01) }),
  infer: ([x]) => [{ dtype: x!.dtype, shape: x!.shape }],
  lower: ([x], _outputs, { alpha }) => {
    const length = elementCount(x!.shape);
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "y0"],
        constants: { WORKGROUP_SIZE },
        uniforms: { length, alpha, beta: 0 },
        aliases: { T: "f32", R: "f32" },
        functions: "fn apply(x: T) -> R { return select(x, params.alpha * x, x < 0.0); }",
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: (
    [x],
    { alpha },
  ) => [{ ...x!, data: x!.data.map((v) => v < 0 ? Math.fround(Math.fround(alpha) * v) : v) }],
  asActivation: (_inputs, { alpha }) => ({ kind: "leaky_relu", alpha }),
  cases: [
    { name: "default alpha", inputs: [{ dtype: "float32", shape: [3, 5] }] },
    {
      name: "alpha 0.5 over several workgroups",
      inputs: [{ dtype: "float32", shape: [257] }],
      attributes: { alpha: 0.5 },
    },
    { name: "empty", inputs: [{ dtype: "float32", shape: [0] }] },
  ],
});
