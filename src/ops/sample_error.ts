/** How two values differ in every sample, reduced where the values are. */
import code from "../../shaders/sample_error.wgsl" with { type: "text" };
import { dispatch, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { allocate, elementCount, formatShape } from "../base/tensor.ts";
import { INTERNAL_DOMAIN } from "./normalize_samples.ts";
import { defineOp } from "./op.ts";

const shader: Shader<"WORKGROUP_SIZE", "sample_length" | "parts" | "part_length"> = {
  name: "sample_error",
  code,
  constants: ["WORKGROUP_SIZE"],
  uniforms: ["sample_length", "parts", "part_length"],
};

/** Elements that one workgroup reduces: far from the loop limit, and sums short enough for float32. */
const PART_LENGTH = 16384;

/** Numbers that a part is reduced to. */
export const ERROR_TERMS = 5;

/**
 * Float32 a, b [N, …] → [N, parts, 5]: of each part of a sample the sums of a², b², a·b and (a − b)², and the largest |a − b|.
 * The reader adds up the parts.
 */
export const sampleError = defineOp<undefined>({
  type: "SampleError",
  domain: INTERNAL_DOMAIN,
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: () => undefined,
  infer([a, b]) {
    if (formatShape(a!.shape) !== formatShape(b!.shape)) {
      throw new ModelError(`its inputs have shapes ${formatShape(a!.shape)} and ${formatShape(b!.shape)}`);
    }
    const length = elementCount(a!.shape.slice(1));
    if (a!.shape.length === 0 || length === 0) throw new ModelError("its inputs are empty or have no samples");
    return [{ dtype: "float32", shape: [a!.shape[0]!, Math.ceil(length / PART_LENGTH), ERROR_TERMS] }];
  },
  lower([a], [y]) {
    const parts = y!.shape[1]!;
    return {
      dispatches: [dispatch(shader, {
        bindings: ["x0", "x1", "y0"],
        constants: { WORKGROUP_SIZE },
        uniforms: { sample_length: elementCount(a!.shape.slice(1)), parts, part_length: PART_LENGTH },
        workgroups: [parts, a!.shape[0]!, 1],
      })],
    };
  },
  reference([a, b]) {
    const length = elementCount(a!.shape.slice(1));
    const parts = Math.ceil(length / PART_LENGTH);
    const data = allocate("float32", a!.shape[0]! * parts * ERROR_TERMS);
    for (let part = 0; part < data.length / ERROR_TERMS; part++) {
      const from = Math.floor(part / parts) * length + (part % parts) * PART_LENGTH;
      const to = Math.min(from + PART_LENGTH, Math.floor(part / parts) * length + length);
      const terms = [0, 0, 0, 0, 0];
      for (let place = from; place < to; place++) {
        const [p, q] = [a!.data[place]!, b!.data[place]!];
        [p * p, q * q, p * q, (p - q) ** 2].forEach((value, term) => terms[term]! += value);
        terms[4] = Math.max(terms[4]!, Math.abs(p - q));
      }
      data.set(terms, part * ERROR_TERMS);
    }
    return [{ dtype: "float32", shape: [a!.shape[0]!, parts, ERROR_TERMS], data }];
  },
  cases: [
    {
      name: "small samples",
      inputs: [{ dtype: "float32", shape: [3, 5, 7] }, { dtype: "float32", shape: [3, 5, 7] }],
      tolerance: summed(1e-4),
    },
    {
      name: "one value per sample",
      inputs: [{ dtype: "float32", shape: [4] }, { dtype: "float32", shape: [4] }],
      tolerance: summed(1e-5),
    },
    {
      name: "several parts",
      inputs: [{ dtype: "float32", shape: [2, 16385] }, { dtype: "float32", shape: [2, 16385] }],
      tolerance: summed(0.05),
    },
  ],
});

function summed(absolute: number) {
  return { absolute, reason: "float32 sums of up to 16,384 products in another order" };
}
