import code from "../../shaders/lrn.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { allocate, elementCount, formatShape } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { defineOp } from "./op.ts";
import { MAX_ITERATIONS } from "./tiles.ts";

type Uniform = "length" | "channels" | "inner" | "before" | "after" | "factor" | "beta" | "bias";

const shader: Shader<"WORKGROUP_SIZE", Uniform> = {
  name: "lrn",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length", "channels", "inner", "before", "after", "factor", "beta", "bias"],
  epilogue: true,
};

interface LrnAttributes {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: number;
}

const TOLERANCE = { relative: 2e-5, absolute: 1e-6, reason: "pow is exp2 of a product of log2, each rounded" };

/** ONNX LRN: `x / (bias + alpha / size · Σ x²)^beta`, the sum over ⌊(size-1)/2⌋ channels before and ⌈(size-1)/2⌉ behind. */
export const lrn = defineOp<LrnAttributes>({
  type: "LRN",
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => {
    const size = raw.int("size", 0);
    if (size < 1) throw new ModelError(`Cannot use attribute "size": found ${size}, expected at least 1`);
    return {
      size,
      alpha: Math.fround(raw.float("alpha", 1e-4)),
      beta: Math.fround(raw.float("beta", 0.75)),
      bias: Math.fround(raw.float("bias", 1)),
    };
  },
  infer: ([x]) => {
    if (x!.shape.length < 2) {
      throw new ModelError(`Cannot normalize shape ${formatShape(x!.shape)}: expected rank 2 or more`);
    }
    return [{ dtype: x!.dtype, shape: x!.shape }];
  },
  lower: ([x], _outputs, { size, alpha, beta, bias }) => {
    const neighbours = Math.min(size, x!.shape[1]!);
    if (neighbours > MAX_ITERATIONS) {
      throw new UnsupportedError(`Cannot normalize over ${neighbours} channels, at most ${MAX_ITERATIONS}`);
    }
    const length = elementCount(x!.shape);
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "y0"],
        constants: { WORKGROUP_SIZE },
        uniforms: {
          length,
          channels: x!.shape[1]!,
          inner: elementCount(x!.shape.slice(2)),
          before: Math.floor((size - 1) / 2),
          after: Math.ceil((size - 1) / 2),
          factor: alpha / size,
          beta,
          bias,
        },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: ([x], { size, alpha, beta, bias }) => {
    const channels = x!.shape[1]!;
    const inner = elementCount(x!.shape.slice(2));
    const data = allocate(x!.dtype, x!.data.length);
    x!.data.forEach((value, index) => {
      const channel = Math.floor(index / inner) % channels;
      let sum = 0;
      for (let other = 0; other < channels; other++) {
        const distance = other - channel;
        if (distance < -Math.floor((size - 1) / 2) || distance > Math.ceil((size - 1) / 2)) continue;
        sum += x!.data[index + distance * inner]! ** 2;
      }
      data[index] = value / (bias + alpha / size * sum) ** beta;
    });
    return [{ ...x!, data }];
  },
  cases: [
    { name: "size 5", inputs: [f32(2, 7, 5, 3)], attributes: { size: 5 }, tolerance: TOLERANCE },
    {
      name: "even size, all attributes",
      inputs: [f32(1, 6, 65)],
      attributes: { size: 4, alpha: 0.5, beta: 0.5, bias: 2 },
      tolerance: TOLERANCE,
    },
    {
      name: "wider than the channels",
      inputs: [f32(2, 3, 5)],
      attributes: { size: 9, alpha: 1 },
      tolerance: TOLERANCE,
    },
    { name: "empty", inputs: [f32(0, 3, 2)], attributes: { size: 3 } },
  ],
});
