/** Evaluating a model, float or QDQ, on a dataset. */
import { UsageError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import { feedTypes } from "../evaluate/feed.ts";
import { GpuEvaluator } from "../evaluate/gpu_evaluator.ts";
import type { Metric } from "../evaluate/metric.ts";
import { SampleStore } from "../evaluate/sample_store.ts";
import { inferTypes } from "../ops/infer.ts";
import { buildPlan } from "../plan/build.ts";
import { Session } from "../run/session.ts";
import type { Model } from "./model.ts";
import { chooseBatch, feedOf, prepareNetwork } from "./network.ts";
import type { Runtime } from "./runtime.ts";

/** Bytes of GPU memory that samples and activations may take unless the caller says otherwise. */
export const MEMORY_BUDGET = 2 * 1024 ** 3;

/** How to evaluate. */
export interface EvaluateOptions {
  readonly metrics: readonly Metric[];
  /** Samples to use, from the first on; all unless stated. */
  readonly limit?: number | undefined;
  /** Samples per batch; chosen from the memory budget unless stated. */
  readonly batchSize?: number | undefined;
  /** Bytes. */
  readonly memoryBudget?: number | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What an evaluation found. */
export interface EvaluateResult {
  /** Metric name → value. */
  readonly values: Readonly<Record<string, number>>;
  readonly samples: number;
  readonly batchSize: number;
  /** What the user should know. */
  readonly notes: readonly string[];
  /** Wall clock of the evaluation itself, without loading and compiling. */
  readonly seconds: number;
}

/** Evaluates a model's metrics over a dataset. */
export async function evaluateModel(
  runtime: Runtime,
  model: Model,
  dataset: Dataset,
  options: EvaluateOptions,
): Promise<EvaluateResult> {
  const memoryBudget = options.memoryBudget ?? MEMORY_BUDGET;
  const network = prepareNetwork(model, dataset);
  const batchSize = chooseBatch(network, dataset, { runtime, batchSize: options.batchSize, memoryBudget });
  const feed = feedOf(network, dataset);
  const plan = buildPlan(inferTypes(feed.graph, feedTypes(feed, batchSize)));
  using session = await Session.create(runtime.gpu, runtime.pipelines, plan);
  using store = new SampleStore(runtime.gpu, dataset, feed.inputs, memoryBudget);
  using evaluator = new GpuEvaluator({
    gpu: runtime.gpu,
    session,
    store,
    dataset,
    metrics: options.metrics,
    layout: undefined,
    batch: batchSize,
    ...(options.onProgress ? { onProgress: options.onProgress } : {}),
  });
  const indices = firstIndices(dataset, options.limit);
  const start = performance.now();
  const { values } = await evaluator.evaluate([], indices, options.signal);
  return {
    values,
    samples: indices.length,
    batchSize,
    notes: network.notes,
    seconds: (performance.now() - start) / 1000,
  };
}

/** Indices of the first `limit` samples; throws UsageError for a limit that makes no sense. */
export function firstIndices(dataset: Dataset, limit: number | undefined): number[] {
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) {
    throw new UsageError(`Cannot use limit ${limit}, expected a positive integer`);
  }
  return Array.from({ length: Math.min(limit ?? dataset.length, dataset.length) }, (_, index) => index);
}
