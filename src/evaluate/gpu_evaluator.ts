/** The evaluator of the accuracy-aware loop, on the GPU. */
import { type Assignment, type Evaluation, type Evaluator, FLOAT } from "../base/precision.ts";
import type { HostTensor } from "../base/tensor.ts";
import type { Dataset } from "../data/dataset.ts";
import type { QuantizerLayout } from "../graph/quantizer.ts";
import type { Gpu } from "../gpu/device.ts";
import { quantizersOf } from "../plan/plan.ts";
import type { Session } from "../run/session.ts";
import { BatchRunner } from "./batch_runner.ts";
import type { Label, Metric, MetricRun } from "./metric.ts";
import { type LiveSet, liveSets } from "./live_sets.ts";
import type { SampleStore } from "./sample_store.ts";

/** What an evaluator needs. */
export interface GpuEvaluatorParts {
  readonly gpu: Gpu;
  readonly session: Session;
  readonly store: SampleStore;
  readonly dataset: Dataset;
  readonly metrics: readonly Metric[];
  readonly layout: QuantizerLayout | undefined;
  readonly batch: number;
  /** Hears of samples done within the evaluation under way. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Evaluates assignments over a dataset, counting what it costs. Dispose it with its session and store. */
export class GpuEvaluator implements Evaluator {
  readonly sampleCount: number;
  readonly metrics: readonly Metric[];
  readonly #parts: GpuEvaluatorParts;
  readonly #runner: BatchRunner;
  readonly #allFloat: Assignment;
  /** Share of a forward pass that lies at and after each step. */
  readonly #costFrom: readonly number[];
  readonly #shadows = new Map<number, GPUBuffer>();
  #networkEquivalents = 0;

  constructor(parts: GpuEvaluatorParts) {
    this.#parts = parts;
    this.sampleCount = parts.dataset.length;
    this.metrics = parts.metrics;
    this.#runner = new BatchRunner(parts.gpu, parts.session, parts.store, parts.batch);
    this.#allFloat = (parts.layout?.groups ?? []).map(() => FLOAT);
    this.#costFrom = suffixShares(parts.session.plan.steps.map((step) => step.cost));
  }

  /** Forward passes of one sample through the whole network that were spent so far. */
  networkEquivalents(): number {
    return this.#networkEquivalents;
  }

  async evaluate(
    assignment: Assignment = this.#allFloat,
    indices: readonly number[] = allIndices(this.sampleCount),
    signal?: AbortSignal,
  ): Promise<Evaluation> {
    const gathering = await this.#gather(indices);
    await this.#runner.run(indices, {
      encode: (encoder, collect) => {
        this.#parts.session.encode(encoder, assignment);
        collect(0);
      },
      take: (_lane, position, outputs) => gathering.take(position, outputs),
      onProgress: (done) => this.#parts.onProgress?.(done, indices.length),
      ...(signal ? { signal } : {}),
    });
    this.#networkEquivalents += indices.length;
    return gathering.finish();
  }

  async evaluateEach(
    base: Assignment,
    assignments: readonly Assignment[],
    indices: readonly number[],
    signal?: AbortSignal,
  ): Promise<Evaluation[]> {
    const { session } = this.#parts;
    const branches = this.#branches(base, assignments);
    const gatherings: Gathering[] = [];
    for (let lane = 0; lane < assignments.length; lane++) gatherings.push(await this.#gather(indices));
    await this.#runner.run(indices, {
      lanes: assignments.length,
      encode: (encoder, collect) => {
        let at = 0;
        for (const { step, lanes, live } of branches) {
          session.encode(encoder, base, at, step);
          at = step;
          lanes.forEach((lane, place) => {
            const isLastUse = place === lanes.length - 1 && step === branches.at(-1)!.step;
            if (place === 0 && !isLastUse) this.#copy(encoder, live, "save");
            session.encode(encoder, assignments[lane]!, step);
            collect(lane);
            if (!isLastUse) this.#copy(encoder, live, "restore");
          });
        }
      },
      take: (lane, position, outputs) => gatherings[lane]!.take(position, outputs),
      onProgress: (done) => this.#parts.onProgress?.(done, indices.length),
      ...(signal ? { signal } : {}),
    });
    const prefix = branches.length === 0 ? 0 : 1 - this.#costFrom[branches.at(-1)!.step]!;
    const suffixes = branches.reduce((sum, { step, lanes }) => sum + lanes.length * this.#costFrom[step]!, 0);
    this.#networkEquivalents += indices.length * (prefix + suffixes);
    return gatherings.map((gathering) => gathering.finish());
  }

  /** Outputs of every sample, for distances between networks; calls `take` in order. */
  async outputs(
    assignment: Assignment,
    indices: readonly number[],
    take: (position: number, outputs: readonly HostTensor[]) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#runner.run(indices, {
      encode: (encoder, collect) => {
        this.#parts.session.encode(encoder, assignment);
        collect(0);
      },
      take: (_lane, position, outputs) => take(position, outputs),
      ...(signal ? { signal } : {}),
    });
    this.#networkEquivalents += indices.length;
  }

  [Symbol.dispose](): void {
    this.#runner[Symbol.dispose]();
    for (const buffer of this.#shadows.values()) buffer.destroy();
  }

  /** Where each assignment first differs from the base, in step order, and what must be kept to go on from there. */
  #branches(base: Assignment, assignments: readonly Assignment[]): { step: number; lanes: number[]; live: LiveSet }[] {
    const { session } = this.#parts;
    const { steps, constants } = session.plan;
    const baseState = session.stateOf(base);
    const lanesAt = new Map<number, number[]>();
    const relevant = steps.map((step) => quantizersOf(step, constants));
    assignments.forEach((assignment, lane) => {
      const state = session.stateOf(assignment);
      const first = relevant.findIndex((quantizers) => quantizers.some((id) => state(id) !== baseState(id)));
      const step = first < 0 ? steps.length : first;
      lanesAt.set(step, [...lanesAt.get(step) ?? [], lane]);
    });
    const live = liveSets(session.plan, [...lanesAt.keys()]);
    return [...lanesAt].sort(([a], [b]) => a - b).map(([step, lanes]) => ({ step, lanes, live: live.get(step)! }));
  }

  #copy(encoder: GPUCommandEncoder, live: LiveSet, direction: "save" | "restore"): void {
    const { gpu, session } = this.#parts;
    for (const slot of live) {
      const byteLength = session.plan.slots[slot]!;
      let shadow = this.#shadows.get(slot);
      if (!shadow) {
        const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
        shadow = gpu.device.createBuffer({ label: `shadow ${slot}`, size: byteLength, usage });
        this.#shadows.set(slot, shadow);
      }
      const buffer = session.slotBuffer(slot);
      if (direction === "save") encoder.copyBufferToBuffer(buffer, 0, shadow, 0, byteLength);
      else encoder.copyBufferToBuffer(shadow, 0, buffer, 0, byteLength);
    }
  }

  async #gather(indices: readonly number[]): Promise<Gathering> {
    const { dataset, metrics } = this.#parts;
    const labels = await labelsOf(dataset, indices);
    return new Gathering(metrics.map((metric) => ({ name: metric.name, run: metric.start(dataset) })), indices, labels);
  }
}

/** Collects the metrics of one evaluation. */
class Gathering {
  readonly #runs: readonly { readonly name: string; readonly run: MetricRun; readonly perSample: Float64Array }[];
  readonly #indices: readonly number[];
  readonly #labels: readonly (Label | undefined)[];

  constructor(
    runs: readonly { name: string; run: MetricRun }[],
    indices: readonly number[],
    labels: readonly (Label | undefined)[],
  ) {
    this.#runs = runs.map((run) => ({ ...run, perSample: new Float64Array(indices.length) }));
    this.#indices = indices;
    this.#labels = labels;
  }

  take(position: number, outputs: readonly HostTensor[]): void {
    const sample = { outputs, label: this.#labels[position], index: this.#indices[position]! };
    for (const { run, perSample } of this.#runs) perSample[position] = run.add(sample);
  }

  finish(): Evaluation {
    return {
      values: Object.fromEntries(this.#runs.map(({ name, run }) => [name, run.value()])),
      perSample: Object.fromEntries(this.#runs.map(({ name, perSample }) => [name, perSample])),
    };
  }
}

function allIndices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

function suffixShares(costs: readonly number[]): number[] {
  const total = Math.max(1, costs.reduce((sum, cost) => sum + cost, 0));
  let before = 0;
  return [...costs, 0].map((cost) => {
    const share = 1 - before / total;
    before += cost;
    return share;
  });
}

async function labelsOf(dataset: Dataset, indices: readonly number[]): Promise<(Label | undefined)[]> {
  const { labels } = dataset;
  if (!labels) return indices.map(() => undefined);
  switch (labels.kind) {
    case "classes":
      return indices.map((index) => labels.values[index]);
    case "text":
      return indices.map((index) => labels.values[index]);
    case "annotations":
      return indices.map((index) => labels.boxes[index]);
    case "masks":
      return await Promise.all(indices.map((index) => labels.read(index)));
    case "tensor": {
      const { dtype, shape, data } = labels.tensor;
      const length = data.length / Math.max(1, shape[0] ?? 0);
      return indices.map((index) => ({
        dtype,
        shape: shape.slice(1),
        data: data.subarray(index * length, (index + 1) * length),
      }));
    }
  }
}
