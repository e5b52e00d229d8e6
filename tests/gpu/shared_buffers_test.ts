/** Steps that read from a buffer that they write: what they compute, and that Chrome's validator lets them. */
import assert from "node:assert/strict";
import { create } from "webgpu";
import { hostTensor, type TensorType } from "../../src/base/tensor.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { runPasses } from "../../src/passes/run_passes.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { Session } from "../../src/run/session.ts";
import { upscalingNetwork } from "../fixtures/upscaling_network.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();

/** Held for as long as the process lives: Dawn crashes when its instance is collected before its devices. */
const dawn = create(["backend=null"]);

Deno.test("Session.run() computes the same in shared buffers as in separate ones", { ignore: !gpu }, async () => {
  const types = new Map<string, TensorType>([["image", { dtype: "float32", shape: [1, 3, 9, 9] }]]);
  const graph = runPasses(upscalingNetwork(), types);
  const image = hostTensor("float32", [1, 3, 9, 9], Float32Array.from({ length: 243 }, (_, index) => Math.sin(index)));
  const pipelines = new PipelineCache(gpu!);
  const run = async (outputs: readonly string[]) => {
    const named = outputs.map((name) => ({ name, dtype: "float32" as const, shape: undefined }));
    const plan = buildPlan(inferTypes({ ...graph, outputs: named }, types), [], { target: gpu!.kernelTarget });
    using session = await Session.create(gpu!, pipelines, plan);
    session.writeInput("image", image);
    session.run();
    return { output: (await session.read())[0]!.data, sharing: plan.steps.filter(({ shared }) => shared.length > 0) };
  };
  const own = graph.outputs[0]!.name;
  const shared = await run([own]);
  // Outputs live to the end: with every value one of them, none may lie where another was.
  const separate = await run([own, ...graph.nodes.flatMap(({ outputs }) => outputs).filter((name) => name !== own)]);
  assert.ok(shared.sharing.length > 0);
  assert.deepEqual(separate.sharing, []);
  assert.deepEqual(shared.output, separate.output);
  assert.ok(new Set(shared.output).size > 1000);
});

Deno.test("Dawn lets a dispatch write to two parts of a buffer, but not read from one and write to the other", async () => {
  const device = await (await dawn.requestAdapter())!.requestDevice();
  const buffer = device.createBuffer({ size: 1024, usage: GPUBufferUsage.STORAGE });
  const errorOf = async (access: "read" | "read_write", offset: number) => {
    const code = `@group(0) @binding(0) var<storage, ${access}> x: array<f32>;
      @group(0) @binding(1) var<storage, read_write> y: array<f32>;
      @compute @workgroup_size(1) fn main() { y[0] = x[0]; }`;
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code });
    const pipeline = device.createComputePipeline({ layout: "auto", compute: { module } });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    const entries = [0, offset].map((from, binding) => ({ binding, resource: { buffer, offset: from, size: 256 } }));
    pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.finish();
    return (await device.popErrorScope())?.message;
  };
  assert.equal(await errorOf("read_write", 256), undefined);
  assert.match((await errorOf("read", 256))!, /usage/);
  assert.match((await errorOf("read_write", 0))!, /overlap/);
});
