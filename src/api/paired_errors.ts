/** The errors of a network that computes two versions of its values side by side. */
import type { Dataset } from "../data/dataset.ts";
import { BatchRunner } from "../evaluate/batch_runner.ts";
import { feedTypes } from "../evaluate/feed.ts";
import { SampleStore } from "../evaluate/sample_store.ts";
import { ValueError } from "../evaluate/value_error.ts";
import { inferTypes } from "../ops/infer.ts";
import { firstIndices } from "./evaluate.ts";
import { feedOf, type Network } from "./network.ts";
import { openNetwork, planNetwork } from "./planned_network.ts";
import type { Runtime } from "./runtime.ts";

/** How to run them. */
export interface PairedErrorOptions {
  readonly batchSize: number;
  /** Bytes of GPU memory that samples may take. */
  readonly memoryBudget: number;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a network whose outputs are those of `pairGraphs` over all samples; gives the error of each output. */
export async function pairedErrors(
  runtime: Runtime,
  network: Network,
  dataset: Dataset,
  { batchSize, memoryBudget, onProgress, signal }: PairedErrorOptions,
): Promise<ValueError[]> {
  const { gpu } = runtime;
  const feed = feedOf(network, dataset);
  const typed = inferTypes(feed.graph, feedTypes(feed, batchSize));
  using session = await openNetwork(runtime, planNetwork(typed, gpu.kernelTarget));
  using store = new SampleStore(gpu, dataset, feed.inputs, memoryBudget);
  using runner = new BatchRunner(gpu, session, store, batchSize);
  const errors = network.graph.outputs.map(() => new ValueError());
  const indices = firstIndices(dataset, undefined);
  await runner.run(indices, {
    encode: (encoder, collect) => {
      session.encode(encoder);
      collect(0);
    },
    take: (_lane, _position, outputs) => outputs.forEach(({ data }, place) => errors[place]!.add(data)),
    onProgress: (done) => onProgress?.(done, indices.length),
    ...(signal ? { signal } : {}),
  });
  return errors;
}
