/** The GPU of a program: one device, one cache of compiled kernels. */
import { type AdapterDescription, type Gpu, openGpu } from "../gpu/device.ts";
import { PipelineCache } from "../gpu/pipelines.ts";
import type { TypedGraph } from "../ops/infer.ts";
import type { Profile } from "../report/profile.ts";
import { tuneTiles } from "../run/tuner.ts";
import { TileCache } from "./tile_cache.ts";

/** How to open a runtime. */
export interface RuntimeOptions {
  /** Take the software adapter. */
  readonly software?: boolean;
  /** Run networks in one pass per step, which `readProfile` gives the times of. */
  readonly profile?: boolean;
  /**
   * Measure which tiles of the kernels suit the adapter, for up to two seconds per network, and keep the answers in the user's cache
   * folder. On unless stated, except on software adapters, where a kernel takes longer to compile than a better tile saves. Results are
   * the same to the last bit.
   */
  readonly tune?: boolean;
  /** Told of tuning, a line at a time. */
  readonly onNote?: (text: string) => void;
}

/**
 * A device with its compiled kernels; open one per program and dispose it at the end.
 *
 * ```ts
 * import { Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * console.log(runtime.adapter.description);
 * ```
 */
export class Runtime {
  /** @internal The device. */
  readonly gpu: Gpu;
  /** @internal Compiled kernels. */
  readonly pipelines: PipelineCache;

  readonly #tuning: { readonly cache: TileCache; readonly say: (text: string) => void } | undefined;
  #saidThatUnkept = false;

  private constructor(
    gpu: Gpu,
    tuning: { readonly cache: TileCache; readonly say: (text: string) => void } | undefined,
  ) {
    this.gpu = gpu;
    this.pipelines = new PipelineCache(gpu);
    this.#tuning = tuning;
  }

  /** Opens the GPU, or with `software` the software adapter; throws DeviceError with what to install where there is none. */
  static async open(options: RuntimeOptions = {}): Promise<Runtime> {
    const { profile, tune, onNote = () => {} } = options;
    const gpu = await openGpu(options);
    if (profile) gpu.startProfiler();
    const isTuned = "Deno" in globalThis && (tune ?? !gpu.adapter.isSoftware);
    return new Runtime(gpu, isTuned ? { cache: await TileCache.open(gpu.adapter), say: onNote } : undefined);
  }

  /** @internal Chooses tiles for a network before it is planned, unless the runtime was opened without tuning. */
  async tune(typed: TypedGraph): Promise<void> {
    if (!this.#tuning) return;
    const { cache, say } = this.#tuning;
    const start = performance.now();
    let isSaid = false;
    const measured = await tuneTiles(typed, {
      gpu: this.gpu,
      pipelines: this.pipelines,
      known: cache.tiles,
      onProgress: (_done, total) => {
        if (!isSaid) say(`Measuring kernels for ${total} shapes of layers on "${this.adapter.description}"`);
        isSaid = true;
      },
    });
    if (measured === 0) return;
    const saved = await cache.save();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    say(`Measured kernels for ${measured} shapes in ${seconds} s${"path" in saved ? `, kept in ${saved.path}` : ""}`);
    if ("path" in saved || this.#saidThatUnkept) return;
    this.#saidThatUnkept = true;
    say(`What was measured is forgotten with this process: ${saved.reason}`);
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
