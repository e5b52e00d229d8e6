/** Runs several assignments over the same samples: pass by pass, sharing what they have in common with a base. */
import type { Assignment } from "../base/precision.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Session } from "../run/session.ts";
import { BatchActivations } from "./batch_activations.ts";
import type { BatchRunner, TakeRow } from "./batch_runner.ts";
import { byteLengthOfParts, liveAt } from "./live_sets.ts";
import { encodablePass, ShadowBuffers, stopsOf } from "./prefix_sharing.ts";
import type { SampleStore } from "./sample_store.ts";
import { cutIntoPasses, passCost, type PassLimits, type Stop } from "./suffix_passes.ts";

/** What lanes run on. */
export interface LaneRunnerParts {
  readonly gpu: Gpu;
  readonly session: Session;
  readonly store: SampleStore;
  readonly batch: number;
  /** Bytes of GPU memory for activations that the assignments start from in turn. */
  readonly passBudget: number;
  /** Work of one sample from each step on. */
  readonly costFrom: readonly number[];
  /** Hears of samples done, of all assignments together. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

/** A run of several assignments over the same samples. */
export interface LaneRun {
  readonly runner: BatchRunner;
  readonly indices: readonly number[];
  readonly signal: AbortSignal | undefined;
  /** Whether assignments may be finished one after the other; they may unless stated. Otherwise all take a batch before the next. */
  readonly isCut?: boolean;
  /** Whether every sample of the first assignment is taken before those of the others; not unless stated. */
  readonly leads?: boolean;
  /** Lanes are places among the assignments. */
  readonly take: TakeRow;
  /** Waited for when all samples of a lane were taken. */
  readonly finish: (lane: number) => Promise<void>;
}

/** Dispose it to free its buffers. */
export class LaneRunner {
  readonly #parts: LaneRunnerParts;
  readonly #shadows: ShadowBuffers;

  constructor(parts: LaneRunnerParts) {
    this.#parts = parts;
    this.#shadows = new ShadowBuffers(parts.gpu, parts.session);
  }

  /** Runs all assignments, each from where it leaves `base`; gives the work that it took. */
  async run(base: Assignment, assignments: readonly Assignment[], run: LaneRun): Promise<number> {
    const { runner, indices, signal, take, finish } = run;
    if (assignments.length === 0) return 0;
    const { session, gpu, costFrom, onProgress } = this.#parts;
    const passes = cutIntoPasses(this.#stops(base, assignments, run), this.#limits(run));
    const byteLength = Math.max(0, ...passes.map(({ keeps }) => this.#byteLengthAt(keeps ?? 0)));
    using kept = new BatchActivations(gpu, session, byteLength, "activations between passes");
    const shared = { session, base, assignments, shadows: this.#shadows, kept };
    const lanes = passes.flatMap(({ stops }) => stops.map(({ lane }) => lane));
    const complete: number[] = [];
    await runner.runPasses(indices, passes.map((pass) => encodablePass(shared, pass)), {
      take(place, position, outputs) {
        const lane = lanes[place]!;
        take(lane, position, outputs);
        if (position === indices.length - 1) complete.push(lane);
      },
      afterRead: async () => {
        for (const lane of complete.splice(0)) await finish(lane);
      },
      onProgress: (done) => onProgress?.(done, indices.length * lanes.length),
      signal,
    });
    return indices.length * passes.reduce((sum, pass) => sum + passCost(pass, costFrom), 0);
  }

  [Symbol.dispose](): void {
    this.#shadows[Symbol.dispose]();
  }

  #stops(base: Assignment, assignments: readonly Assignment[], { leads = false }: LaneRun): Stop[] {
    const stops = stopsOf(this.#parts.session, base, assignments);
    const first = Math.min(...stops.map(({ step }) => step));
    return leads ? stops.map((stop) => stop.lane === 0 ? { ...stop, step: first } : stop) : stops;
  }

  #limits({ indices, isCut = true }: LaneRun): PassLimits {
    const { gpu, store, batch, passBudget, costFrom } = this.#parts;
    if (!isCut) return { costFrom, room: 0, byteLengthAt: () => Infinity, inputCost: Infinity };
    return {
      costFrom,
      room: passBudget,
      byteLengthAt: (step) => {
        const byteLength = this.#byteLengthAt(step);
        return byteLength <= gpu.largestBinding ? byteLength * Math.ceil(indices.length / batch) : Infinity;
      },
      // Samples that are not on the GPU are read and decoded again, which may take as long as the network.
      inputCost: store.isResident ? 0 : costFrom[0]!,
    };
  }

  /** Bytes of the activations of a batch before a step. */
  #byteLengthAt(step: number): number {
    return byteLengthOfParts(liveAt(this.#parts.session.plan, step));
  }
}
