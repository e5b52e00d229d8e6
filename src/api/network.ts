/** A model put behind a dataset: types bound, passes run, batch size chosen. */
import { ModelError } from "../base/errors.ts";
import { elementCount, formatShape, isFloat, type TensorType } from "../base/tensor.ts";
import type { Dataset } from "../data/dataset.ts";
import { attachDataset, type Feed, feedTypes } from "../evaluate/feed.ts";
import type { Metric } from "../evaluate/metric.ts";
import { withReductions } from "../evaluate/output_views.ts";
import type { Graph } from "../graph/graph.ts";
import { inferTypes } from "../ops/infer.ts";
import { type HostTail, splitTail, withRows } from "../passes/host_tail.ts";
import { inlineControlFlow } from "../passes/inline_control_flow.ts";
import { leadBatches } from "../passes/lead_batches.ts";
import { liftBatch } from "../passes/lift_batch.ts";
import { runPasses } from "../passes/run_passes.ts";
import { widenFloats } from "../passes/widen_floats.ts";
import { byteLengthOf } from "../plan/plan.ts";
import type { Model } from "./model.ts";
import { planNetwork } from "./planned_network.ts";
import type { Runtime } from "./runtime.ts";

/** A network ready to be evaluated or quantized on samples of one shape. */
export interface Network {
  readonly model: Model;
  /** After the passes; computes what the model computes up to its tail, for any batch if `takesAnyBatch`. */
  readonly graph: Graph;
  /** What the host makes of the graph's outputs, sample by sample; undefined where they are the network's own. */
  readonly tail: HostTail | undefined;
  readonly takesAnyBatch: boolean;
  /** Whether the file had fixed the batch size: see `guardBatch`. */
  readonly wasFixed: boolean;
  /** Outputs of `graph` whose batch is not their first axis → that axis. */
  readonly batchAxes: ReadonlyMap<string, number>;
  /** What the user should know: a batch size that could not be freed, for instance. */
  readonly notes: readonly string[];
}

/** Largest batch that is chosen without being asked for. */
const LARGEST_BATCH = 64;

/** Share of the memory budget that the activations of one batch may take. */
const ACTIVATION_SHARE = 0.5;

/** Binds a model to the shapes of a dataset's samples and runs the passes; throws what does not fit or is not supported. */
export function prepareNetwork(model: Model, dataset: Dataset): Network {
  const wide = widenFloats(model.graph);
  const straight = inlineControlFlow(wide, sampleTypes(wide, dataset, 1));
  const { device, tail } = splitTail(straight, sampleTypes(straight, dataset, 1));
  const rows = tail ? withRows({ device, tail }) : device;
  const lifted = liftBatch(rows, (graph, batch) => sampleTypes(graph, dataset, batch));
  const notes = [
    ...(wide === model.graph ? [] : ["The network is computed and exported in float32, whatever floats its file has"]),
    ...(tail ? [describeTail(tail)] : []),
    ...(lifted.takesAnyBatch ? [] : [`The network runs with batch size 1: ${lifted.reason}`]),
  ];
  const graph = passesForOne(lifted.graph, dataset);
  checkNumbers(graph);
  const { takesAnyBatch, wasFixed, batchAxes } = lifted;
  return { model, graph, tail, takesAnyBatch, wasFixed, batchAxes, notes };
}

/** Runs the passes for one sample at a time, which a file with another literal batch size may not take. */
function passesForOne(graph: Graph, dataset: Dataset): Graph {
  try {
    return runPasses(graph, sampleTypes(graph, dataset, 1));
  } catch (cause) {
    const odd = graph.inputs.find(({ shape }) => typeof shape?.[0] === "number" && shape[0] !== 1);
    if (!odd || !(cause instanceof ModelError)) throw cause;
    throw new ModelError(
      `Cannot run network for one sample: input "${odd.name}" has a batch of ${
        odd.shape![0]
      } that nodes count on, expected a model exported with batch size 1 or a symbolic one`,
      { cause },
    );
  }
}

function describeTail({ graph: { nodes } }: HostTail): string {
  const [first] = nodes;
  const others = nodes.length === 1 ? "" : ` and the ${nodes.length - 1} nodes behind it`;
  return `${first?.type} node "${first?.name}"${others} run on the host: their shapes depend on data`;
}

/** Types of a network's inputs for samples of a dataset. */
export function sampleTypes(graph: Graph, dataset: Dataset, batch: number): Map<string, TensorType> {
  attachDataset(graph, dataset);
  return new Map(graph.inputs.map((input, place) => {
    const stored = dataset.inputs.find(({ name }) => name === input.name) ?? dataset.inputs[place]!;
    return [input.name, { dtype: input.dtype, shape: [batch, ...stored.shape] }];
  }));
}

/**
 * The batch size to use: as asked, else the largest power of two up to 64 whose largest tensor one binding can hold and whose
 * buffers stay within half of the memory budget.
 */
export function chooseBatch(
  { graph, takesAnyBatch }: Network,
  dataset: Dataset,
  options: { readonly runtime: Runtime; readonly batchSize?: number | undefined; readonly memoryBudget: number },
): number {
  const { runtime, batchSize, memoryBudget } = options;
  if (!takesAnyBatch) return 1;
  if (batchSize !== undefined) return batchSize;
  const feed = attachDataset(graph, dataset);
  const typed = inferTypes(feed.graph, feedTypes(feed, 1));
  const largest = Math.max(...[...typed.types.values()].filter((type) => !type.value).map(byteLengthOf));
  const { plan: { buffers } } = planNetwork(typed, runtime.gpu.kernelTarget);
  const sampleBytes = buffers.reduce((sum, byteLength) => sum + byteLength, 0);
  const fits = (batch: number) =>
    batch * largest <= runtime.gpu.largestBinding && batch * sampleBytes <= ACTIVATION_SHARE * memoryBudget;
  let batch = 1;
  while (batch < LARGEST_BATCH && 2 * batch < 2 * dataset.length && fits(2 * batch)) batch *= 2;
  return batch;
}

/** The dataset in front of the network, and behind it the batch as first axis and the reductions that `metrics` ask for. */
export function feedOf(network: Network, dataset: Dataset, metrics: readonly Metric[] = []): Feed {
  const feed = withLeadingBatches(attachDataset(network.graph, dataset), network.batchAxes);
  if (!metrics.some((metric) => metric.reduction)) return feed;
  const { types } = inferTypes(feed.graph, feedTypes(feed, 1));
  return {
    ...feed,
    graph: withReductions(feed.graph, feed.graph.outputs.map(({ name }) => types.get(name)!), metrics),
  };
}

function withLeadingBatches(feed: Feed, axes: ReadonlyMap<string, number>): Feed {
  if (axes.size === 0) return feed;
  const { types } = inferTypes(feed.graph, feedTypes(feed, 1));
  const ranks = new Map(feed.graph.outputs.map(({ name }) => [name, types.get(name)!.shape.length]));
  return { ...feed, graph: leadBatches(feed.graph, axes, ranks) };
}

/** Throws where a weight is not a number: whatever follows from it would be meaningless. */
function checkNumbers(graph: Graph): void {
  for (const [name, { data, shape, dtype }] of graph.initializers) {
    if (!isFloat(dtype)) continue;
    const index = data.findIndex(Number.isNaN);
    if (index >= 0) {
      throw new ModelError(
        `Cannot use initializer "${name}" of shape ${formatShape(shape)}: element ${index} of ${
          elementCount(shape)
        } is NaN`,
      );
    }
  }
}
