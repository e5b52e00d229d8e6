/** Records what runs on the GPU and for how long: the first passes of every track. */
import type { Gpu } from "./device.ts";
import { measureTick, PassTimer } from "./timing.ts";

/** What a pass computes. */
export interface PassLabel {
  /** All nodes that are computed. */
  readonly name: string;
  /** The first of them, with its operator type, the shape of its output and the multiply-accumulates to be counted for this pass. */
  readonly node: string;
  /** Operator type. */
  readonly operator: string;
  /** Extents of the node's first output. */
  readonly shape: readonly number[];
  /** Multiply-accumulates per sample. */
  readonly macs: number;
  /** Which of its plan's steps the pass is. */
  readonly step: number;
  /** Name of the kernel. */
  readonly shader: string;
  /** Workgroups along x, y and z. */
  readonly workgroups: readonly number[];
}

/** A pass that ran. */
export interface RecordedPass extends PassLabel {
  /** Session and precision. */
  readonly track: string;
  /** µs since the first recorded pass. */
  readonly start: number;
  /** µs. */
  readonly duration: number;
}

interface Track {
  readonly name: string;
  readonly timer: PassTimer;
  readonly labels: PassLabel[];
}

/** Gives passes their timestamps as long as their track has room, and reads all of them in the end. */
export class PassProfiler {
  readonly #gpu: Gpu;
  readonly #owners = new Map<object, string>();
  readonly #tracks = new Map<string, Track>();

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /**
   * A function that gives each of `count` passes its timestamps; undefined where the track is full. Tracks are numbered by owner, in
   * order of first use, and told apart by `kind`.
   */
  begin(owner: object, kind: string, count: number): ((label: PassLabel) => GPUComputePassTimestampWrites) | undefined {
    let number = this.#owners.get(owner);
    if (!number) this.#owners.set(owner, number = `${this.#owners.size + 1}`);
    const name = `session ${number} ${kind}`;
    let track = this.#tracks.get(name);
    if (!track) this.#tracks.set(name, track = { name, timer: new PassTimer(this.#gpu), labels: [] });
    const { timer, labels } = track;
    if (timer.room < count) return undefined;
    return (label) => {
      labels.push(label);
      return timer.next();
    };
  }

  /** All recorded passes by start. */
  async read(): Promise<RecordedPass[]> {
    const tick = await measureTick(this.#gpu);
    const passes: RecordedPass[] = [];
    for (const { name, timer, labels } of this.#tracks.values()) {
      const times = await timer.read(tick);
      times.forEach((time, index) => passes.push({ ...labels[index]!, track: name, ...time }));
    }
    passes.sort((a, b) => a.start - b.start);
    const origin = passes[0]?.start ?? 0;
    return passes.map((pass) => ({ ...pass, start: pass.start - origin }));
  }

  [Symbol.dispose](): void {
    for (const { timer } of this.#tracks.values()) timer[Symbol.dispose]();
  }
}
