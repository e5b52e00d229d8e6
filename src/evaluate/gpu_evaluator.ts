/** The evaluator of the accuracy-aware loop, on the GPU. */
import {
  type Assignment,
  type Evaluation,
  type Evaluator,
  FLOAT,
  type OutputDistance,
  type TakeResult,
} from "../base/precision.ts";
import type { HostTensor } from "../base/tensor.ts";
import type { Dataset } from "../data/dataset.ts";
import type { QuantizerLayout } from "../graph/quantizer.ts";
import type { Gpu } from "../gpu/device.ts";
import type { Session } from "../run/session.ts";
import { BatchRunner, type EncodeBatch, type TakeRow } from "./batch_runner.ts";
import { outputDistance } from "./distances.ts";
import { FloatOutputs } from "./float_outputs.ts";
import { Gathering } from "./gathering.ts";
import { type LaneRun, LaneRunner } from "./lane_runner.ts";
import { readsInputs } from "./live_sets.ts";
import type { Metric } from "./metric.ts";
import { networkOutputs, type OutputViews, outputViews } from "./output_views.ts";
import type { SampleStore } from "./sample_store.ts";
import { chooseCuts, entrySteps, StoredCuts } from "./stored_cuts.ts";
import { suffixCosts } from "./suffix_passes.ts";

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
  /** Bytes of GPU memory for activations that the evaluations of one `evaluateEach` start from in turn; none where absent. */
  readonly passBudget?: number;
  /** As `Evaluator.canonical`. */
  readonly canonical?: (assignment: Assignment) => Assignment;
  /** Hears of samples done within the evaluations under way. */
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
  /** Multiply-accumulates of a sample from each step on. */
  readonly #costFrom: readonly number[];
  readonly #lanes: LaneRunner;
  readonly #cuts: StoredCuts;
  readonly #floatOutputs = new FloatOutputs(FLOAT_OUTPUT_BYTES);
  readonly #reference: FloatOutputs;
  /** Multiply-accumulates spent so far. */
  #spent = 0;

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
    this.#costFrom = suffixCosts(session.plan.steps.map((step) => step.cost));
    const total = Math.max(1, this.#costFrom[0]!);
    const shareFrom = this.#costFrom.map((cost) => cost / total);
    this.#lanes = new LaneRunner({ passBudget: 0, ...parts, costFrom: this.#costFrom });
    const limits = {
      batches: Math.ceil(dataset.length / batch),
      budget: activationBudget,
      largestBuffer: gpu.largestBinding,
    };
    const entries = entrySteps(session.plan, parts.layout?.groups ?? []);
    this.#cuts = new StoredCuts(gpu, session, chooseCuts(session.plan, entries, shareFrom, limits));
  }

  canonical(assignment: Assignment): Assignment {
    return this.#parts.canonical?.(assignment) ?? assignment;
  }

  /** Forward passes of one sample through the whole network that were spent so far. */
  networkEquivalents(): number {
    return this.#spent / Math.max(1, this.#costFrom[0]!);
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
      return await this.#evaluateBesideFloat(assignment, samples, signal);
    }
    const [gathering] = await Gathering.start(dataset, metrics, this.#views, samples, 1);
    // Stored activations lie in the batches of the whole set in order.
    const use = indices ? undefined : this.#cuts.use(assignment);
    const from = use?.from ?? 0;
    const encode: EncodeBatch = (encoder, collect, batch) => {
      if (use) use.encode(encoder, batch);
      else session.encode(encoder, assignment);
      collect(0);
    };
    await this.#runner.runPasses(samples, [{ encode, readsInputs: from === 0 || readsInputs(session.plan, from) }], {
      take: (_lane, position, outputs) => {
        const index = samples[position]!;
        if (this.#comparesToFloat && isReference) this.#reference.offer(index, outputs);
        gathering!.take(position, outputs, isReference ? outputs : this.#reference.get(index));
      },
      onProgress: (done) => onProgress?.(done, samples.length),
      signal,
    });
    use?.commit();
    this.#spent += samples.length * this.#costFrom[from]!;
    return gathering!.finish();
  }

  /** Hands over what metrics look at of every sample, in the form that `reference` takes, without computing any. */
  async collect(
    indices: readonly number[],
    take: (position: number, collected: readonly HostTensor[]) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    this.#spent += await this.#lanes.run(this.#allFloat, [this.#allFloat], {
      runner: this.#runner,
      indices,
      signal,
      take: (_lane, position, collected) => take(position, collected),
      finish: () => Promise.resolve(),
    });
  }

  async evaluateEach(
    base: Assignment,
    assignments: readonly Assignment[],
    indices: readonly number[],
    take: TakeResult<Evaluation>,
    signal?: AbortSignal,
  ): Promise<void> {
    const { dataset, metrics } = this.#parts;
    const gatherings = await Gathering.start(dataset, metrics, this.#views, indices, assignments.length);
    const run = {
      runner: this.#runner,
      indices,
      signal,
      take: (lane: number, position: number, outputs: readonly HostTensor[], float?: readonly HostTensor[]) =>
        gatherings[lane]!.take(position, outputs, float),
      finish: (lane: number) => take(lane, gatherings[lane]!.finish()),
    };
    if (this.#comparesToFloat) await this.#runBesideFloat(base, assignments, this.#reference, run);
    else this.#spent += await this.#lanes.run(base, assignments, run);
  }

  async distances(
    distance: OutputDistance,
    base: Assignment,
    assignments: readonly Assignment[],
    indices: readonly number[],
    take: TakeResult<Float64Array>,
    signal?: AbortSignal,
  ): Promise<void> {
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
      finish: (lane) => take(lane, results[lane]!),
    });
  }

  [Symbol.dispose](): void {
    this.#runner[Symbol.dispose]();
    this.#outputRunner?.[Symbol.dispose]();
    this.#lanes[Symbol.dispose]();
    this.#cuts[Symbol.dispose]();
  }

  async #evaluateBesideFloat(
    assignment: Assignment,
    samples: readonly number[],
    signal: AbortSignal | undefined,
  ): Promise<Evaluation> {
    let result: Evaluation | undefined;
    const take = (_place: number, evaluation: Evaluation) => {
      result = evaluation;
      return Promise.resolve();
    };
    await this.evaluateEach(assignment, [assignment], samples, take, signal);
    return result!;
  }

  /** Runs assignments with the outputs of the float network at hand: those that are kept, else computed in a lane of their own. */
  async #runBesideFloat(
    base: Assignment,
    assignments: readonly Assignment[],
    kept: FloatOutputs,
    { take, finish, ...run }: Omit<LaneRun, "take"> & { readonly take: TakeRowBesideFloat },
  ): Promise<void> {
    const { indices, runner } = run;
    if (kept.hasAll(indices)) {
      const takeKept: TakeRow = (lane, position, outputs) =>
        take(lane, position, outputs, kept.get(indices[position]!) ?? []);
      this.#spent += await this.#lanes.run(base, assignments, { ...run, finish, take: takeKept });
      return;
    }
    // The float network leads the lanes, so that its outputs of a sample are there before those of the others.
    const present = new Map<number, { readonly outputs: readonly HostTensor[]; left: number }>();
    this.#spent += await this.#lanes.run(base, [this.#allFloat, ...assignments], {
      ...run,
      // Where there is no room for its outputs of all samples, all lanes take a batch before the next one comes.
      leads: true,
      isCut: kept.room >= indices.length * runner.sampleBytes,
      take(lane, position, outputs) {
        if (lane === 0) {
          kept.offer(indices[position]!, outputs);
          present.set(position, { outputs, left: assignments.length });
          return;
        }
        const float = present.get(position)!;
        take(lane - 1, position, outputs, float.outputs);
        if (--float.left === 0) present.delete(position);
      },
      finish: (lane) => lane === 0 ? Promise.resolve() : finish(lane - 1),
    });
  }
}

/** As `TakeRow`, with the float network's outputs. */
type TakeRowBesideFloat = (
  lane: number,
  position: number,
  outputs: readonly HostTensor[],
  float: readonly HostTensor[],
) => void;
