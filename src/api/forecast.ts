/** What a quantization would do and cost, found out without doing it: for `--dry-run`. */
import { resolveOptions } from "../accuracy/options.ts";
import { FLOAT } from "../base/precision.ts";
import { elementCount } from "../base/tensor.ts";
import { activationEstimator, needsHistogram } from "../quantize/estimators.ts";
import type { Session } from "../run/session.ts";
import { candidatesFor, loopOptions } from "./assembled_problem.ts";
import { checkLabels, refuseQuantized, refuseWithoutGroups } from "./check_task.ts";
import { firstIndices } from "./evaluate.ts";
import { nodeMacs } from "./inspect.ts";
import { MEMORY_BUDGET } from "./memory_fit.ts";
import type { Model } from "./model.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import type { Runtime } from "./runtime.ts";
import { Workbench } from "./workbench.ts";

/** A group as it would be scored. */
export interface ForecastGroup {
  readonly name: string;
  /** Nodes that compute in int8 with it. */
  readonly nodes: readonly string[];
  /** Share of the network's multiply-accumulates. */
  readonly macs: number;
  /** Share of the network's work from its first node on: what scoring it costs for each sample. */
  readonly suffix: number;
}

/** Work in network equivalents: one sample through the whole network is 1. */
export interface ForecastCost {
  /** Passes over the calibration samples; correcting biases layer by layer comes on top. */
  readonly calibration: number;
  /** The float network and the whole network in int8 over all samples: a run whose target is met at once ends here. */
  readonly evaluation: number;
  /** Scoring every group once, where what comes before it can be kept. */
  readonly ranking: number;
  /** The same as POT does it: from the input on, every time. */
  readonly plainRanking: number;
  /** One change of the network over all samples, at most. */
  readonly attempt: number;
}

/** GPU memory in bytes. */
export interface ForecastMemory {
  /** Of a batch. */
  readonly activations: number;
  /** Weights and other constants in float and of every candidate. */
  readonly constants: number;
  /** Samples, as far as they stay on the GPU. */
  readonly samples: number;
  /** What samples, and activations that are kept to spare work, may take. */
  readonly budget: number;
}

/** What a run would do. */
export interface Forecast {
  readonly model: string;
  readonly dataset: string;
  readonly adapter: string;
  readonly metrics: readonly string[];
  readonly maximalDrop: number;
  readonly samples: number;
  readonly calibrationSamples: number;
  readonly rankingSamples: number;
  readonly batchSize: number;
  readonly candidates: readonly string[];
  readonly groups: readonly ForecastGroup[];
  /** Quantizable layers that stay in float, and why. */
  readonly skipped: Readonly<Record<string, string>>;
  readonly cost: ForecastCost;
  /** Wall clock of one network equivalent, measured on `timedSamples` of the float network. */
  readonly secondsPerSample: number;
  readonly timedSamples: number;
  readonly memory: ForecastMemory;
  readonly notes: readonly string[];
}

/** Batches that are timed, after one that compiles and warms up. */
const TIMED_BATCHES = 2;

/** Prepares a quantization, runs a few batches of the float network for their time, and foresees the rest. Writes nothing. */
export async function forecastQuantization(
  runtime: Runtime,
  model: Model,
  options: QuantizeOptions,
): Promise<Forecast> {
  const resolved = resolveOptions(loopOptions(options));
  const list = candidatesFor(options, resolved);
  refuseQuantized(model);
  const bench = await Workbench.open(runtime, model, { ...options, journal: undefined });
  refuseWithoutGroups(model, bench.groups, bench.prepared.skipped);
  const { decisions } = bench.data;
  checkLabels(model, decisions, options.metrics);
  const groups = describeGroups(bench);
  const rankingSamples = Math.min(resolved.rankingSubsetSize, decisions.length);
  using session = await bench.openSession();
  const timing = await timeBatches(bench, session, options.signal);
  const passes = list.options.some((one) => needsHistogram(activationEstimator("asymmetric", one.activationRange)))
    ? 2
    : 1;
  return {
    model: model.name,
    dataset: decisions.name,
    adapter: `${runtime.adapter.description}${runtime.adapter.isSoftware ? " (software)" : ""}`,
    metrics: options.metrics.map(({ name }) => name),
    maximalDrop: resolved.maximalDrop,
    samples: decisions.length,
    calibrationSamples: bench.calibrationSamples,
    rankingSamples,
    batchSize: bench.batchSize,
    candidates: list.options.map(({ label }) => label ?? ""),
    groups,
    skipped: Object.fromEntries(bench.prepared.skipped),
    cost: {
      calibration: passes * bench.calibrationSamples,
      evaluation: 2 * decisions.length,
      ranking: rankingSamples * groups.reduce((sum, { suffix }) => sum + suffix, 0),
      plainRanking: rankingSamples * groups.length,
      attempt: decisions.length,
    },
    ...timing,
    memory: memoryOf(bench, session, {
      candidates: list.options.length,
      budget: options.memoryBudget ?? MEMORY_BUDGET,
    }),
    notes: bench.notes,
  };
}

function describeGroups({ groups, typed }: Workbench): ForecastGroup[] {
  const macs = nodeMacs(typed);
  const names = [...macs.keys()];
  const total = Math.max(1, [...macs.values()].reduce((sum, count) => sum + count, 0));
  return groups.map(({ name, nodes, macs: share }) => {
    const first = names.findIndex((node) => nodes.includes(node));
    const suffix = names.slice(Math.max(0, first)).reduce((sum, node) => sum + (macs.get(node) ?? 0), 0) / total;
    return { name, nodes, macs: share, suffix };
  });
}

async function timeBatches(
  bench: Workbench,
  session: Session,
  signal: AbortSignal | undefined,
): Promise<Pick<Forecast, "secondsPerSample" | "timedSamples">> {
  const { decisions } = bench.data;
  const assignment = bench.groups.map(() => FLOAT);
  using opened = bench.openEvaluator(session, decisions, false);
  await opened.evaluator.evaluate(assignment, firstIndices(decisions, bench.batchSize), signal);
  const indices = firstIndices(decisions, TIMED_BATCHES * bench.batchSize);
  const start = performance.now();
  await opened.evaluator.evaluate(assignment, indices, signal);
  return { secondsPerSample: (performance.now() - start) / 1000 / indices.length, timedSamples: indices.length };
}

/** Every element takes a word on the GPU, but for samples of bytes. */
function memoryOf(
  { data: { decisions } }: Workbench,
  { plan }: Session,
  { candidates, budget }: { readonly candidates: number; readonly budget: number },
): ForecastMemory {
  const perSample = decisions.inputs.reduce(
    (sum, { dtype, shape }) => sum + elementCount(shape) * (dtype === "uint8" ? 1 : 4),
    0,
  );
  return {
    activations: plan.buffers.reduce((sum, byteLength) => sum + byteLength, 0),
    constants: plan.constants.reduce(
      (sum, { shape, quantizer }) => sum + 4 * elementCount(shape) * (quantizer === undefined ? 1 : 1 + candidates),
      0,
    ),
    samples: Math.min(budget, decisions.length * perSample),
    budget,
  };
}
