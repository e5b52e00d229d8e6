/** Passes of a float network over the calibration samples, and what they first serve for: equal channels. */
import type { Dataset } from "../data/dataset.ts";
import { GpuStatistics } from "../evaluate/gpu_statistics.ts";
import { inferTypes } from "../ops/infer.ts";
import { describeEqualization, equalize, type EqualizedNetwork } from "../quantize/equalization.ts";
import type { ChannelStatisticsSource } from "../quantize/statistics.ts";
import { firstIndices } from "./evaluate.ts";
import { MEMORY_BUDGET } from "./memory_fit.ts";
import { chooseBatch, feedOf, type Network, sampleTypes } from "./network.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import type { Runtime } from "./runtime.ts";

/** Calibration samples, unless stated. */
const STATISTICS_SAMPLES = 300;

/** Samples that statistics are taken from. */
export interface CalibrationSamples {
  readonly dataset: Dataset;
  /** How many of them, from the first on. */
  readonly count: number;
}

/** The calibration samples of a quantization; `decisions` where there are no others. */
export function calibrationSamples(options: QuantizeOptions, decisions: Dataset): CalibrationSamples {
  const dataset = options.calibration ?? decisions;
  return { dataset, count: Math.min(options.statSubsetSize ?? STATISTICS_SAMPLES, dataset.length) };
}

/** Statistics of a network, to be gathered on the GPU when they are asked for. */
export function openStatistics(
  runtime: Runtime,
  network: Network,
  { dataset, count }: CalibrationSamples,
  batch: number,
  options: QuantizeOptions,
): GpuStatistics {
  return new GpuStatistics({
    gpu: runtime.gpu,
    pipelines: runtime.pipelines,
    feed: feedOf(network, dataset),
    dataset,
    indices: firstIndices(dataset, count),
    batch,
    memoryBudget: options.memoryBudget ?? MEMORY_BUDGET,
    onProgress: (done, total) => options.onEvent?.({ kind: "progress", done, total }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

/** The batch size of calibration and evaluation. */
export function batchFor(runtime: Runtime, network: Network, decisions: Dataset, options: QuantizeOptions): number {
  return chooseBatch(network, decisions, {
    runtime,
    batchSize: options.batchSize ?? (options.evaluate ? 1 : undefined),
    memoryBudget: options.memoryBudget ?? MEMORY_BUDGET,
  });
}

/** A network to place quantizers on. */
export interface ReadyNetwork {
  readonly network: Network;
  /** What was done to its weights; undefined for nothing. */
  readonly equalized: EqualizedNetwork | undefined;
}

/** Equalizes channels as far as the options ask for it. */
export async function equalizeNetwork(
  runtime: Runtime,
  network: Network,
  decisions: Dataset,
  options: QuantizeOptions,
): Promise<ReadyNetwork> {
  const typed = inferTypes(network.graph, sampleTypes(network.graph, decisions, 1));
  const source: ChannelStatisticsSource = {
    channelQuantiles: (requests) => {
      const batch = batchFor(runtime, network, decisions, options);
      const samples = calibrationSamples(options, decisions);
      return openStatistics(runtime, network, samples, batch, options).channelQuantiles(requests);
    },
  };
  const equalized = await equalize(typed, source, options.equalization ?? {});
  if (!equalized) return { network, equalized };
  const notes = [...network.notes, ...describeEqualization(equalized)];
  return { network: { ...network, graph: equalized.graph, notes }, equalized };
}
