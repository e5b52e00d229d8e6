/** Whether invocations of a workgroup can hand values to each other in the way that generated kernels do it. */
import code from "../../shaders/lib/subgroup_probe.wgsl" with { type: "text" };

/** Subgroup widths that kernels use: below, loads outweigh what is shared; above, tiles would be wider than most matrices. */
const LEAST_LANES = 4;
const MOST_LANES = 16;

/** The optional feature, which not every runtime that grants it lists or knows by type. */
export const SUBGROUPS = "subgroups" as GPUFeatureName;

/**
 * Width of the adapter's subgroups where a workgroup of so many invocations is one of them, in order, and each can broadcast to
 * all; 0 where not. A kernel is run: what compiles and what adapters list differs between runtimes.
 */
export async function probeLanes(device: GPUDevice, info: GPUAdapterInfo): Promise<number> {
  const { subgroupMinSize: lanes, subgroupMaxSize } = info;
  if (!device.features.has(SUBGROUPS) || lanes !== subgroupMaxSize) return 0;
  if (!(lanes >= LEAST_LANES && lanes <= MOST_LANES)) return 0;
  const found = await runProbe(device, lanes);
  if (!found) return 0;
  const expected = Array.from({ length: lanes }, () => [lanes, ...Array(lanes).keys()]).flat();
  return expected.every((value, index) => found[index] === value) ? lanes : 0;
}

/** What the probe wrote; undefined where it does not compile. */
async function runProbe(device: GPUDevice, lanes: number): Promise<Uint32Array | undefined> {
  const size = 4 * lanes * (lanes + 1);
  const broadcasts = Array.from(
    { length: lanes },
    (_, from) => `  found[at + ${from}u] = subgroupBroadcast(lane, ${from}u);`,
  );
  const text = `const LANES = ${lanes}u;\n${code}\nfn hear(lane: u32, at: u32) {\n${broadcasts.join("\n")}\n}\n`;
  device.pushErrorScope("validation");
  const module = device.createShaderModule({ label: "subgroup_probe", code: text });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
  if (await device.popErrorScope()) return undefined;
  const found = device.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC });
  const copy = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const entries = [{ binding: 0, resource: { buffer: found } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(found, 0, copy, 0, size);
  device.queue.submit([encoder.finish()]);
  await copy.mapAsync(GPUMapMode.READ);
  const values = new Uint32Array(copy.getMappedRange()).slice();
  found.destroy();
  copy.destroy();
  return values;
}
