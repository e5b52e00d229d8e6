/** Histogram of the values of every sample, counted where the values are. */
import fillCode from "../../shaders/fill.wgsl" with { type: "text" };
import code from "../../shaders/sample_histogram.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { allocate, elementCount } from "../base/tensor.ts";
import { INTERNAL_DOMAIN } from "./normalize_samples.ts";
import { defineOp } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE", "sample_length" | "part_length" | "bins" | "low" | "density"> = {
  name: "sample_histogram",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["sample_length", "part_length", "bins", "low", "density"],
};

const fillShader: Shader<"WORKGROUP_SIZE", "length"> = {
  name: "fill",
  code: fillCode,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["length"],
};

/** Elements that one workgroup counts. */
const PART_LENGTH = 65536;

interface HistogramAttributes {
  readonly low: number;
  readonly high: number;
  readonly bins: number;
}

/** Float32 [N, …] → uint32 [N, bins]: counts over `low..high`, values outside in the outermost bins. */
export const sampleHistogram = defineOp<HistogramAttributes>({
  type: "SampleHistogram",
  domain: INTERNAL_DOMAIN,
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ low: raw.float("low", 0), high: raw.float("high", 1), bins: raw.int("bins", 2048) }),
  infer([x], { low, high, bins }) {
    if (!(high > low) || bins < 1) throw new ModelError(`found ${bins} bins over ${low} to ${high}`);
    return [{ dtype: "uint32", shape: [x!.shape[0] ?? 1, bins] }];
  },
  lower([x], [y], { low, high, bins }) {
    const length = elementCount(x!.shape.slice(1));
    const words = elementCount(y!.shape);
    return {
      dispatches: [
        dispatch(fillShader, {
          bindings: ["y0"],
          constants: { WORKGROUP_SIZE },
          uniforms: { length: words },
          workgroups: linearGrid(words, WORKGROUP_SIZE),
        }),
        dispatch(shader, {
          bindings: ["x0", "y0"],
          constants: { WORKGROUP_SIZE },
          uniforms: { sample_length: length, part_length: PART_LENGTH, bins, low, density: densityOf(low, high, bins) },
          workgroups: [Math.ceil(length / PART_LENGTH), x!.shape[0]!, 1],
        }),
      ],
    };
  },
  reference([x], { low, high, bins }) {
    const samples = x!.shape[0]!;
    const length = elementCount(x!.shape.slice(1));
    const counts = allocate("uint32", samples * bins);
    const density = densityOf(low, high, bins);
    x!.data.forEach((value, index) => {
      const place = Math.floor(Math.fround(Math.fround(value - Math.fround(low)) * density));
      counts[Math.floor(index / length) * bins + Math.min(Math.max(place, 0), bins - 1)]! += 1;
    });
    return [{ dtype: "uint32", shape: [samples, bins], data: counts }];
  },
  cases: [
    {
      name: "within range",
      inputs: [{ dtype: "float32", shape: [3, 700] }],
      attributes: { low: -4, high: 4, bins: 64 },
    },
    {
      name: "values outside",
      inputs: [{ dtype: "float32", shape: [2, 65] }],
      attributes: { low: -1, high: 0.5, bins: 7 },
    },
    {
      name: "several parts",
      inputs: [{ dtype: "float32", shape: [2, 65540] }],
      attributes: { low: -5, high: 5, bins: 2048 },
    },
  ],
});

function densityOf(low: number, high: number, bins: number): number {
  return Math.fround(bins / (high - low));
}
