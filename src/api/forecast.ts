/** What a quantization would do and cost, found out without doing it: for `--dry-run`. */
import { resolveOptions } from "../accuracy/options.ts";
import { FLOAT } from "../base/precision.ts";
import { elementCount } from "../base/tensor.ts";
import { nodeMacs } from "../ops/node_macs.ts";
import { isEqualizable } from "../quantize/equalization.ts";
import { activationEstimator, needsHistogram } from "../quantize/estimators.ts";
import { refuseUnexportable } from "../quantize/qdq.ts";
import type { Forecast, ForecastGroup, ForecastMemory } from "../report/forecast.ts";
import type { Session } from "../run/session.ts";
import { candidatesFor, loopOptions } from "./assembled_problem.ts";
import { checkLabels, refuseQuantized, refuseWithoutGroups } from "./check_task.ts";
import { firstIndices } from "./evaluate.ts";
import { MEMORY_BUDGET } from "./memory_fit.ts";
import type { Model } from "./model.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import type { Runtime } from "./runtime.ts";
import { Workbench } from "./workbench.ts";

/** Batches that are timed, after one that compiles and warms up. */
const TIMED_BATCHES = 2;

/**
 * Prepares a quantization, runs a few batches of the float network for their time, and foresees the rest. Writes nothing.
 *
 * ```ts
 * import { accuracy, forecastQuantization, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const { groups, cost } = await forecastQuantization(runtime, model, { dataset, metrics: [accuracy()] });
 * console.log(groups.length, cost.ranking);
 * ```
 */
export async function forecastQuantization(
  runtime: Runtime,
  model: Model,
  options: QuantizeOptions,
): Promise<Forecast> {
  const resolved = resolveOptions(loopOptions(options));
  const list = candidatesFor(options, resolved);
  refuseQuantized(model);
  // Equalizing takes a pass over the calibration samples and changes no group.
  const equalization = { channelAlignment: false };
  const bench = await Workbench.open(runtime, model, { ...options, journal: undefined, equalization });
  refuseWithoutGroups(model, bench.groups, bench.prepared.skipped);
  refuseUnexportable(bench.prepared);
  const { decisions } = bench.data;
  checkLabels(model, decisions, options.metrics);
  const groups = describeGroups(bench);
  const rankingSamples = Math.min(resolved.rankingSubsetSize, decisions.length);
  using session = await bench.openSession();
  const timing = await timeBatches(bench, session, options.signal);
  const hasHistograms = list.options.some((one) =>
    needsHistogram(activationEstimator("asymmetric", one.activationRange))
  );
  const passes = 1 + (hasHistograms ? 1 : 0) + (isEqualizable(bench.typed, options.equalization ?? {}) ? 1 : 0);
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
