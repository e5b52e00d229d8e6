/** The GPU of a program: one device, one cache of compiled kernels. */
import { type AdapterDescription, type Gpu, openGpu } from "../gpu/device.ts";
import { PipelineCache } from "../gpu/pipelines.ts";

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

  /** Opens the GPU, or with `software` the software adapter; throws DeviceError with what to install where there is none. */
  static async open(options: { readonly software?: boolean } = {}): Promise<Runtime> {
    return new Runtime(await openGpu(options));
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
