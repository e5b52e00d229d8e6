/** Evaluating a model, float or QDQ, on a dataset. */
import { UsageError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import { feedTypes } from "../evaluate/feed.ts";
import { FloatOutputs } from "../evaluate/float_outputs.ts";
import { GpuEvaluator } from "../evaluate/gpu_evaluator.ts";
import { limitDataset } from "../evaluate/limited_dataset.ts";
import type { Metric } from "../evaluate/metric.ts";
import { SampleStore } from "../evaluate/sample_store.ts";
import { metricsBehind } from "../evaluate/tail_metrics.ts";
import { inferTypes } from "../ops/infer.ts";
import type { HostTensor } from "../base/tensor.ts";
import { guardBatch } from "./batch_guard.ts";
import { fitMemory, type MemoryFit } from "./memory_fit.ts";
import { checkLabels } from "./check_task.ts";
import type { Model } from "./model.ts";
import { chooseBatch, feedOf, prepareNetwork } from "./network.ts";
import { openNetwork, planNetwork } from "./planned_network.ts";
import type { Runtime } from "./runtime.ts";

/** How to evaluate. */
export interface EvaluateOptions {
  /** What to measure. */
  readonly metrics: readonly Metric[];
  /** The float network, for metrics that compare with it. */
  readonly reference?: Model | undefined;
  /** Samples to use, from the first on; all unless stated. */
  readonly limit?: number | undefined;
  /** Samples per batch; chosen from the memory budget unless stated. */
  readonly batchSize?: number | undefined;
  /** Bytes. */
  readonly memoryBudget?: number | undefined;
  /** Hears of samples done. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Interrupts the work: the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What an evaluation found. */
export interface EvaluateResult {
  /** Metric name → value. */
  readonly values: Readonly<Record<string, number>>;
  /** Samples used. */
  readonly samples: number;
  /** Samples per batch. */
  readonly batchSize: number;
  /** What the user should know. */
  readonly notes: readonly string[];
  /** Wall clock of the evaluation itself, without loading and compiling. */
  readonly seconds: number;
}

/**
 * Evaluates a model's metrics over a dataset.
 *
 * ```ts
 * import { accuracy, evaluateModel, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const { values } = await evaluateModel(runtime, model, dataset, { metrics: [accuracy()] });
 * console.log(values);
 * ```
 */
export async function evaluateModel(
  runtime: Runtime,
  model: Model,
  dataset: Dataset,
  options: EvaluateOptions,
): Promise<EvaluateResult> {
  const { limit, signal } = options;
  const indices = firstIndices(dataset, limit);
  checkLabels(model, limitDataset(dataset, limit), options.metrics);
  const float = await referenceOutputs(runtime, dataset, options);
  return await fitMemory(runtime, options, async (fit) => {
    using bench = await openEvaluator(runtime, model, limitDataset(dataset, limit), { ...options, float }, fit);
    const start = performance.now();
    const { values } = await bench.evaluator.evaluate([], indices, signal);
    return {
      values,
      samples: indices.length,
      batchSize: bench.batchSize,
      notes: [...bench.notes, ...fit.notes],
      seconds: (performance.now() - start) / 1000,
    };
  });
}

/** What the float network gives for every sample, where a metric compares with it. Kept on the host, whatever it takes. */
async function referenceOutputs(
  runtime: Runtime,
  dataset: Dataset,
  options: EvaluateOptions,
): Promise<FloatOutputs | undefined> {
  const { metrics, reference, limit, signal } = options;
  const comparing = metrics.find((metric) => metric.comparesToFloat);
  if (!comparing) return undefined;
  if (!reference) {
    throw new UsageError(
      `Cannot compute ${comparing.name}: it compares with the float network, expected one as reference`,
    );
  }
  const indices = firstIndices(dataset, limit);
  return await fitMemory(runtime, options, async (fit) => {
    using bench = await openEvaluator(runtime, reference, limitDataset(dataset, limit), options, fit);
    const outputs = new FloatOutputs(Infinity);
    const take = (position: number, collected: readonly HostTensor[]) => outputs.offer(indices[position]!, collected);
    await bench.evaluator.collect(indices, take, signal);
    return outputs;
  });
}

interface Bench extends Disposable {
  readonly evaluator: GpuEvaluator;
  readonly batchSize: number;
  readonly notes: readonly string[];
}

/** An evaluator of a model in the precision that its file has. */
async function openEvaluator(
  runtime: Runtime,
  model: Model,
  dataset: Dataset,
  options: EvaluateOptions & { readonly float?: FloatOutputs | undefined },
  fit: MemoryFit,
): Promise<Bench> {
  const { onProgress, float } = options;
  const { gpu } = runtime;
  const { memoryBudget } = fit.sizes;
  const network = await guardBatch(runtime, prepareNetwork(model, dataset), dataset);
  const batchSize = chooseBatch(network, dataset, { runtime, ...fit.sizes });
  fit.choose(batchSize);
  const metrics = metricsBehind(network.tail, options.metrics);
  const feed = feedOf(network, dataset, metrics);
  const typed = inferTypes(feed.graph, feedTypes(feed, batchSize));
  await runtime.tune(typed);
  using stack = new DisposableStack();
  const session = stack.use(await openNetwork(runtime, planNetwork(typed, gpu.kernelTarget)));
  const store = stack.use(new SampleStore(gpu, dataset, feed.inputs, memoryBudget));
  const evaluator = stack.use(
    new GpuEvaluator({
      gpu,
      session,
      store,
      dataset,
      metrics,
      layout: undefined,
      batch: batchSize,
      ...(float ? { reference: float } : {}),
      ...(onProgress ? { onProgress } : {}),
    }),
  );
  fit.open();
  const resources = stack.move();
  return { evaluator, batchSize, notes: network.notes, [Symbol.dispose]: () => resources.dispose() };
}

/** Indices of the first `limit` samples; throws UsageError for a limit that makes no sense. */
export function firstIndices(dataset: Dataset, limit: number | undefined): number[] {
  if (limit !== undefined && !(Number.isInteger(limit) && limit > 0)) {
    throw new UsageError(`Cannot use limit ${limit}, expected a positive integer`);
  }
  return Array.from({ length: Math.min(limit ?? dataset.length, dataset.length) }, (_, index) => index);
}
