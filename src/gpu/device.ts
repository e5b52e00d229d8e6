/** The adapter and the one device of the process. */
import { DeviceError, OutOfMemoryError } from "../base/errors.ts";
import type { KernelTarget } from "../base/kernel_target.ts";
import { defaultKnob, KNOBS } from "../base/knobs.ts";
import { availableMemory } from "../base/machine_memory.ts";
import { TileTable } from "../base/tile_table.ts";
import { PassProfiler } from "./profiler.ts";
import { probeLanes, SUBGROUPS } from "./subgroups.ts";

/** What a report says about the adapter that computed it. */
export interface AdapterDescription {
  /** As the driver gives it: a name, or a number of PCI. */
  readonly vendor: string;
  /** Family of the GPU; empty where the driver does not tell. */
  readonly architecture: string;
  /** Name of the adapter and its driver. */
  readonly description: string;
  /** Whether the adapter is a software rasterizer on the CPU. */
  readonly isSoftware: boolean;
}

/** Limits that are raised to what the adapter has, each for a reason. */
const RAISED_LIMITS = [
  "maxBufferSize", // large activations in large batches
  "maxStorageBufferBindingSize", // the same, as one binding
  "maxStorageBuffersPerShaderStage", // kernels with several inputs plus the epilogue's residual
] as const;

/** How to get an adapter where there is none. */
export const NO_ADAPTER = "Cannot find a WebGPU adapter: install the GPU's Vulkan driver, or, for the software " +
  "adapter on Debian and Ubuntu, run: apt-get install -y --no-install-recommends mesa-vulkan-drivers";

/** A device with its error reporting: WebGPU reports errors nowhere unless asked. */
export class Gpu {
  readonly device: GPUDevice;
  readonly adapter: AdapterDescription;
  readonly features: readonly string[];
  readonly adapterLimits: Readonly<Record<string, number>>;
  /** What kernels for this device may rely on. */
  readonly kernelTarget: KernelTarget;
  /** The tiles of `kernelTarget`. */
  readonly tiles: TileTable = new TileTable();
  /** Present while passes are recorded: sessions then give every step a pass. */
  #profiler: PassProfiler | undefined;
  #failure: DeviceError | undefined;

  /** `lanes` as `probeLanes` finds them, on a software adapter. */
  constructor(device: GPUDevice, adapter: GPUAdapter, lanes = 0) {
    this.device = device;
    const { info } = adapter;
    const isSoftware = isSoftwareAdapter(info);
    this.adapter = { vendor: info.vendor, architecture: info.architecture, description: info.description, isSoftware };
    this.kernelTarget = { isSoftware, lanes, tiles: this.tiles };
    this.features = [...adapter.features].sort();
    this.adapterLimits = numericLimits(adapter.limits);
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      const message = `Cannot run on "${this.adapter.description}": ${error.message}`;
      // Where memory ran out all else follows from it, whichever is reported first.
      if (error instanceof GPUOutOfMemoryError) this.#failure = new OutOfMemoryError(message);
      else this.#failure ??= new DeviceError(message);
    });
    device.lost.then(({ reason, message }) => {
      // What went wrong before matters no more: nothing can be done with the device.
      this.#failure = new DeviceError(`Cannot go on: the GPU device was lost (${reason}): ${message}`);
    });
  }

  /** Largest tensor that one binding can hold, in bytes. */
  get largestBinding(): number {
    return Math.min(this.device.limits.maxStorageBufferBindingSize, this.device.limits.maxBufferSize);
  }

  /**
   * Bytes that buffers can still take, as far as it is known beforehand. A software adapter computes in the machine's memory and
   * never says that there is none left: the system ends the process instead.
   */
  get room(): number {
    return this.adapter.isSoftware ? availableMemory() : Infinity;
  }

  get profiler(): PassProfiler | undefined {
    return this.#profiler;
  }

  /** Records passes from here on; throws DeviceError where the adapter has no timestamps. */
  startProfiler(): PassProfiler {
    if (!this.device.features.has("timestamp-query")) {
      throw new DeviceError(`Cannot profile on "${this.adapter.description}": it has no timestamp queries`);
    }
    return this.#profiler ??= new PassProfiler(this);
  }

  /** Ends recording; what was not read is lost. */
  stopProfiler(): void {
    this.#profiler?.[Symbol.dispose]();
    this.#profiler = undefined;
  }

  /** Throws the first error that the device reported since it was opened. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** As `check`, once the device had time to report errors of what was submitted before. */
  async settle(): Promise<void> {
    await reportsOfErrors();
    this.check();
  }

  /** Forgets that memory ran out, so that less can be tried; false where something else is wrong. */
  async recover(): Promise<boolean> {
    // Whatever was done with the buffers that were not to be had is reported as well.
    this.device.queue.submit([]);
    await reportsOfErrors();
    if (this.#failure && !(this.#failure instanceof OutOfMemoryError)) return false;
    this.#failure = undefined;
    return true;
  }

  /** Runs what allocates buffers; throws OutOfMemoryError where memory did not suffice for all of them. */
  async allocating<T extends Disposable>(allocate: () => T): Promise<T> {
    const { device, adapter: { description } } = this;
    device.pushErrorScope("out-of-memory");
    device.pushErrorScope("validation");
    using stack = new DisposableStack();
    let allocated: T;
    let errors: Promise<(GPUError | null)[]>;
    try {
      allocated = stack.use(allocate());
    } finally {
      errors = Promise.all([device.popErrorScope(), device.popErrorScope()]);
    }
    const [invalid, exhausted] = await errors;
    if (exhausted) throw new OutOfMemoryError(`Cannot allocate buffers on "${description}": ${exhausted.message}`);
    if (invalid) throw new DeviceError(`Cannot allocate buffers on "${description}": ${invalid.message}`);
    stack.move();
    return allocated;
  }

  destroy(): void {
    this.stopProfiler();
    this.device.destroy();
  }
}

/** Opens the adapter, or with `software` the software one; throws DeviceError with what to install where there is none. */
export async function openGpu(options: { readonly software?: boolean } = {}): Promise<Gpu> {
  defaultKnob(KNOBS.backend, "vulkan,metal,dx12");
  defaultKnob(KNOBS.runtimeDirectory, "/tmp");
  const adapter = await navigator.gpu?.requestAdapter({
    powerPreference: "high-performance",
    ...(options.software ? { forceFallbackAdapter: true } : {}),
  });
  if (!adapter) throw new DeviceError(NO_ADAPTER);
  const requiredLimits = Object.fromEntries(RAISED_LIMITS.map((name) => [name, adapter.limits[name]]));
  const features: GPUFeatureName[] = adapter.features.has("timestamp-query") ? ["timestamp-query"] : [];
  const device = await requestDevice(adapter, requiredLimits, features);
  // The tiles that lanes share hold more values than an invocation of a real GPU has registers.
  return new Gpu(device, adapter, isSoftwareAdapter(adapter.info) ? await probeLanes(device, adapter.info) : 0);
}

function isSoftwareAdapter(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || /llvmpipe|swiftshader/i.test(info.description);
}

/** A device with subgroups where the adapter grants them: some grant them without listing them. */
async function requestDevice(
  adapter: GPUAdapter,
  requiredLimits: Record<string, number>,
  features: readonly GPUFeatureName[],
): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice({ requiredLimits, requiredFeatures: [...features, SUBGROUPS] });
  } catch (error) {
    // What does not know the feature throws TypeError; other reasons come back from the second request.
    if (!(error instanceof TypeError)) throw error;
    return await adapter.requestDevice({ requiredLimits, requiredFeatures: [...features] });
  }
}

/** Errors that no scope captures are reported in tasks of their own. */
async function reportsOfErrors(): Promise<void> {
  for (let task = 0; task < 2; task++) await new Promise((resolve) => setTimeout(resolve, 0));
}

function numericLimits(limits: GPUSupportedLimits): Record<string, number> {
  const values: Record<string, number> = {};
  for (const name in limits) {
    const value = (limits as unknown as Record<string, unknown>)[name];
    if (typeof value === "number") values[name] = value;
  }
  return values;
}
