/** Smallest and largest value of every sample, reduced where the values are. */
import code from "../../shaders/sample_range.wgsl" with { type: "text" };
import { dispatch, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { allocate, elementCount } from "../base/tensor.ts";
import { INTERNAL_DOMAIN } from "./normalize_samples.ts";
import { defineOp } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE", "sample_length" | "parts" | "part_length"> = {
  name: "sample_range",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["sample_length", "parts", "part_length"],
};

/** Elements that one workgroup reduces: far from the loop limit, and enough workgroups for small batches. */
const PART_LENGTH = 65536;

/** Float32 [N, …] → [N, parts, 2]: minimum and maximum of each part of a sample, the reader takes those of all parts. */
export const sampleRange = defineOp<undefined>({
  type: "SampleRange",
  domain: INTERNAL_DOMAIN,
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: () => undefined,
  infer([x]) {
    const length = elementCount(x!.shape.slice(1));
    if (x!.shape.length === 0 || length === 0) throw new ModelError("its input is empty or has no samples");
    return [{ dtype: "float32", shape: [x!.shape[0]!, Math.ceil(length / PART_LENGTH), 2] }];
  },
  lower([x], [y]) {
    const parts = y!.shape[1]!;
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "y0"],
        constants: { WORKGROUP_SIZE },
        uniforms: { sample_length: elementCount(x!.shape.slice(1)), parts, part_length: PART_LENGTH },
        workgroups: [parts, x!.shape[0]!, 1],
      })],
    };
  },
  reference([x]) {
    const length = elementCount(x!.shape.slice(1));
    const parts = Math.ceil(length / PART_LENGTH);
    const data = allocate("float32", x!.shape[0]! * parts * 2);
    for (let part = 0; part < data.length / 2; part++) {
      const sample = Math.floor(part / parts);
      const start = (part % parts) * PART_LENGTH;
      const end = Math.min(start + PART_LENGTH, length);
      data[2 * part] = Infinity;
      data[2 * part + 1] = -Infinity;
      for (const value of x!.data.subarray(sample * length + start, sample * length + end)) {
        data[2 * part] = Math.min(data[2 * part]!, value);
        data[2 * part + 1] = Math.max(data[2 * part + 1]!, value);
      }
    }
    return [{ dtype: "float32", shape: [x!.shape[0]!, parts, 2], data }];
  },
  cases: [
    { name: "small samples", inputs: [{ dtype: "float32", shape: [3, 5, 7] }] },
    { name: "one value per sample", inputs: [{ dtype: "float32", shape: [4] }] },
    { name: "several parts", inputs: [{ dtype: "float32", shape: [2, 65537] }] },
  ],
});
