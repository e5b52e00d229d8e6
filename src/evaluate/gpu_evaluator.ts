/** The evaluator of the accuracy-aware loop, on the GPU. */
import { type Assignment, type Evaluation, type Evaluator, FLOAT, type OutputDistance } from "../base/precision.ts";
import type { HostTensor } from "../base/tensor.ts";
import type { Dataset } from "../data/dataset.ts";
import type { QuantizerLayout } from "../graph/quantizer.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Session } from "../run/session.ts";
import { BatchRunner } from "./batch_runner.ts";
import { outputDistance } from "./distances.ts";
import { FloatOutputs } from "./float_outputs.ts";
import { Gathering } from "./gathering.ts";
import type { Metric } from "./metric.ts";
import { ShadowBuffers, SharedPrefix, suffixShares } from "./prefix_sharing.ts";
import type { SampleStore } from "./sample_store.ts";
import { chooseCuts, entrySteps, StoredCuts } from "./stored_cuts.ts";

/** What an evaluator needs. */
export interface GpuEvaluatorParts {
  readonly gpu: Gpu;
  readonly session: Session;
  readonly store: SampleStore;
  readonly dataset: Dataset;
  readonly metrics: readonly Metric[];
  readonly layout: QuantizerLayout | undefined;
  readonly batch: number;
  /** Bytes of GPU memory for activations that later evaluations may start from; none where absent. */
  readonly activationBudget?: number;
  /** Hears of samples done within the evaluation under way. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Bytes of host memory for outputs of the float network. */
const FLOAT_OUTPUT_BYTES = 256 * 1024 * 1024;

/** Evaluates assignments over a dataset, counting what it costs. Dispose it with its session and store. */
export class GpuEvaluator implements Evaluator {
  readonly sampleCount: number;
  readonly metrics: readonly Metric[];
  readonly #parts: GpuEvaluatorParts;
  readonly #runner: BatchRunner;
  readonly #allFloat: Assignment;
  /** Share of a forward pass that lies at and after each step. */
  readonly #shareFrom: readonly number[];
  readonly #shadows: ShadowBuffers;
  readonly #cuts: StoredCuts;
  readonly #floatOutputs = new FloatOutputs(FLOAT_OUTPUT_BYTES);
  #networkEquivalents = 0;

  constructor(parts: GpuEvaluatorParts) {
    const { gpu, session, store, dataset, batch, activationBudget = 0 } = parts;
    this.#parts = parts;
    this.sampleCount = dataset.length;
    this.metrics = parts.metrics;
    this.#runner = new BatchRunner(gpu, session, store, batch);
    this.#allFloat = (parts.layout?.groups ?? []).map(() => FLOAT);
    this.#shareFrom = suffixShares(session.plan.steps.map((step) => step.cost));
    this.#shadows = new ShadowBuffers(gpu, session);
    const limits = {
      batches: Math.ceil(dataset.length / batch),
      budget: activationBudget,
      largestBuffer: gpu.largestBinding,
    };
    const entries = entrySteps(session.plan, parts.layout?.groups ?? []);
    this.#cuts = new StoredCuts(gpu, session, chooseCuts(session.plan, entries, this.#shareFrom, limits));
  }

  /** Forward passes of one sample through the whole network that were spent so far. */
  networkEquivalents(): number {
    return this.#networkEquivalents;
  }

  async evaluate(
    assignment: Assignment = this.#allFloat,
    indices?: readonly number[],
    signal?: AbortSignal,
  ): Promise<Evaluation> {
    const samples = indices ?? Array.from({ length: this.sampleCount }, (_, index) => index);
    const { dataset, metrics, session, onProgress } = this.#parts;
    const gathering = await Gathering.start(dataset, metrics, samples);
    // Stored activations lie in the batches of the whole set in order.
    const use = indices ? undefined : this.#cuts.use(assignment);
    await this.#runner.run(samples, {
      encode: (encoder, collect, batch) => {
        if (use) use.encode(encoder, batch);
        else session.encode(encoder, assignment);
        collect(0);
      },
      take: (_lane, position, outputs) => gathering.take(position, outputs),
      onProgress: (done) => onProgress?.(done, samples.length),
      ...(signal ? { signal } : {}),
    });
    use?.commit();
    this.#networkEquivalents += samples.length * this.#shareFrom[use?.from ?? 0]!;
    return gathering.finish();
  }

  async evaluateEach(
    base: Assignment,
    assignments: readonly Assignment[],
    indices: readonly number[],
    signal?: AbortSignal,
  ): Promise<Evaluation[]> {
    const { dataset, metrics } = this.#parts;
    const gatherings: Gathering[] = [];
    for (let lane = 0; lane < assignments.length; lane++) {
      gatherings.push(await Gathering.start(dataset, metrics, indices));
    }
    const take = (lane: number, position: number, outputs: readonly HostTensor[]) =>
      gatherings[lane]!.take(position, outputs);
    await this.#runLanes(base, assignments, { indices, take, signal });
    return gatherings.map((gathering) => gathering.finish());
  }

  async distances(
    distance: OutputDistance,
    base: Assignment,
    assignments: readonly Assignment[],
    indices: readonly number[],
    signal?: AbortSignal,
  ): Promise<Float64Array[]> {
    const results = assignments.map(() => new Float64Array(indices.length));
    const isKnown = this.#floatOutputs.hasAll(indices);
    // The float network comes first among the lanes, so that its outputs of a batch are there before those of the others.
    const lanes = isKnown ? assignments : [this.#allFloat, ...assignments];
    const shift = isKnown ? 0 : 1;
    const present = new Map<number, readonly HostTensor[]>();
    const take = (lane: number, position: number, outputs: readonly HostTensor[]) => {
      const index = indices[position]!;
      if (lane < shift) {
        this.#floatOutputs.offer(index, outputs);
        present.set(position, outputs);
        return;
      }
      const reference = isKnown ? this.#floatOutputs.get(index) : present.get(position);
      results[lane - shift]![position] = outputDistance(distance, reference ?? [], outputs);
      if (lane === lanes.length - 1) present.delete(position);
    };
    await this.#runLanes(base, lanes, { indices, take, signal });
    return results;
  }

  [Symbol.dispose](): void {
    this.#runner[Symbol.dispose]();
    this.#shadows[Symbol.dispose]();
    this.#cuts[Symbol.dispose]();
  }

  async #runLanes(
    base: Assignment,
    assignments: readonly Assignment[],
    options: {
      readonly indices: readonly number[];
      readonly take: (lane: number, position: number, outputs: readonly HostTensor[]) => void;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<void> {
    const { indices, take, signal } = options;
    if (assignments.length === 0) return;
    const shared = new SharedPrefix(this.#parts.session, this.#shadows, base, assignments);
    await this.#runner.run(indices, {
      lanes: assignments.length,
      encode: (encoder, collect) => shared.encode(encoder, collect),
      take,
      onProgress: (done) => this.#parts.onProgress?.(done, indices.length),
      ...(signal ? { signal } : {}),
    });
    this.#networkEquivalents += indices.length * shared.cost(this.#shareFrom);
  }
}
