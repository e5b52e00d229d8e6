/** Stored samples → network input, on the GPU: bytes unpacked, mean subtracted, divided by the standard deviation. */
import code from "../../shaders/normalize_samples.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { allocate, elementCount, formatShape } from "../base/tensor.ts";
import { defineOp } from "./op.ts";

const shader: Shader<
  "WORKGROUP_SIZE" | "BYTES",
  "length" | "sample_length" | "sample_words" | "channels" | "inner"
> = {
  name: "normalize_samples",
  code,
  constants: ["WORKGROUP_SIZE", "BYTES"],
  uniforms: ["length", "sample_length", "sample_words", "channels", "inner"],
  epilogue: true,
};

/** Domain of operators that exist only inside the project and never in a file. */
export const INTERNAL_DOMAIN = "holdfast";

interface NormalizeAttributes {
  /** Of one sample. */
  readonly shape: readonly number[];
  readonly channelAxis: number;
  readonly bytes: boolean;
}

/**
 * Inputs: stored samples ([N, words]: four bytes to a word when `bytes` is 1, else one float32), standard deviations and
 * means (one per channel). Output: `(x - mean[c]) / std[c]` as float32 [N, ...shape].
 */
export const normalizeSamples = defineOp<NormalizeAttributes>({
  type: "NormalizeSamples",
  domain: INTERNAL_DOMAIN,
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({
    shape: raw.numbers("shape") ?? [],
    channelAxis: raw.int("channel_axis", 0),
    bytes: raw.int("bytes", 0) === 1,
  }),
  infer([x], { shape, bytes }) {
    const words = bytes ? Math.ceil(elementCount(shape) / 4) : elementCount(shape);
    if (x!.shape.length !== 2 || x!.shape[1] !== words) {
      throw new ModelError(`found stored samples ${formatShape(x!.shape)}, expected [N, ${words}]`);
    }
    return [{ dtype: "float32", shape: [x!.shape[0]!, ...shape] }];
  },
  lower([x], [y], { shape, channelAxis, bytes }) {
    const length = elementCount(y!.shape);
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "x1", "x2", "y0"],
        constants: { WORKGROUP_SIZE, BYTES: bytes },
        uniforms: {
          length,
          sample_length: elementCount(shape),
          sample_words: x!.shape[1]!,
          channels: shape[channelAxis] ?? 1,
          inner: elementCount(shape.slice(channelAxis + 1)),
        },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference([x, deviation, mean], { shape, channelAxis, bytes }) {
    const sampleLength = elementCount(shape);
    const words = x!.shape[1]!;
    const samples = x!.shape[0]!;
    const inner = elementCount(shape.slice(channelAxis + 1));
    const channels = shape[channelAxis] ?? 1;
    const data = allocate("float32", samples * sampleLength);
    for (let index = 0; index < data.length; index++) {
      const [sample, offset] = [Math.floor(index / sampleLength), index % sampleLength];
      const stored = bytes
        ? (x!.data[sample * words + Math.floor(offset / 4)]! >>> (8 * (offset % 4))) & 255
        : x!.data[sample * words + offset]!;
      const channel = Math.floor(offset / inner) % channels;
      data[index] = Math.fround(Math.fround(stored - mean!.data[channel]!)) / deviation!.data[channel]!;
    }
    return [{ dtype: "float32", shape: [samples, ...shape], data }];
  },
  cases: [
    {
      name: "bytes, three channels, samples padded to words",
      inputs: [
        { dtype: "int32", shape: [2, 12] },
        { dtype: "float32", shape: [3], value: Float32Array.of(2, 0.5, 58.25) },
        { dtype: "float32", shape: [3], value: Float32Array.of(120.5, 0, 3) },
      ],
      attributes: { shape: [3, 3, 5], channel_axis: 0, bytes: 1 },
      range: [-2e9, 2e9],
    },
    {
      name: "floats, channels last",
      inputs: [
        { dtype: "float32", shape: [3, 20] },
        { dtype: "float32", shape: [5], value: Float32Array.of(1, 2, 3, 4, 5) },
        { dtype: "float32", shape: [5], value: Float32Array.of(0, 1, 2, 3, -4) },
      ],
      attributes: { shape: [2, 2, 5], channel_axis: 2, bytes: 0 },
    },
  ],
});
