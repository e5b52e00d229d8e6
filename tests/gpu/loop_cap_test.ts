/**
 * Some software adapters stop every loop of an invocation after 65,535 iterations, silently: sums come out too small. Kernels split
 * longer work or refuse it; these cases would be wrong otherwise.
 */
import assert from "node:assert/strict";
import { UnsupportedError } from "../../src/base/errors.ts";
import { hostTensor, type TensorType } from "../../src/base/tensor.ts";
import { createStorage, readBuffers } from "../../src/gpu/buffers.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { constantI64, f32 } from "../../src/ops/case_types.ts";
import { LARGEST_CHANNEL } from "../../src/ops/channel_quantile.ts";
import { INTERNAL_DOMAIN } from "../../src/ops/normalize_samples.ts";
import type { OpCase, OpDef } from "../../src/ops/op.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { findOperator } from "../../src/ops/registry.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { openTestGpu } from "../support/adapter.ts";
import { generate, graphOfCase, NEWEST_OPSET } from "../support/op_graph.ts";
import { CaseRunner, type Contents } from "../support/run_case.ts";

const gpu = await openTestGpu();

/** Seeded contents whose last two elements are the smallest and the largest: who stops early misses them. */
const extremesLast: Contents = (type, range, seed) => {
  const { data, ...rest } = generate(type, range, seed);
  if (type.dtype !== "float32" || data.length < 3) return { ...rest, data };
  const values = Float32Array.from(data);
  values.set([1.25 * range[0], 1.25 * range[1]], data.length - 2);
  return { ...rest, data: values };
};

const runner = gpu && new CaseRunner(gpu, extremesLast);

/** How far single precision may be off after 200,000 additions. The terms beyond the cap come to far more. */
const LONG_SUM = { relative: 2e-4, absolute: 0.02, reason: "the order of many additions is open" };

const reduced = (type: string, more: Partial<OpCase> = {}): [string, OpCase] => [type, {
  name: "200,000 elements",
  inputs: [f32(200_000), constantI64([0])],
  range: [-1, 1],
  tolerance: LONG_SUM,
  ...more,
}];

const one = (type: string, name: string, inputs: OpCase["inputs"], more: Partial<OpCase> = {}): [string, OpCase] => [
  type,
  { name, inputs, range: [-1, 1], tolerance: LONG_SUM, ...more },
];

const POSITIVE = { range: [0.5, 1] } as const;
/** For means, of which a wrong one of values around 0 would still be near 0. */
const MEAN = {
  ...POSITIVE,
  tolerance: { relative: 1e-4, absolute: 1e-4, reason: "the order of many additions is open" },
};
const uint8 = (...shape: number[]): TensorType => ({ dtype: "uint8", shape });
const int32 = (...shape: number[]): TensorType => ({ dtype: "int32", shape });

/** Operators with more to loop over than the cap, which they must get right. */
const COMPUTED: readonly (readonly [string, OpCase])[] = [
  ...["ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceMax", "ReduceMin"].map((type) => reduced(type)),
  reduced("ReduceMean", MEAN),
  reduced("ReduceLogSum", POSITIVE),
  reduced("ReduceLogSumExp"),
  reduced("ReduceProd", { range: [0.9999, 1.0001] }),
  one("ArgMax", "100,000 elements", [f32(1, 100_000)], { attributes: { axis: 1 } }),
  one("ArgMin", "100,000 elements", [f32(1, 100_000)], { attributes: { axis: 1 } }),
  one("Softmax", "100,000 elements", [f32(1, 100_000)], { tolerance: { relative: 1e-4, reason: "long sum" } }),
  one("LogSoftmax", "100,000 elements", [f32(1, 100_000)]),
  one("Hardmax", "100,000 elements", [f32(1, 100_000)]),
  one("Gemm", "70,000 products", [f32(2, 70_000), f32(70_000, 3)]),
  one("MatMul", "70,000 products", [f32(2, 70_000), f32(70_000, 3)]),
  one("MatMul", "vectors of 70,000", [f32(70_000), f32(70_000)]),
  one("Conv", "8,000 channels 3x3", [f32(1, 8000, 3, 3), f32(2, 8000, 3, 3)]),
  one("Conv", "a window of 300x300", [f32(1, 1, 300, 300), f32(1, 1, 300, 300)]),
  one("ConvTranspose", "8,000 channels 3x3", [f32(1, 8000, 1, 1), f32(8000, 1, 3, 3)]),
  one("GlobalAveragePool", "300x300", [f32(1, 2, 300, 300)], MEAN),
  one("GlobalMaxPool", "300x300", [f32(1, 2, 300, 300)]),
  one("GlobalLpPool", "300x300", [f32(1, 2, 300, 300)]),
  one("AveragePool", "a window of 240x240", [f32(1, 1, 241, 240)], {
    ...MEAN,
    attributes: { kernel_shape: [240, 240] },
  }),
  one("MaxPool", "a window of 240x240", [f32(1, 1, 241, 240)], { attributes: { kernel_shape: [240, 240] } }),
  one("LayerNormalization", "100,000 elements", [f32(1, 100_000), f32(100_000), f32(100_000)], MEAN),
  one("InstanceNormalization", "300x300", [f32(1, 2, 300, 300), f32(2), f32(2)], MEAN),
  one("GroupNormalization", "300x300", [f32(1, 2, 300, 300), f32(2), f32(2)], {
    ...MEAN,
    attributes: { num_groups: 1 },
  }),
  one("MeanVarianceNormalization", "300x300", [f32(1, 2, 300, 300)], MEAN),
  one("LpNormalization", "70,000 elements", [f32(2, 70_000)], { tolerance: { relative: 1e-3, reason: "long sum" } }),
  one("CumSum", "70,000 elements", [f32(70_000), constantI64([0], [])]),
  one("ConvTranspose", "60,000 channels 1x1", [f32(1, 60_000, 1, 1), f32(60_000, 1, 1, 1)]),
  one("Conv", "a window of 58,000x1", [f32(1, 1, 58_001, 1), f32(1, 1, 58_000, 1)]),
  one("Einsum", "290x100 products", [f32(2, 290, 100), f32(3, 290, 100)], { attributes: { equation: "ikl,jkl->ij" } }),
  one("Resize", "300x300 to one", [f32(1, 1, 300, 300), undefined, undefined, constantI64([1, 1, 1, 1])], {
    ...MEAN,
    attributes: { mode: "linear", antialias: 1 },
  }),
  one("ScatterElements", "70,000 updates of one element", [f32(1), constantZeros(70_000), f32(70_000)], {
    attributes: { reduction: "add" },
  }),
  one("ScatterND", "70,000 updates of one element", [f32(1), constantZeros(70_000, 1), f32(70_000)], {
    attributes: { reduction: "add" },
  }),
  one("LpPool", "a window of 240x240", [f32(1, 1, 241, 240)], { attributes: { kernel_shape: [240, 240] } }),
  one("Einsum", "59,000 products", [f32(2, 59_000), f32(3, 59_000)], { attributes: { equation: "ik,jk->ij" } }),
  one("Einsum", "70,000 products", [f32(2, 70_000), f32(3, 70_000)], { attributes: { equation: "ik,jk->ij" } }),
  one("Einsum", "70,000 products before others", [f32(2, 70_000), f32(3, 70_000), f32(3, 5)], {
    attributes: { equation: "ik,jk,jl->il" },
    tolerance: { ...LONG_SUM, absolute: 0.2 },
  }),
  one("MatMulInteger", "59,000 products", [uint8(2, 59_000), uint8(59_000, 3)], { range: [0, 180] }),
  one("ConvInteger", "6,600 channels 3x3", [uint8(1, 6600, 3, 3), uint8(2, 6600, 3, 3)], { range: [0, 180] }),
  one("Det", "48x48", [f32(1, 48, 48)], { tolerance: { relative: 1e-2, reason: "long elimination" } }),
  one("RNN", "49,000 inputs", [f32(1, 1, 49_000), f32(1, 2, 49_000), f32(1, 2, 2)], {
    attributes: { hidden_size: 2 },
    range: [-0.05, 0.05],
    tolerance: { absolute: 1e-4, reason: "long sum" },
  }),
  one("RoiAlign", "one cell over 240x240", [f32(1, 1, 240, 240), region(240, 240), constantI64([0])], {
    ...MEAN,
    attributes: { output_height: 1, output_width: 1, sampling_ratio: 0 },
  }),
  one("ChannelQuantile", "the largest channel", [f32(1, 1, LARGEST_CHANNEL)], { attributes: { q: 0.9999 } }),
  one("DynamicQuantizeLinear", "70,000 elements", [f32(70_000)], { outputs: 3 }),
];

/** Those that say so before any work. */
const REFUSED: readonly (readonly [string, OpCase])[] = [
  one("ChannelQuantile", "a channel too large", [f32(1, 1, LARGEST_CHANNEL + 1)]),
  one("MaxPool", "a window of 50,000x1", [f32(1, 1, 50_001, 1)], {
    attributes: { kernel_shape: [50_000, 1] },
    outputs: 2,
  }),
  one("LpPool", "a window of 50,000x1", [f32(1, 1, 50_001, 1)], { attributes: { kernel_shape: [50_000, 1] } }),
  one("RoiAlign", "one cell over 49,000x1", [f32(1, 1, 49_000, 1), region(1, 49_000), constantI64([0])], {
    attributes: { output_height: 1, output_width: 1, sampling_ratio: 0 },
  }),
  one("ConvInteger", "a window of 240x240", [uint8(1, 1, 240, 240), uint8(1, 1, 240, 240)], { range: [0, 255] }),
  one("ConvInteger", "a window of 58,000x1", [uint8(1, 1, 58_000, 1), uint8(1, 1, 58_000, 1)], { range: [0, 255] }),
  one("Resize", "100,000 to two", [f32(1, 1, 1, 100_000), undefined, undefined, constantI64([1, 1, 1, 2])], {
    attributes: { mode: "linear", antialias: 1 },
  }),
  one("Det", "80x80", [f32(1, 80, 80)]),
  one("LRN", "70,000 channels", [f32(1, 70_000, 1)], { attributes: { size: 70_001 } }),
  one("ConvTranspose", "a window of 40,000", [f32(1, 1, 3), f32(1, 1, 40_000)]),
  one("RNN", "70,000 inputs", [f32(1, 1, 70_000), f32(1, 2, 70_000), f32(1, 2, 2)], {
    attributes: { hidden_size: 2 },
    range: [-0.01, 0.01],
  }),
  one("Col2Im", "a window of 300x300", [
    f32(1, 90_000, 1),
    constantI64([300, 300]),
    constantI64([300, 300]),
  ]),
  one("RoiAlign", "one cell over 300x300", [f32(1, 1, 300, 300), region(300, 300), constantI64([0])], {
    attributes: { output_height: 1, output_width: 1, sampling_ratio: 0 },
  }),
  one("AveragePool", "a window of 300x300", [f32(1, 1, 301, 300)], { attributes: { kernel_shape: [300, 300] } }),
  one("MaxPool", "a window of 300x300", [f32(1, 1, 301, 300)], { attributes: { kernel_shape: [300, 300] } }),
  one("LpPool", "a window of 300x300", [f32(1, 1, 301, 300)], { attributes: { kernel_shape: [300, 300] } }),
  one("Einsum", "70,000 products of integers", [int32(2, 70_000), int32(3, 70_000)], {
    attributes: { equation: "ik,jk->ij" },
  }),
  one("MatMulInteger", "70,000 products", [uint8(2, 70_000), uint8(70_000, 3)]),
  one("ConvInteger", "8,000 channels 3x3", [uint8(1, 8000, 3, 3), uint8(2, 8000, 3, 3)]),
];

/** One region of interest, the whole picture. */
function region(width: number, height: number): TensorType {
  const { shape, data } = hostTensor("float32", [1, 4], [0, 0, width, height]);
  return { dtype: "float32", shape, value: data };
}

function constantZeros(...shape: number[]): TensorType {
  return constantI64(new Array<number>(shape[0]!).fill(0), shape);
}

/** What a loop made of 70,000 iterations. */
const made = gpu && await countedIterations(gpu, 70_000);
if (gpu) {
  const verdict = made === 70_000 ? "no cap up to 70,000" : `capped at ${made}`;
  console.error(`Loop iterations of an invocation on ${gpu.adapter.description}: ${verdict}`);
}

Deno.test({
  name: "the adapter lets an invocation loop as long as kernels do",
  ignore: !gpu,
  fn: () => assert.ok(made! > 60_000, `the adapter ran ${made} iterations, kernels count on 60,000`),
});

function operatorOf(type: string): OpDef {
  const found = findOperator(type, "", NEWEST_OPSET) ?? findOperator(type, INTERNAL_DOMAIN, NEWEST_OPSET);
  assert.ok(found, type);
  return found;
}

for (const [type, given] of COMPUTED) {
  Deno.test({
    name: `${type} is right beyond the cap: ${given.name}`,
    ignore: !runner,
    fn: () => runner!.checkFloat(operatorOf(type), given),
  });
}

for (const [type, given] of REFUSED) {
  Deno.test({
    name: `${type} refuses what goes beyond the cap: ${given.name}`,
    fn: () => {
      const { graph, inputs } = graphOfCase(operatorOf(type), given);
      assert.throws(
        () => buildPlan(inferTypes(graph, inputs)),
        (error: unknown) => error instanceof UnsupportedError && error.message.includes(`of ${type} node "node"`),
      );
    },
  });
}

/** How many of `wanted` iterations a loop makes whose end the compiler cannot know. */
async function countedIterations(gpu: Gpu, wanted: number): Promise<number> {
  const { device } = gpu;
  const code = `
    @group(0) @binding(0) var<storage, read_write> counts: array<u32>;
    @compute @workgroup_size(1) fn main() {
      var sum = 0u;
      for (var step = 0u; step < counts[0]; step++) { sum += counts[1]; }
      counts[2] = sum;
    }`;
  const pipeline = await device.createComputePipelineAsync({
    layout: "auto",
    compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
  });
  const buffer = createStorage(gpu, 12, "counts");
  try {
    device.queue.writeBuffer(buffer, 0, Uint32Array.of(wanted, 1, 0));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    const entries = [{ binding: 0, resource: { buffer } }];
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(1);
    pass.end();
    device.queue.submit([encoder.finish()]);
    const [words] = await readBuffers(gpu, [{ buffer, byteLength: 12 }]);
    return new Uint32Array(words!)[2]!;
  } finally {
    buffer.destroy();
  }
}
