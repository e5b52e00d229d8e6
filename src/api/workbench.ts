/** A network and its samples, ready to be calibrated and evaluated on the GPU. */
import type { Journal } from "../accuracy/memo.ts";
import type { AccuracyAwareOptions } from "../accuracy/options.ts";
import type { GroupInfo } from "../accuracy/problem.ts";
import type { Assignment, Evaluator } from "../base/precision.ts";
import type { Dataset } from "../data/dataset.ts";
import { feedTypes } from "../evaluate/feed.ts";
import { GpuEvaluator } from "../evaluate/gpu_evaluator.ts";
import type { GpuStatistics } from "../evaluate/gpu_statistics.ts";
import type { Metric } from "../evaluate/metric.ts";
import { SampleStore } from "../evaluate/sample_store.ts";
import { metricsBehind } from "../evaluate/tail_metrics.ts";
import { UserEvaluator } from "../evaluate/user_evaluator.ts";
import type { Graph } from "../graph/graph.ts";
import { inferTypes, type TypedGraph } from "../ops/infer.ts";
import { type PairedValue, pairGraphs } from "../passes/pair_graphs.ts";
import { buildPlan } from "../plan/build.ts";
import type { Plan } from "../plan/plan.ts";
import { appendTail } from "../quantize/append_tail.ts";
import type { Candidate } from "../quantize/candidate.ts";
import { WeightCodes } from "../quantize/weight_codes.ts";
import { calibrate, type CalibrationOptions } from "../quantize/default_quantization.ts";
import type { EqualizedNetwork } from "../quantize/equalization.ts";
import type { Prepared } from "../quantize/prepare.ts";
import { buildQdq } from "../quantize/qdq.ts";
import { restoreFloat } from "../quantize/weight_edits.ts";
import { Session } from "../run/session.ts";
import { guardBatch } from "./batch_guard.ts";
import {
  batchFor,
  calibrationSamples,
  equalizeNetwork,
  openStatistics,
  type ReadyNetwork,
} from "./calibration_pass.ts";
import { candidateData, weightsOnly } from "./candidates.ts";
import { type DecisionData, divideData } from "./decision_data.ts";
import { DiskJournal } from "./journal/journal.ts";
import { EqualCandidates } from "./equal_candidates.ts";
import { digestOfGraph, identityKey, journalIdentity } from "./journal/journal_identity.ts";
import { MEMORY_BUDGET } from "./memory_fit.ts";
import type { Model } from "./model.ts";
import { feedOf, type Network, prepareNetwork, sampleTypes } from "./network.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import { noteOnFloatWork, prepareQuantizers, type WeighedGroup, weighGroups } from "./quantizer_sites.ts";
import { contentOf } from "./requantize.ts";
import type { Runtime } from "./runtime.ts";
import { holdsOf } from "./sensitivity.ts";

/** Share of the memory budget for activations that full evaluations start from. */
const STORED_SHARE = 0.25;

/** Share of it for activations that the evaluations of a ranking start from. */
const PASS_SHARE = 0.125;

/** What a run works with. Nothing of it lies on the GPU until a session is opened. */
export class Workbench {
  readonly data: DecisionData;
  /** The network before quantizers were placed. */
  readonly typed: TypedGraph;
  readonly prepared: Prepared;
  readonly groups: readonly WeighedGroup[];
  readonly batchSize: number;
  readonly calibrationSamples: number;
  /** In the order of their numbers. */
  readonly candidates: Candidate[] = [];
  /** What the user should know. */
  readonly notes: string[] = [];
  readonly #runtime: Runtime;
  readonly #options: QuantizeOptions;
  readonly #network: Network;
  readonly #equalized: EqualizedNetwork | undefined;
  readonly #calibration: Dataset;
  readonly #statistics: GpuStatistics;
  readonly #equal: EqualCandidates;
  /** Content of calibration options → candidate. */
  readonly #known = new Map<string, number>();
  readonly #weights = new WeightCodes();
  #wrapped: readonly Metric[] | undefined;

  private constructor(
    runtime: Runtime,
    options: QuantizeOptions,
    data: DecisionData,
    { network, equalized }: ReadyNetwork,
  ) {
    this.#runtime = runtime;
    this.#options = options;
    this.data = data;
    for (const text of [...data.notes, ...network.notes]) this.note(text);
    this.typed = inferTypes(network.graph, sampleTypes(network.graph, data.decisions, 1));
    this.prepared = prepareQuantizers(this.typed, options, equalized);
    this.#network = { ...network, graph: this.prepared.graph };
    this.#equalized = equalized;
    this.groups = weighGroups(this.prepared, this.typed);
    const floatWork = noteOnFloatWork(this.groups, this.typed);
    if (floatWork !== undefined) this.note(floatWork);
    this.batchSize = batchFor(runtime, this.#network, data.decisions, options);
    const samples = calibrationSamples(options, data.decisions);
    this.#calibration = samples.dataset;
    this.calibrationSamples = samples.count;
    this.#equal = new EqualCandidates(this.prepared, this.candidates);
    this.#statistics = openStatistics(runtime, this.#network, samples, this.batchSize, options);
  }

  /** Divides the samples and prepares the network; throws what does not fit, or is not supported. */
  static async open(runtime: Runtime, model: Model, options: QuantizeOptions): Promise<Workbench> {
    const data = await divideData(runtime, model, options);
    const network = await guardBatch(runtime, prepareNetwork(model, data.decisions), data.decisions);
    return new Workbench(runtime, options, data, await equalizeNetwork(runtime, network, data.decisions, options));
  }

  /** Remembers a note and tells it. */
  note(text: string): void {
    this.notes.push(text);
    this.#options.onEvent?.({ kind: "note", text });
  }

  /** Calibrates one more candidate, unless one of the same content is there; gives its number. */
  async addCandidate(options: CalibrationOptions): Promise<number> {
    const content = contentOf(options);
    const known = this.#known.get(content);
    if (known !== undefined) return known;
    const number = this.candidates.push(await calibrate(this.prepared, this.#statistics, options, this.#weights)) - 1;
    this.#known.set(content, number);
    return number;
  }

  /** Adds the candidate that keeps the first one's weights in int8 and computes in float. */
  addWeightsOnly(): number {
    return this.candidates.push(weightsOnly(this.prepared, this.candidates[0]!)) - 1;
  }

  /** Groups as the loop takes them, with the candidates there are now. */
  groupInfos(activationsCandidate: number | undefined): GroupInfo[] {
    const labels = this.candidates.map(({ label }) => label);
    const holds = this.#options.holds ? holdsOf(this.groups, this.#options.holds) : [];
    const { quantizers } = this.prepared.layout;
    return this.groups.map(({ name, macs, quantizers: ids }, index) => {
      const hold = holds[index];
      const common = { name, macs, ...(hold ? { hold } : {}) };
      if (activationsCandidate === undefined) return { ...common, candidates: labels };
      // Without weights nothing would be left of the candidate, which is the last.
      return ids.some((id) => quantizers[id]?.kind === "weight")
        ? { ...common, candidates: labels, activationsCandidate }
        : { ...common, candidates: labels.slice(0, activationsCandidate) };
    });
  }

  /** Uploads network and candidates. */
  async openSession(): Promise<Session> {
    const { gpu, pipelines } = this.#runtime;
    const typed = this.#sessionTypes();
    await this.#runtime.tune(typed);
    const { layout } = this.prepared;
    const plan = buildPlan(typed, layout.quantizers, { target: gpu.kernelTarget });
    const session = await Session.create(gpu, pipelines, plan, layout);
    for (const number of this.candidates.keys()) this.uploadCandidate(session, number);
    return session;
  }

  /** The network as sessions run it. */
  #sessionTypes(): TypedGraph {
    const { graph } = this.prepared;
    return this.#options.evaluate
      ? inferTypes(graph, sampleTypes(graph, this.data.decisions, this.batchSize))
      : inferTypes(this.#feed.graph, feedTypes(this.#feed, this.batchSize));
  }

  /** A plan to know a session by: which tiles it runs with changes none of its results. */
  #identifyingPlan({ plan }: Session): Plan {
    const { kernelTarget, tiles } = this.#runtime.gpu;
    if (tiles.size === 0) return plan;
    const target = { ...kernelTarget, tiles: undefined };
    return buildPlan(this.#sessionTypes(), this.prepared.layout.quantizers, { target });
  }

  /** Gives a session the data of a candidate. */
  uploadCandidate(session: Session, number: number): void {
    session.setCandidate(number, candidateData(this.prepared, this.candidates[number]!));
  }

  /** The whole network under an assignment, with QuantizeLinear and DequantizeLinear. */
  quantizedGraph(assignment: Assignment): Graph {
    const { tail } = this.#network;
    const quantized = buildQdq(this.prepared, this.candidates, assignment, this.#options.qdq);
    const graph = this.#equalized
      ? restoreFloat(quantized, this.#equalized, this.prepared.layout, assignment)
      : quantized;
    return tail ? appendTail(graph, tail, this.prepared.view.typed.types) : graph;
  }

  /** The float network and the one of an assignment side by side, without their tails, with the values that both have. */
  besideFloat(assignment: Assignment): { readonly network: Network; readonly pairs: readonly PairedValue[] } {
    const { graph: float } = this.prepared;
    const quantized = buildQdq(this.prepared, this.candidates, assignment, this.#options.qdq);
    const { graph, pairs } = pairGraphs(float, quantized, sampleTypes(float, this.data.decisions, 1));
    return { network: { ...this.#network, graph }, pairs };
  }

  /** The evaluator over some of the samples. With `keepsActivations` successive evaluations of all samples share work. */
  openEvaluator(
    session: Session,
    dataset: Dataset,
    keepsActivations: boolean,
  ): { readonly evaluator: Evaluator } & Disposable {
    const { evaluate, onEvent } = this.#options;
    const { tail } = this.#network;
    const canonical = (assignment: Assignment) => this.#equal.canonical(assignment);
    if (evaluate) {
      return { evaluator: new UserEvaluator(session, evaluate, canonical, tail), [Symbol.dispose]: () => {} };
    }
    using stack = new DisposableStack();
    const store = stack.use(new SampleStore(this.#runtime.gpu, dataset, this.#feed.inputs, this.#memoryBudget));
    const evaluator = stack.use(
      new GpuEvaluator({
        gpu: this.#runtime.gpu,
        session,
        store,
        dataset,
        metrics: this.#metrics,
        layout: this.prepared.layout,
        batch: this.batchSize,
        activationBudget: keepsActivations ? STORED_SHARE * this.#memoryBudget : 0,
        passBudget: PASS_SHARE * this.#memoryBudget,
        canonical,
        onProgress: (done, total) => onEvent?.({ kind: "progress", done, total }),
      }),
    );
    const resources = stack.move();
    return { evaluator, [Symbol.dispose]: () => resources.dispose() };
  }

  /** The journal that the caller asked for, and what its keys begin with. */
  async openJournal(
    session: Session,
    accuracy: AccuracyAwareOptions,
  ): Promise<{ readonly journal: Journal; readonly keyPrefix: string } | undefined> {
    const { journal, metrics, limit, evaluate, annotationConfThreshold } = this.#options;
    if (!journal) return undefined;
    const identity = await journalIdentity({
      modelSha256: this.#network.model.sha256,
      plan: this.#identifyingPlan(session),
      candidates: this.candidates,
      dataset: this.data.decisions,
      calibration: this.#calibration,
      metrics,
      accuracy,
      adapter: this.#runtime.adapter,
      settings: {
        ...(evaluate
          ? { own: [evaluate.sampleCount, evaluate.metrics, this.batchSize, String(evaluate.evaluate)] }
          : {}),
        limit,
        annotationConfThreshold,
        annotationFree: accuracy.annotationFree,
        samples: this.calibrationSamples,
        ...(this.#network.tail ? { tail: digestOfGraph(this.#network.tail.graph) } : {}),
      },
    });
    const keyPrefix = identityKey(identity);
    if (!("path" in journal)) return { journal, keyPrefix };
    const opened = await DiskJournal.open(journal, identity);
    for (const text of opened.notes) this.note(text);
    if (opened.size > 0) {
      const text = `Journal "${journal.path}" has ${opened.size} evaluations to go on from`;
      this.#options.onEvent?.({ kind: "note", text });
    }
    return { journal: opened, keyPrefix };
  }

  get #feed() {
    return feedOf(this.#network, this.data.decisions, this.#metrics);
  }

  /** The caller's metrics, for the outputs of the graph. */
  get #metrics(): readonly Metric[] {
    return this.#wrapped ??= metricsBehind(this.#network.tail, this.#options.metrics);
  }

  get #memoryBudget(): number {
    return this.#options.memoryBudget ?? MEMORY_BUDGET;
  }
}
