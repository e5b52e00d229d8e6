/** Where two versions of a network differ, value by value: what a quantized network loses, and in which layer. */
import type { Dataset } from "../data/dataset.ts";
import { limitDataset } from "../evaluate/limited_dataset.ts";
import type { ValueError } from "../evaluate/value_error.ts";
import { type PairedValue, pairGraphs } from "../passes/pair_graphs.ts";
import type { ComparedLayer, Comparison } from "../report/comparison_report.ts";
import { guardBatch } from "./batch_guard.ts";
import { fitMemory } from "./memory_fit.ts";
import type { Model } from "./model.ts";
import { chooseBatch, prepareNetwork, sampleTypes } from "./network.ts";
import { pairedErrors } from "./paired_errors.ts";
import type { Runtime } from "./runtime.ts";

/** Samples compared unless stated: errors of layers hardly depend on how many. */
const SAMPLES = 100;

/** How to compare. */
export interface CompareOptions {
  /** Samples to use, from the first on; 100 unless stated. */
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

/**
 * Runs both networks over samples and compares every value that both have. The first is the reference.
 *
 * ```ts
 * import { compareModels, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const [float, quantized] = [await loadModel("model.onnx"), await loadModel("model.int8.onnx")];
 * const comparison = await compareModels(runtime, float, quantized, await openDataset("validation"));
 * for (const { node, sqnr } of comparison.layers.slice(0, 3)) console.log(node, sqnr);
 * ```
 */
export async function compareModels(
  runtime: Runtime,
  first: Model,
  second: Model,
  dataset: Dataset,
  options: CompareOptions = {},
): Promise<Comparison> {
  const start = performance.now();
  const { onProgress, signal } = options;
  const limited = limitDataset(dataset, options.limit ?? SAMPLES);
  const networks = [
    await guardBatch(runtime, prepareNetwork(first, limited), limited),
    await guardBatch(runtime, prepareNetwork(second, limited), limited),
  ] as const;
  const { graph, pairs } = pairGraphs(networks[0].graph, networks[1].graph, sampleTypes(networks[0].graph, limited, 1));
  const network = { ...networks[0], graph, takesAnyBatch: networks.every(({ takesAnyBatch }) => takesAnyBatch) };
  return await fitMemory(runtime, options, async (fit) => {
    const { memoryBudget } = fit.sizes;
    const batchSize = chooseBatch(network, limited, { runtime, ...fit.sizes });
    fit.choose(batchSize);
    const errors = await pairedErrors(runtime, network, limited, { batchSize, memoryBudget, onProgress, signal });
    return {
      samples: limited.length,
      layers: describe(pairs, errors),
      notes: [...new Set([...networks.flatMap(({ notes }) => notes), ...fit.notes])],
      seconds: (performance.now() - start) / 1000,
    };
  });
}

function describe(pairs: readonly PairedValue[], errors: readonly ValueError[]): ComparedLayer[] {
  const ratios = new Map(pairs.map(({ value }, place) => [value, errors[place]!.sqnr] as const));
  const layers = pairs.map(({ value, node, other }, place): ComparedLayer => {
    const { sqnr, cosine, maxError } = errors[place]!;
    const inputs = node.inputs.flatMap((input) => ratios.get(input) ?? []);
    const best = Math.min(...inputs);
    return {
      position: place,
      value,
      node: node.name,
      type: node.type,
      isQuantized: other.inputs.some((input) => !node.inputs.includes(input)),
      sqnr,
      loss: inputs.length === 0 || !Number.isFinite(best) ? undefined : best - sqnr,
      cosine,
      maxError,
    };
  });
  // The sort is stable: among equals the earlier one comes first, which the later ones have their error from.
  return layers.sort((x, y) => Math.sign(x.sqnr - y.sqnr) || 0);
}
