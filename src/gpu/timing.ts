/** Times of compute passes on the GPU, by timestamp queries. */
import { DeviceError } from "../base/errors.ts";
import { readBuffers } from "./buffers.ts";
import type { Gpu } from "./device.ts";

/** Passes that one query set can time: WebGPU allows 4096 queries. */
const PASSES_PER_SET = 2048;

/** Time between the two timestamps that show how long a tick is, in ms: long against the jitter of a submit. */
const CALIBRATION_MS = 200;

/** Start and duration of a pass, in µs on the GPU's clock. */
export interface PassTime {
  readonly start: number;
  readonly duration: number;
}

/** Times a number of passes. Dispose it to free its queries. */
export class PassTimer {
  readonly #gpu: Gpu;
  readonly #set: GPUQuerySet;
  readonly #capacity: number;
  #used = 0;

  /** Room for `capacity` passes, at most 2048; throws DeviceError where the adapter has no timestamps. */
  constructor(gpu: Gpu, capacity = PASSES_PER_SET) {
    if (!gpu.device.features.has("timestamp-query")) {
      throw new DeviceError(`Cannot time passes on "${gpu.adapter.description}": it has no timestamp queries`);
    }
    this.#gpu = gpu;
    this.#capacity = capacity;
    this.#set = gpu.device.createQuerySet({ type: "timestamp", count: 2 * capacity });
  }

  /** Passes that can still be timed. */
  get room(): number {
    return this.#capacity - this.#used;
  }

  /** For the descriptor of the next pass; passes are numbered in the order of these calls. */
  next(): GPUComputePassTimestampWrites {
    if (this.room === 0) throw new RangeError(`Cannot time more than ${this.#capacity} passes`);
    const first = 2 * this.#used++;
    return { querySet: this.#set, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
  }

  /** Times of all passes so far, in order; their command buffers must have been submitted. */
  async read(nanosecondsPerTick: number): Promise<PassTime[]> {
    if (this.#used === 0) return [];
    const { device } = this.#gpu;
    const size = 16 * this.#used;
    const resolved = device.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    try {
      const encoder = device.createCommandEncoder();
      encoder.resolveQuerySet(this.#set, 0, 2 * this.#used, resolved, 0);
      device.queue.submit([encoder.finish()]);
      const [words] = await readBuffers(this.#gpu, [{ buffer: resolved, byteLength: size }]);
      const ticks = new BigUint64Array(words!);
      const microseconds = (from: bigint, to: bigint) => Number(to - from) * nanosecondsPerTick / 1000;
      return Array.from({ length: this.#used }, (_, pass) => ({
        start: microseconds(0n, ticks[2 * pass]!),
        duration: microseconds(ticks[2 * pass]!, ticks[2 * pass + 1]!),
      }));
    } finally {
      resolved.destroy();
    }
  }

  /** Forgets all passes, so that as many can be timed again. */
  reset(): void {
    this.#used = 0;
  }

  [Symbol.dispose](): void {
    this.#set.destroy();
  }
}

/**
 * Nanoseconds between ticks of the adapter's clock. WebGPU promises 1; runtimes are known to hand on what the driver counts, so it is
 * measured against the host's clock, and taken for 1 where it is within a fifth of that.
 */
export async function measureTick(gpu: Gpu): Promise<number> {
  using timer = new PassTimer(gpu, 2);
  const stamp = async () => {
    const encoder = gpu.device.createCommandEncoder();
    encoder.beginComputePass({ timestampWrites: timer.next() }).end();
    const before = performance.now();
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.device.queue.onSubmittedWorkDone();
    return before;
  };
  const first = await stamp();
  await new Promise((resolve) => setTimeout(resolve, CALIBRATION_MS));
  const second = await stamp();
  const [from, to] = await timer.read(1);
  return tickFrom((second - first) * 1000, to!.start - from!.start);
}

/** Nanoseconds per tick where `microseconds` passed on the host while the adapter counted as many thousands of ticks as `counted`. */
export function tickFrom(microseconds: number, counted: number): number {
  if (!(counted > 0)) return 1;
  const tick = microseconds / counted;
  return tick > 0.8 && tick < 1.25 ? 1 : tick;
}
