/** Mean of every channel of every sample, reduced where the values are. */
import code from "../../shaders/channel_mean.wgsl" with { type: "text" };
import { dispatch, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { allocate, elementCount } from "../base/tensor.ts";
import { INTERNAL_DOMAIN } from "./normalize_samples.ts";
import { defineOp } from "./op.ts";
import { MAX_ITERATIONS } from "./tiles.ts";

const shader: Shader<"WORKGROUP_SIZE", "channels" | "outer" | "inner"> = {
  name: "channel_mean",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["channels", "outer", "inner"],
};

/** Float32 [N, …, C, …] → [N, C]: mean over every axis but the first and `axis`. */
export const channelMean = defineOp<{ axis: number }>({
  type: "ChannelMean",
  domain: INTERNAL_DOMAIN,
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ axis: raw.int("axis", 1) }),
  infer([x], { axis }) {
    const at = normalizeAxis(axis, x!.shape.length);
    if (at === 0 || elementCount(x!.shape) === 0) throw new ModelError("its input is empty, or its axis the batch");
    const positions = elementCount(x!.shape.slice(1)) / x!.shape[at]!;
    if (positions > MAX_ITERATIONS * WORKGROUP_SIZE) {
      throw new UnsupportedError(
        `Cannot take means of ${positions} positions, at most ${MAX_ITERATIONS * WORKGROUP_SIZE}`,
      );
    }
    return [{ dtype: "float32", shape: [x!.shape[0]!, x!.shape[at]!] }];
  },
  lower([x], [y], { axis }) {
    const at = normalizeAxis(axis, x!.shape.length);
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "y0"],
        constants: { WORKGROUP_SIZE },
        uniforms: {
          channels: y!.shape[1]!,
          outer: elementCount(x!.shape.slice(1, at)),
          inner: elementCount(x!.shape.slice(at + 1)),
        },
        workgroups: [y!.shape[1]!, y!.shape[0]!, 1],
      })],
    };
  },
  reference([x], { axis }) {
    const at = normalizeAxis(axis, x!.shape.length);
    const [samples, channels] = [x!.shape[0]!, x!.shape[at]!];
    const outer = elementCount(x!.shape.slice(1, at));
    const inner = elementCount(x!.shape.slice(at + 1));
    const sums = new Float64Array(samples * channels);
    x!.data.forEach((value, index) => {
      const channel = Math.floor(index / inner) % channels;
      sums[Math.floor(index / (outer * channels * inner)) * channels + channel]! += value;
    });
    const data = allocate("float32", sums.length);
    sums.forEach((sum, index) => data[index] = sum / (outer * inner));
    return [{ dtype: "float32", shape: [samples, channels], data }];
  },
  cases: [
    { name: "pictures", inputs: [{ dtype: "float32", shape: [2, 5, 9, 9] }], tolerance: summed() },
    {
      name: "channels last",
      inputs: [{ dtype: "float32", shape: [3, 7, 2, 5] }],
      attributes: { axis: -1 },
      tolerance: summed(),
    },
    { name: "vectors", inputs: [{ dtype: "float32", shape: [3, 65] }] },
  ],
});

function summed() {
  return { absolute: 2e-6, reason: "float32 sums in another order" };
}
