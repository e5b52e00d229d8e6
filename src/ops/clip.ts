import code from "../../shaders/clip.wgsl" with { type: "text" };
import { type Activation, dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { elementCount, isFloat, storageOf, type TensorType } from "../base/tensor.ts";
import { defineOp, type Operands } from "./op.ts";
import { unaryOp } from "./unary.ts";
import { isNumber } from "./words.ts";

const shader: Shader<"WORKGROUP_SIZE" | "HAS_LOW" | "HAS_HIGH", "length"> = {
  name: "clip",
  code,
  constants: ["WORKGROUP_SIZE", "HAS_LOW", "HAS_HIGH"],
  uniforms: ["length"],
  epilogue: true,
};

const LARGEST_FLOAT = 3.4028234663852886e38;

/** ONNX Clip up to opset 10: the bounds are attributes. */
const clipByAttributes = unaryOp({
  type: "Clip",
  wgsl: "min(max(x, params.alpha), params.beta)",
  value: (x, { alpha, beta }) => Math.min(Math.max(x, alpha), beta),
  attributes: (raw) => ({
    alpha: Math.fround(raw.float("min", -LARGEST_FLOAT)),
    beta: Math.fround(raw.float("max", LARGEST_FLOAT)),
  }),
  asActivation: ({ alpha, beta }) => ({ kind: "clip", alpha, beta }),
  caseOpset: 10,
  cases: [
    { name: "both bounds", inputs: [{ dtype: "float32", shape: [65] }], attributes: { min: -1, max: 2.5 } },
    { name: "crossed bounds", inputs: [{ dtype: "float32", shape: [65] }], attributes: { min: 2, max: 1 }, opset: 6 },
  ],
});

/** Clip with bounds that are known, as a store applies it. */
function clipActivation([x, low, high]: Operands<TensorType>): Activation | undefined {
  if (!isFloat(x!.dtype) || x!.dtype === "float64") return undefined;
  if ((low && !low.value) || (high && !high.value)) return undefined;
  return { kind: "clip", alpha: low?.value?.[0] ?? -LARGEST_FLOAT, beta: high?.value?.[0] ?? LARGEST_FLOAT };
}

/** ONNX Clip from opset 11: the bounds are optional one-element tensors; where they cross, the upper one wins. */
const clipByInputs = defineOp<null>({
  type: "Clip",
  since: 11,
  quant: { kind: "non_quantizable" },
  attributes: () => null,
  infer: ([x, low, high]) => {
    if (!isNumber(x!.dtype)) throw new ModelError(`Cannot clip elements of type ${x!.dtype}, expected a number`);
    for (const bound of [low, high]) {
      if (bound && (elementCount(bound.shape) !== 1 || bound.dtype !== x!.dtype)) {
        throw new ModelError(`Cannot clip: found a bound of ${bound.dtype}[${bound.shape}], expected one ${x!.dtype}`);
      }
    }
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x, low, high], [y]) => {
    if (!low && !high) return { dispatches: [], aliasOf: 0 };
    const length = elementCount(x!.shape);
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", low ? "x1" : "x2", high ? "x2" : "x1", "y0"],
        constants: { WORKGROUP_SIZE, HAS_LOW: low !== undefined, HAS_HIGH: high !== undefined },
        uniforms: { length },
        aliases: { T: storageOf(x!.dtype), R: storageOf(y!.dtype) },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: ([x, low, high]) => {
    const floor = low?.data[0] ?? -Infinity;
    const ceiling = high?.data[0] ?? Infinity;
    return [{ ...x!, data: x!.data.map((value) => Math.min(Math.max(value, floor), ceiling)) }];
  },
  asActivation: clipActivation,
  asFormula(inputs) {
    const activation = clipActivation(inputs);
    return activation && { kind: "activation", activation };
  },
  cases: [
    {
      name: "constant bounds",
      inputs: [
        { dtype: "float32", shape: [3, 65] },
        { dtype: "float32", shape: [], value: new Float32Array([-1]) },
        { dtype: "float32", shape: [], value: new Float32Array([6]) },
      ],
    },
    {
      name: "bounds at run time",
      inputs: [{ dtype: "float32", shape: [65] }, { dtype: "float32", shape: [] }, { dtype: "float32", shape: [] }],
    },
    {
      name: "upper bound alone",
      inputs: [{ dtype: "float32", shape: [65] }, undefined, {
        dtype: "float32",
        shape: [1],
        value: new Float32Array([0.5]),
      }],
    },
    { name: "lower bound alone of int8", inputs: [{ dtype: "int8", shape: [65] }, { dtype: "int8", shape: [] }] },
    {
      name: "large int32 bounds",
      inputs: [
        { dtype: "int32", shape: [65] },
        { dtype: "int32", shape: [], value: new Int32Array([-16777217]) },
        { dtype: "int32", shape: [], value: new Int32Array([16777217]) },
      ],
    },
    { name: "no bounds", inputs: [{ dtype: "float32", shape: [65] }] },
  ],
});

/** Clip with its bounds as attributes and as inputs. */
export const CLIP_OPERATORS = [clipByAttributes, clipByInputs];
