/** The GPU of a program: one device, one cache of compiled kernels. */
import { type AdapterDescription, type Gpu, openGpu } from "../gpu/device.ts";
import { PipelineCache } from "../gpu/pipelines.ts";
import type { Profile } from "../report/profile.ts";

/** A device with its compiled kernels; open one per program and dispose it at the end. */
export class Runtime {
  /** @internal The device. */
  readonly gpu: Gpu;
  /** @internal Compiled kernels. */
  readonly pipelines: PipelineCache;

  private constructor(gpu: Gpu) {
    this.gpu = gpu;
    this.pipelines = new PipelineCache(gpu);
  }

  /**
   * Opens the GPU, or with `software` the software adapter; throws DeviceError with what to install where there is none. With `profile`
   * networks run in one pass per step, which `readProfile` gives the times of.
   */
  static async open(options: { readonly software?: boolean; readonly profile?: boolean } = {}): Promise<Runtime> {
    const gpu = await openGpu(options);
    if (options.profile) gpu.startProfiler();
    return new Runtime(gpu);
  }

  /** GPU times of the first passes of every network that ran, in both precisions; throws TypeError unless opened with `profile`. */
  async readProfile(): Promise<Profile> {
    const { profiler } = this.gpu;
    if (!profiler) throw new TypeError("Cannot read profile: the runtime was opened without profile: true");
    return { adapter: this.adapter, passes: await profiler.read() };
  }

  /** The adapter that computes. */
  get adapter(): AdapterDescription {
    return this.gpu.adapter;
  }

  /** Gives the device and all its memory back. */
  [Symbol.dispose](): void {
    this.gpu.destroy();
  }
}
