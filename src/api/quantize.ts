/** The main job: a float model and a dataset in, a QDQ model within the allowed drop and a report of how it came about out. */
import { runAccuracyAware } from "../accuracy/accuracy_aware.ts";
import { resolveOptions } from "../accuracy/options.ts";
import type { GroupInfo } from "../accuracy/problem.ts";
import type { AccuracyAwareResult } from "../accuracy/result.ts";
import type { Assignment } from "../base/precision.ts";
import { type Feed, feedTypes } from "../evaluate/feed.ts";
import { GpuEvaluator } from "../evaluate/gpu_evaluator.ts";
import { GpuStatistics } from "../evaluate/gpu_statistics.ts";
import { limitDataset } from "../evaluate/limited_dataset.ts";
import { SampleStore } from "../evaluate/sample_store.ts";
import { exportGraph } from "../graph/export.ts";
import type { Group } from "../graph/quantizer.ts";
import { encodeModel } from "../onnx/encode.ts";
import { inferTypes, type TypedGraph } from "../ops/infer.ts";
import { buildPlan } from "../plan/build.ts";
import { calibrate, type Candidate } from "../quantize/default_quantization.ts";
import { prepare, type Prepared } from "../quantize/prepare.ts";
import { buildQdq } from "../quantize/qdq.ts";
import { type CandidateData, Session } from "../run/session.ts";
import { type CandidateList, listCandidates } from "./candidates.ts";
import { firstIndices, MEMORY_BUDGET } from "./evaluate.ts";
import { describeLayers, type LayerDescription } from "./layers.ts";
import type { Model } from "./model.ts";
import { chooseBatch, feedOf, type Network, prepareNetwork, sampleTypes } from "./network.ts";
import type { Phase, QuantizeOptions } from "./quantize_options.ts";
import type { Runtime } from "./runtime.ts";

/** What a quantization gives. */
export interface QuantizeResult {
  /** The QDQ model, encoded. */
  readonly bytes: Uint8Array;
  /** The state of every group: FLOAT or an index of `candidates`. */
  readonly assignment: Assignment;
  /** Labels of the int8 candidates. */
  readonly candidates: readonly string[];
  readonly groups: readonly (Group & { readonly macs: number })[];
  /** Every operator, in graph order. */
  readonly layers: readonly LayerDescription[];
  /** Metric name → value of the exported network. */
  readonly values: Readonly<Record<string, number>>;
  /** The loop's own account. */
  readonly accuracy: AccuracyAwareResult;
  /** Quantizable nodes left in float → why. */
  readonly skipped: ReadonlyMap<string, string>;
  /** Validation samples used. */
  readonly samples: number;
  readonly calibrationSamples: number;
  readonly batchSize: number;
  /** Wall clock by phase. */
  readonly seconds: Readonly<Record<Phase, number>>;
  readonly notes: readonly string[];
}

/** Quantizes a model; a target that cannot be met is a result (`accuracy.reached`), not an error. */
export async function quantizeModel(runtime: Runtime, model: Model, options: QuantizeOptions): Promise<QuantizeResult> {
  const clock = new PhaseClock(options);
  const memoryBudget = options.memoryBudget ?? MEMORY_BUDGET;
  const dataset = limitDataset(options.dataset, options.limit);
  const calibration = options.calibration ?? dataset;
  const accuracyOptions = resolveOptions(loopOptions(options));

  clock.enter("prepare");
  const network = prepareNetwork(model, dataset);
  for (const text of network.notes) options.onEvent?.({ kind: "note", text });
  const typed = inferTypes(network.graph, sampleTypes(network.graph, dataset, 1));
  const prepared = prepare(typed, {
    ...(options.targetDevice ? { targetDevice: options.targetDevice } : {}),
    ...(options.modelType ? { modelType: options.modelType } : {}),
    ...(options.ignored ? { ignored: options.ignored } : {}),
    ...(options.quantization?.weights?.granularity
      ? { weightGranularity: options.quantization.weights.granularity }
      : {}),
  });
  const ready: Network = { ...network, graph: prepared.graph };
  const batchSize = chooseBatch(ready, dataset, { runtime, batchSize: options.batchSize, memoryBudget });
  const feed = feedOf(ready, dataset);

  clock.enter("calibrate");
  const indices = firstIndices(calibration, Math.min(options.statSubsetSize ?? 300, calibration.length));
  const statistics = new GpuStatistics({
    gpu: runtime.gpu,
    pipelines: runtime.pipelines,
    feed: feedOf(ready, calibration),
    dataset: calibration,
    indices,
    batch: batchSize,
    memoryBudget,
    onProgress: (done, total) => options.onEvent?.({ kind: "progress", done, total }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  const list = listCandidates(options.quantization ?? {}, {
    mend: accuracyOptions.mend && options.algorithm !== "DefaultQuantization",
    mixed: accuracyOptions.convertToMixedPreset,
  });
  const candidates: Candidate[] = [];
  for (const one of list.options) candidates.push(await calibrate(prepared, statistics, one));

  clock.enter("accuracy");
  const groups = describeGroups(prepared, typed);
  options.onEvent?.({ kind: "groups", names: groups.map(({ name }) => name) });
  const accuracy = await runLoop({
    runtime,
    options,
    feed,
    prepared,
    candidates,
    list,
    groups,
    batchSize,
    memoryBudget,
  });

  clock.enter("export");
  const qdq = buildQdq(prepared, candidates, accuracy.assignment, options.qdq);
  const bytes = encodeModel(exportGraph(qdq));
  clock.finish();
  return {
    bytes,
    assignment: accuracy.assignment,
    candidates: candidates.map((candidate) => candidate.label),
    groups,
    layers: describeLayers(typed, prepared, candidates, accuracy.assignment),
    values: accuracy.values,
    accuracy,
    skipped: prepared.skipped,
    samples: dataset.length,
    calibrationSamples: indices.length,
    batchSize,
    seconds: clock.seconds,
    notes: network.notes,
  };
}

/** DefaultQuantization is the loop that is content with whatever full quantization gives. */
function loopOptions({ algorithm, accuracy = {} }: QuantizeOptions): NonNullable<QuantizeOptions["accuracy"]> {
  if (algorithm !== "DefaultQuantization") return accuracy;
  return { ...accuracy, maximalDrop: Number.MAX_VALUE, putBack: false, mend: false, convertToMixedPreset: false };
}

interface LoopParts {
  readonly runtime: Runtime;
  readonly options: QuantizeOptions;
  readonly feed: Feed;
  readonly prepared: Prepared;
  readonly candidates: readonly Candidate[];
  readonly list: CandidateList;
  readonly groups: QuantizeResult["groups"];
  readonly batchSize: number;
  readonly memoryBudget: number;
}

async function runLoop(parts: LoopParts): Promise<AccuracyAwareResult> {
  const { runtime, options, feed, prepared, candidates, list, groups, batchSize, memoryBudget } = parts;
  const { gpu, pipelines } = runtime;
  const dataset = limitDataset(options.dataset, options.limit);
  const typed = inferTypes(feed.graph, feedTypes(feed, batchSize));
  const plan = buildPlan(typed, prepared.layout.quantizers);
  using session = await Session.create(gpu, pipelines, plan, prepared.layout);
  candidates.forEach((candidate, index) => session.setCandidate(index, candidateData(prepared, candidate)));
  using store = new SampleStore(gpu, dataset, feed.inputs, memoryBudget);
  using evaluator = new GpuEvaluator({
    gpu,
    session,
    store,
    dataset,
    metrics: options.metrics,
    layout: prepared.layout,
    batch: batchSize,
    onProgress: (done, total) => options.onEvent?.({ kind: "progress", done, total }),
  });
  const labels = candidates.map((candidate) => candidate.label);
  const problem = {
    evaluator,
    groups: groups.map(({ name, macs }): GroupInfo => ({ name, macs, candidates: labels })),
    ...(list.mixed === undefined ? {} : { mixedCandidate: list.mixed }),
  };
  return await runAccuracyAware(problem, loopOptions(options), {
    onStep: (step) =>
      options.onEvent?.({ kind: "step", step, group: step.group === undefined ? undefined : groups[step.group]?.name }),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.journal ? { journal: options.journal } : {}),
  });
}

/** A candidate as the session takes it: codes' ranges for activations, contents for weights and biases. */
export function candidateData(prepared: Prepared, candidate: Candidate): Map<number, CandidateData> {
  const data = new Map<number, CandidateData>();
  for (const { id, kind } of prepared.layout.quantizers) {
    const parameters = candidate.parameters.get(id);
    const tensor = candidate.tensors.get(id);
    if (kind === "activation" && parameters) data.set(id, { parameters });
    if (kind !== "activation" && tensor) data.set(id, { tensor });
  }
  return data;
}

/** Groups with their share of the network's multiply-accumulates. */
function describeGroups({ layout }: Prepared, { nodes, types }: TypedGraph): (Group & { macs: number })[] {
  const macs = new Map(nodes.map(({ node, operator, attributes }) => {
    const typesOf = (names: readonly string[]) => names.map((name) => name === "" ? undefined : types.get(name));
    const outputs = node.outputs.map((name) => types.get(name)!);
    return [node.name, operator.macs?.(typesOf(node.inputs), outputs, attributes) ?? 0];
  }));
  const total = Math.max(1, [...macs.values()].reduce((sum, count) => sum + count, 0));
  return layout.groups.map((group) => ({
    ...group,
    macs: group.nodes.reduce((sum, node) => sum + (macs.get(node) ?? 0), 0) / total,
  }));
}

/** Wall clock of the phases. */
class PhaseClock {
  readonly seconds: Record<Phase, number> = { prepare: 0, calibrate: 0, accuracy: 0, export: 0 };
  readonly #options: QuantizeOptions;
  #phase: Phase | undefined;
  #since = performance.now();

  constructor(options: QuantizeOptions) {
    this.#options = options;
  }

  enter(phase: Phase): void {
    this.finish();
    this.#phase = phase;
    this.#options.onEvent?.({ kind: "phase", phase });
  }

  finish(): void {
    const now = performance.now();
    if (this.#phase) this.seconds[this.#phase] += (now - this.#since) / 1000;
    this.#since = now;
    this.#phase = undefined;
  }
}
