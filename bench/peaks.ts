/** What the adapter can do at most: multiply-adds without memory, and copies without arithmetic. */
import copyCode from "./kernels/copy.wgsl" with { type: "text" };
import fmaCode from "./kernels/fma.wgsl" with { type: "text" };
import type { Gpu } from "../src/gpu/device.ts";
import { gpuTime, median } from "./measure.ts";
import { measureProductPeak } from "./product_peak.ts";
import type { Bench, Section } from "./section.ts";

/**
 * Numbers of chains of the FMA kernel, of which the fastest is the peak: few leave the units waiting for each other, many do not fit
 * into registers, and where the one becomes the other differs from adapter to adapter.
 */
const CHAINS = [2, 4, 8, 16];

/** Multiply-adds of all chains per iteration, and iterations. */
const PER_ITERATION = 128;
const ITERATIONS = 64;

/** Runs of which the fastest counts: a peak is what can be reached. */
const RUNS = 9;

/** The adapter's peaks. */
export interface Peaks {
  /** GFLOP/s, a multiply-add counting 2. */
  readonly fma: number;
  /** GB/s, read and written. */
  readonly copy: number;
}

const measured = new WeakMap<Gpu, Promise<Peaks>>();

/** Measures the peaks, once per device. */
export function measurePeaks(bench: Bench): Promise<Peaks> {
  let peaks = measured.get(bench.gpu);
  if (!peaks) measured.set(bench.gpu, peaks = measure(bench));
  return peaks;
}

async function measure({ gpu, tick, isQuick }: Bench): Promise<Peaks> {
  const fmaInvocations = 64 * (gpu.adapter.isSoftware ? 256 : 65535);
  const fmaTimes: number[] = [];
  for (const chains of CHAINS) {
    fmaTimes.push(await fastest(gpu, tick, fmaText(chains), 16 * fmaInvocations, 32, fmaInvocations / 64));
  }
  const copyBytes = (isQuick || gpu.adapter.isSoftware ? 32 : 128) * 1024 * 1024;
  const copyMs = await fastest(gpu, tick, copyCode, copyBytes, copyBytes, copyBytes / 16 / 4 / 64);
  return {
    fma: 2 * 4 * PER_ITERATION * ITERATIONS * fmaInvocations / Math.min(...fmaTimes) / 1e6,
    copy: 2 * copyBytes / copyMs / 1e6,
  };
}

/** The kernel with its chains and their steps written out, as drivers need it. */
function fmaText(count: number): string {
  const chains = Array.from({ length: count }, (_, chain) => `  var c${chain} = x + ${chain}.0;`);
  const steps = Array.from(
    { length: PER_ITERATION / count },
    () => Array.from({ length: count }, (_, chain) => `    c${chain} = fma(c${chain}, a, b);`),
  ).flat();
  return fmaCode.replace("CHAINS", chains.join("\n")).replace("STEPS", steps.join("\n"))
    .replace("ITERATIONS", `${ITERATIONS}u`)
    .replace("SUM", chains.map((_, chain) => `c${chain}`).join(" + "));
}

async function fastest(
  gpu: Gpu,
  tick: number,
  code: string,
  writtenBytes: number,
  readBytes: number,
  groups: number,
): Promise<number> {
  const { device } = gpu;
  const buffers = [writtenBytes, readBytes].map((size) => device.createBuffer({ size, usage: GPUBufferUsage.STORAGE }));
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    times.push(
      await gpuTime(gpu, tick, (encoder) => {
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(groups);
        pass.end();
      }),
    );
  }
  buffers.forEach((buffer) => buffer.destroy());
  gpu.check();
  // The median of the faster half: on a shared machine a single fastest run may be a clock's whim.
  return median(times.sort((a, b) => a - b).slice(0, Math.ceil(RUNS / 2)));
}

/** The peaks as a table. */
export const peaksSection: Section = {
  name: "peaks",
  async run(bench) {
    const { fma, copy } = await measurePeaks(bench);
    const product = await measureProductPeak(bench);
    return {
      title: "Peaks of the adapter",
      columns: ["measured", "value"],
      rows: [
        ["multiply-adds without memory, GFLOP/s", fma],
        ["deep 1×1 convolutions within the cache, GFLOP/s", product],
        ["the same, % of the multiply-adds", 100 * product / fma],
        ["copy, read and written, GB/s", copy],
      ],
      remarks: [],
    };
  },
};
