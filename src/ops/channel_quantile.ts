/** A quantile of every channel of every sample, found where the values are. */
import code from "../../shaders/channel_quantile.wgsl" with { type: "text" };
import { dispatch, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { allocate, elementCount } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { INTERNAL_DOMAIN } from "./normalize_samples.ts";
import { defineOp } from "./op.ts";
import { MAX_ITERATIONS } from "./tiles.ts";

const shader: Shader<"WORKGROUP_SIZE", "channels" | "outer" | "inner" | "rank" | "fraction"> = {
  name: "channel_quantile",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["channels", "outer", "inner", "rank", "fraction"],
};

/** Times that the kernel goes over all positions. */
const PASSES = 5;

/** Iterations that the kernel needs for its counts, whatever the positions. */
const COUNTING = 1200;

/** Most positions that a channel of a sample may have. */
export const LARGEST_CHANNEL = Math.floor((MAX_ITERATIONS - COUNTING) / PASSES) * WORKGROUP_SIZE;

/**
 * Float32 [N, …, C, …] → [N, C]: quantile `q` over every axis but the first and `axis`, interpolated linearly between the two nearest
 * ranks as NumPy does; `q` 0 and 1 are minimum and maximum.
 */
export const channelQuantile = defineOp<{ axis: number; q: number }>({
  type: "ChannelQuantile",
  domain: INTERNAL_DOMAIN,
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ axis: raw.int("axis", 1), q: raw.float("q", 0.5) }),
  infer([x], { axis, q }) {
    const at = normalizeAxis(axis, x!.shape.length);
    if (at === 0 || elementCount(x!.shape) === 0) throw new ModelError("its input is empty, or its axis the batch");
    if (!(q >= 0 && q <= 1)) throw new ModelError(`its quantile is ${q}, expected 0 to 1`);
    const positions = elementCount(x!.shape.slice(1)) / x!.shape[at]!;
    if (positions > LARGEST_CHANNEL) {
      throw new UnsupportedError(`Cannot take quantiles of ${positions} positions, at most ${LARGEST_CHANNEL}`);
    }
    return [{ dtype: "float32", shape: [x!.shape[0]!, x!.shape[at]!] }];
  },
  lower([x], [y], { axis, q }) {
    const at = normalizeAxis(axis, x!.shape.length);
    const outer = elementCount(x!.shape.slice(1, at));
    const inner = elementCount(x!.shape.slice(at + 1));
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "y0"],
        constants: { WORKGROUP_SIZE },
        uniforms: { channels: y!.shape[1]!, outer, inner, ...placeOf(q, outer * inner) },
        workgroups: [y!.shape[1]!, y!.shape[0]!, 1],
      })],
    };
  },
  reference([x], { axis, q }) {
    const at = normalizeAxis(axis, x!.shape.length);
    const [samples, channels] = [x!.shape[0]!, x!.shape[at]!];
    const inner = elementCount(x!.shape.slice(at + 1));
    const positions = elementCount(x!.shape.slice(1)) / channels;
    const { rank, fraction } = placeOf(q, positions);
    const columns = Array.from({ length: samples * channels }, () => [] as number[]);
    x!.data.forEach((value, index) => {
      const channel = Math.floor(index / inner) % channels;
      columns[Math.floor(index / (positions * channels)) * channels + channel]!.push(value);
    });
    const data = allocate("float32", columns.length);
    columns.forEach((column, index) => {
      const sorted = column.sort((a, b) => a - b);
      const [low, high] = [sorted[rank]!, sorted[Math.min(rank + 1, positions - 1)]!];
      data[index] = low + (high - low) * fraction;
    });
    return [{ dtype: "float32", shape: [samples, channels], data }];
  },
  cases: [
    { name: "low end of pictures", inputs: [f32(2, 5, 9, 9)], attributes: { q: 0.02 }, tolerance: interpolated() },
    { name: "median, channels last", inputs: [f32(3, 7, 2, 5)], attributes: { axis: -1 }, tolerance: interpolated() },
    { name: "minimum", inputs: [f32(3, 4, 100)], attributes: { q: 0 } },
    { name: "maximum", inputs: [f32(3, 4, 100)], attributes: { q: 1 } },
    { name: "vectors", inputs: [f32(3, 65)], attributes: { q: 0.999 } },
    { name: "values far apart", inputs: [f32(1, 2, 300)], attributes: { q: 0.75 }, range: [-1e20, 1e20] },
  ],
});

/** Rank from 0 below the quantile, and how far towards the next one it lies. */
function placeOf(q: number, positions: number): { rank: number; fraction: number } {
  const place = q * (positions - 1);
  const rank = Math.floor(place);
  return { rank, fraction: place - rank };
}

function interpolated() {
  return { absolute: 2e-6, reason: "the GPU may round the interpolation once or twice" };
}
