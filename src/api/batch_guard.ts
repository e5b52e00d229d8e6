/** Checks that samples of a batch do not influence each other, where a file meant to have one sample at a time. */
import type { Dataset } from "../data/dataset.ts";
import { BatchRunner } from "../evaluate/batch_runner.ts";
import { feedTypes } from "../evaluate/feed.ts";
import { SampleStore } from "../evaluate/sample_store.ts";
import { inferTypes } from "../ops/infer.ts";
import { feedOf, type Network } from "./network.ts";
import { openNetwork, planNetwork } from "./planned_network.ts";
import type { Runtime } from "./runtime.ts";

/** Largest difference between a sample in a batch and alone, relative to the largest magnitude of that output. */
const TOLERANCE = 1e-3;

/** Samples among which two that differ are looked for. */
const LOOKED_AT = 16;

/**
 * The network as it is, or, where its file had fixed the batch size to 1 and two samples together give something else than each
 * alone, the network for one sample at a time with a note.
 */
export async function guardBatch(runtime: Runtime, network: Network, dataset: Dataset): Promise<Network> {
  if (!network.wasFixed || !network.takesAnyBatch) return network;
  const pair = await differingSamples(dataset);
  if (!pair) return network;
  const together = await outputsOf(runtime, network, dataset, { indices: pair, batch: 2 });
  const alone = await outputsOf(runtime, network, dataset, { indices: pair, batch: 1 });
  if (together.every((output, place) => isClose(output, alone[place]!))) return network;
  const note = "The network runs with batch size 1: samples of a batch influence each other";
  return { ...network, takesAnyBatch: false, notes: [...network.notes, note] };
}

/** Indices of two samples with different contents; undefined where the first ones are all the same. */
async function differingSamples(dataset: Dataset): Promise<[number, number] | undefined> {
  const [first] = dataset.length > 0 ? [await dataset.read([0])] : [];
  for (let index = 1; index < Math.min(dataset.length, LOOKED_AT); index++) {
    const other = await dataset.read([index]);
    const differs = other.some(({ data }, input) => data.some((value, place) => value !== first?.[input]?.data[place]));
    if (differs) return [0, index];
  }
  return undefined;
}

/** All outputs of the samples, one after the other. */
async function outputsOf(
  runtime: Runtime,
  network: Network,
  dataset: Dataset,
  { indices, batch }: { readonly indices: readonly number[]; readonly batch: number },
): Promise<ArrayLike<number>[]> {
  const { gpu } = runtime;
  const feed = feedOf(network, dataset);
  const typed = inferTypes(feed.graph, feedTypes(feed, batch));
  using session = await openNetwork(runtime, planNetwork(typed, gpu.kernelTarget));
  using store = new SampleStore(gpu, dataset, feed.inputs, 0);
  using runner = new BatchRunner(gpu, session, store, batch);
  const found: ArrayLike<number>[] = [];
  await runner.run(indices, {
    encode: (encoder, collect) => {
      session.encode(encoder);
      collect(0);
    },
    take: (_lane, _position, outputs) => found.push(...outputs.map(({ data }) => data)),
  });
  return found;
}

function isClose(found: ArrayLike<number>, wanted: ArrayLike<number>): boolean {
  let largest = 0;
  let difference = 0;
  for (let place = 0; place < wanted.length; place++) {
    largest = Math.max(largest, Math.abs(wanted[place]!));
    difference = Math.max(difference, Math.abs(found[place]! - wanted[place]!));
  }
  return difference <= TOLERANCE * largest;
}
