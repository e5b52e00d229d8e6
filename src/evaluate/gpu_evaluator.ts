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
import { networkOutputs, type OutputViews, outputViews } from "./output_views.ts";
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
  /**
   * What metrics that compare with the float network compare with: outputs as `outputViews` collects them, of every sample. The
   * session's own float state unless stated.
   */
  readonly reference?: FloatOutputs;
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
  readonly #views: OutputViews;
  readonly #comparesToFloat: boolean;
  readonly #runner: BatchRunner;
  /** For distances, which take all outputs as they are. */
  #outputRunner: BatchRunner | undefined;
  readonly #allFloat: Assignment;
  /** Share of a forward pass that lies at and after each step. */
  readonly #shareFrom: readonly number[];
  readonly #shadows: ShadowBuffers;
  readonly #cuts: StoredCuts;
  readonly #floatOutputs = new FloatOutputs(FLOAT_OUTPUT_BYTES);
  readonly #reference: FloatOutputs;
  #networkEquivalents = 0;

  constructor(parts: GpuEvaluatorParts) {
    const { gpu, session, store, dataset, batch, activationBudget = 0 } = parts;
    this.#parts = parts;
    this.sampleCount = dataset.length;
    this.metrics = parts.metrics;
    this.#views = outputViews(session.plan.outputs, parts.metrics);
    this.#comparesToFloat = parts.metrics.some((metric) => metric.comparesToFloat);
    this.#reference = parts.reference ?? new FloatOutputs(FLOAT_OUTPUT_BYTES);
    this.#runner = new BatchRunner(gpu, session, store, batch, this.#views.collected);
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
    const { dataset, metrics, session, onProgress, reference } = this.#parts;
    // The float network's own outputs are what it is compared with.
    const isReference = !reference && assignment.every((state) => state === FLOAT);
    if (this.#comparesToFloat && !isReference && !this.#reference.hasAll(samples)) {
      return (await this.evaluateEach(assignment, [assignment], samples, signal))[0]!;
    }
    const gathering = await Gathering.start(dataset, metrics, this.#views, samples);
    // Stored activations lie in the batches of the whole set in order.
    const use = indices ? undefined : this.#cuts.use(assignment);
    await this.#runner.run(samples, {
      encode: (encoder, collect, batch) => {
        if (use) use.encode(encoder, batch);
        else session.encode(encoder, assignment);
        collect(0);
      },
      take: (_lane, position, outputs) => {
        const index = samples[position]!;
        if (this.#comparesToFloat && isReference) this.#reference.offer(index, outputs);
        gathering.take(position, outputs, isReference ? outputs : this.#reference.get(index));
      },
      onProgress: (done) => onProgress?.(done, samples.length),
      ...(signal ? { signal } : {}),
    });
    use?.commit();
    this.#networkEquivalents += samples.length * this.#shareFrom[use?.from ?? 0]!;
    return gathering.finish();
  }

  /** Hands over what metrics look at of every sample, in the form that `reference` takes, without computing any. */
  async collect(
    indices: readonly number[],
    take: (position: number, collected: readonly HostTensor[]) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#runLanes(this.#allFloat, [this.#allFloat], {
      runner: this.#runner,
      indices,
      signal,
      take: (_lane, position, collected) => take(position, collected),
    });
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
      gatherings.push(await Gathering.start(dataset, metrics, this.#views, indices));
    }
    const run = { runner: this.#runner, indices, signal };
    if (this.#comparesToFloat) {
      await this.#runBesideFloat(base, assignments, this.#reference, {
        ...run,
        take: (lane, position, outputs, float) => gatherings[lane]!.take(position, outputs, float),
      });
    } else {
      const take = (lane: number, position: number, outputs: readonly HostTensor[]) =>
        gatherings[lane]!.take(position, outputs);
      await this.#runLanes(base, assignments, { ...run, take });
    }
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
    const { gpu, session, store, batch } = this.#parts;
    this.#outputRunner ??= new BatchRunner(gpu, session, store, batch, networkOutputs(session.plan.outputs));
    await this.#runBesideFloat(base, assignments, this.#floatOutputs, {
      runner: this.#outputRunner,
      indices,
      signal,
      take: (lane, position, outputs, float) => {
        results[lane]![position] = outputDistance(distance, float, outputs);
      },
    });
    return results;
  }

  [Symbol.dispose](): void {
    this.#runner[Symbol.dispose]();
    this.#outputRunner?.[Symbol.dispose]();
    this.#shadows[Symbol.dispose]();
    this.#cuts[Symbol.dispose]();
  }

  /** Runs assignments with the outputs of the float network at hand: those that are kept, else computed in a lane of their own. */
  async #runBesideFloat(
    base: Assignment,
    assignments: readonly Assignment[],
    kept: FloatOutputs,
    { take, ...run }: LaneRun & {
      readonly take: (
        lane: number,
        position: number,
        outputs: readonly HostTensor[],
        float: readonly HostTensor[],
      ) => void;
    },
  ): Promise<void> {
    const { indices } = run;
    const isKnown = kept.hasAll(indices);
    // The float network comes first among the lanes, so that its outputs of a batch are there before those of the others.
    const lanes = isKnown ? assignments : [this.#allFloat, ...assignments];
    const shift = isKnown ? 0 : 1;
    const present = new Map<number, readonly HostTensor[]>();
    await this.#runLanes(base, lanes, {
      ...run,
      take(lane, position, outputs) {
        const index = indices[position]!;
        if (lane < shift) {
          kept.offer(index, outputs);
          present.set(position, outputs);
          return;
        }
        const float = isKnown ? kept.get(index) : present.get(position);
        take(lane - shift, position, outputs, float ?? []);
        if (lane === lanes.length - 1) present.delete(position);
      },
    });
  }

  async #runLanes(
    base: Assignment,
    assignments: readonly Assignment[],
    options: LaneRun & {
      readonly take: (lane: number, position: number, outputs: readonly HostTensor[]) => void;
    },
  ): Promise<void> {
    const { runner, indices, take, signal } = options;
    if (assignments.length === 0) return;
    const shared = new SharedPrefix(this.#parts.session, this.#shadows, base, assignments);
    await runner.run(indices, {
      lanes: assignments.length,
      encode: (encoder, collect) => shared.encode(encoder, collect),
      take,
      onProgress: (done) => this.#parts.onProgress?.(done, indices.length),
      ...(signal ? { signal } : {}),
    });
    this.#networkEquivalents += indices.length * shared.cost(this.#shareFrom);
  }
}

/** A run of several assignments over the same samples. */
interface LaneRun {
  readonly runner: BatchRunner;
  readonly indices: readonly number[];
  readonly signal: AbortSignal | undefined;
}
