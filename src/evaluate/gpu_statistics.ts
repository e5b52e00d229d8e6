/** Statistics of a network's values over calibration samples, reduced on the GPU in one pass. */
import type { HostTensor, TensorType } from "../base/tensor.ts";
import type { Dataset } from "../data/dataset.ts";
import type { AttributeValue } from "../graph/attributes.ts";
import { removeDeadNodes, withInitializers } from "../graph/edit.ts";
import type { Graph, Node } from "../graph/graph.ts";
import type { Gpu } from "../gpu/device.ts";
import type { PipelineCache } from "../gpu/pipelines.ts";
import { channelMean } from "../ops/channel_mean.ts";
import { channelQuantile } from "../ops/channel_quantile.ts";
import { inferTypes } from "../ops/infer.ts";
import { INTERNAL_DOMAIN } from "../ops/normalize_samples.ts";
import { sampleHistogram } from "../ops/sample_histogram.ts";
import { sampleRange } from "../ops/sample_range.ts";
import { buildPlan } from "../plan/build.ts";
import { Session } from "../run/session.ts";
import { BatchFirst } from "./batch_first.ts";
import { BatchRunner } from "./batch_runner.ts";
import { type Feed, feedTypes } from "./feed.ts";
import { SampleStore } from "./sample_store.ts";

/** Extremes of a value in every sample. */
export interface SampleRanges {
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly absMax: Float64Array;
}

/** A network that differs from the float one in constants, run on the first share of the samples. */
export interface Variation {
  readonly constants: ReadonlyMap<string, HostTensor>;
  readonly share: number;
}

/** What statistics are taken from. */
export interface StatisticsParts {
  readonly gpu: Gpu;
  readonly pipelines: PipelineCache;
  readonly feed: Feed;
  readonly dataset: Dataset;
  /** Samples to use. */
  readonly indices: readonly number[];
  readonly batch: number;
  readonly memoryBudget: number;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** Gathers statistics of the float32 network. */
export class GpuStatistics {
  readonly #parts: StatisticsParts;
  readonly #ranges = new Map<string, SampleRanges>();
  readonly #means = new Map<string, Float64Array>();

  /** Passes that progress is shown of as one, and how many of them are over. */
  #passes = { count: 1, over: 0 };

  constructor(parts: StatisticsParts) {
    this.#parts = parts;
  }

  /** Says that so many passes over equally many samples follow. */
  expectPasses(count: number): void {
    this.#passes = { count, over: 0 };
  }

  /** Smallest, largest and largest absolute value of each value, per sample. */
  async ranges(values: readonly string[]): Promise<ReadonlyMap<string, SampleRanges>> {
    const missing = values.filter((value) => !this.#ranges.has(value));
    const count = this.#parts.indices.length;
    const found = missing.map((value): SampleRanges => {
      const ranges = {
        min: new Float64Array(count).fill(Infinity),
        max: new Float64Array(count).fill(-Infinity),
        absMax: new Float64Array(count),
      };
      this.#ranges.set(value, ranges);
      return ranges;
    });
    await this.#run(missing.map((value) => reduction(sampleRange.type, value, "range")), (node, position, data) => {
      const { min, max, absMax } = found[node]!;
      for (let part = 0; part < data.length; part += 2) {
        min[position] = Math.min(min[position]!, data[part]!);
        max[position] = Math.max(max[position]!, data[part + 1]!);
      }
      absMax[position] = Math.max(Math.abs(min[position]!), Math.abs(max[position]!));
    });
    return this.#ranges;
  }

  /** Mean of every channel of each value over all samples and positions, or those of a network with other constants. */
  async channelMeans(
    values: readonly { readonly name: string; readonly axis: number }[],
    variation?: Variation,
  ): Promise<ReadonlyMap<string, Float64Array>> {
    if (variation) {
      const means = await this.#meansOf(values, variation);
      return new Map(values.map(({ name }, place) => [name, means[place]!]));
    }
    const missing = values.filter(({ name, axis }) => !this.#means.has(`${name}@${axis}`));
    const means = await this.#meansOf(missing);
    missing.forEach(({ name, axis }, place) => this.#means.set(`${name}@${axis}`, means[place]!));
    return new Map(values.map(({ name, axis }) => [name, this.#means.get(`${name}@${axis}`)!]));
  }

  async #meansOf(
    values: readonly { readonly name: string; readonly axis: number }[],
    variation: Variation = { constants: new Map(), share: 1 },
  ): Promise<Float64Array[]> {
    const nodes = values.map(({ name, axis }) => intReduction(channelMean.type, name, { axis }));
    const sums: Float64Array[] = [];
    await this.#run(nodes, (node, _position, data) => {
      const sum = sums[node] ??= new Float64Array(data.length);
      for (let channel = 0; channel < data.length; channel++) sum[channel]! += data[channel]!;
    }, variation);
    const count = sampleCount(this.#parts.indices.length, variation.share);
    return sums.map((sum) => sum.map((total) => total / count));
  }

  /** Quantiles of every channel of values in every sample: a list per request, samples × channels. */
  async channelQuantiles(
    requests: readonly { readonly name: string; readonly axis: number; readonly q: number }[],
  ): Promise<Float64Array[]> {
    const count = this.#parts.indices.length;
    const found: Float64Array[] = [];
    const nodes = requests.map(({ name, axis, q }, place) => ({
      ...reduction(channelQuantile.type, name, `quantile${place}`),
      attributes: new Map<string, AttributeValue>([
        ["axis", { type: "int", value: axis }],
        ["q", { type: "float", value: q }],
      ]),
    }));
    await this.#run(nodes, (node, position, data) => {
      (found[node] ??= new Float64Array(count * data.length)).set(data, position * data.length);
    });
    return found;
  }

  /** Counts histograms and hands over each sample's counts once. */
  async histograms(
    requests: readonly { readonly name: string; readonly low: number; readonly high: number; readonly bins: number }[],
    visit: (name: string, sample: number, counts: Uint32Array) => void,
  ): Promise<void> {
    const nodes = requests.map(({ name, low, high, bins }) => {
      const node = reduction(sampleHistogram.type, name, "histogram");
      return {
        ...node,
        attributes: new Map<string, AttributeValue>([
          ["low", { type: "float", value: low }],
          ["high", { type: "float", value: high }],
          ["bins", { type: "int", value: bins }],
        ]),
      };
    });
    await this.#run(nodes, (node, position, data) => visit(requests[node]!.name, position, data as Uint32Array));
  }

  /** Runs the network with reductions added, handing each reduction's row of each sample to `take`. */
  async #run(
    nodes: readonly Node[],
    take: (node: number, position: number, data: ArrayLike<number>) => void,
    { constants, share }: Variation = { constants: new Map(), share: 1 },
  ): Promise<void> {
    if (nodes.length === 0) return;
    const { gpu, pipelines, feed, dataset, batch, memoryBudget, onProgress, signal } = this.#parts;
    const { count, over } = this.#passes;
    const indices = this.#parts.indices.slice(0, sampleCount(this.#parts.indices.length, share));
    // What no reduction depends on is not computed: passes over the first layers cost little.
    const graph = removeDeadNodes(withInitializers(withSampleReductions(feed, nodes, batch), constants));
    const types: Map<string, TensorType> = feedTypes(feed, batch);
    const plan = buildPlan(inferTypes(graph, types), [], { target: gpu.kernelTarget });
    using session = await Session.create(gpu, pipelines, plan);
    using store = new SampleStore(gpu, dataset, feed.inputs, memoryBudget);
    using runner = new BatchRunner(gpu, session, store, batch);
    await runner.run(indices, {
      encode: (encoder, collect) => {
        session.encode(encoder);
        collect(0);
      },
      take: (_lane, position, outputs) => outputs.forEach((output, node) => take(node, position, output.data)),
      onProgress: (done) => onProgress?.(over * indices.length + done, count * indices.length),
      ...(signal ? { signal } : {}),
    });
    this.#passes = over + 1 < count ? { count, over: over + 1 } : { count: 1, over: 0 };
  }
}

function sampleCount(all: number, share: number): number {
  return Math.max(1, Math.floor(all * share));
}

/** The feed's graph with reductions as its only outputs, each of a value whose batch axis comes first. */
function withSampleReductions(feed: Feed, reductions: readonly Node[], batch: number): Graph {
  const { types } = inferTypes(feed.graph, feedTypes(feed, batch));
  const single = batch === 1 ? types : inferTypes(feed.graph, feedTypes(feed, 1)).types;
  const batchFirst = new BatchFirst(single, types, batch);
  const moved = reductions.map((node): Node => {
    const { name, axisShift } = batchFirst.of(node.inputs[0]!);
    const axis = node.attributes.get("axis");
    if (axis?.type !== "int" || axis.value < 0) return { ...node, inputs: [name] };
    const shifted: AttributeValue = { type: "int", value: axis.value + axisShift };
    return { ...node, inputs: [name], attributes: new Map([...node.attributes, ["axis", shifted]]) };
  });
  return withInitializers({
    ...feed.graph,
    outputs: moved.map((node) => ({ name: node.outputs[0]!, dtype: "float32", shape: undefined })),
    nodes: [...feed.graph.nodes, ...batchFirst.nodes, ...moved],
  }, batchFirst.initializers);
}

function reduction(type: string, value: string, suffix: string): Node {
  const name = `${value}/${suffix}`;
  return { name, type, domain: INTERNAL_DOMAIN, inputs: [value], outputs: [name], attributes: new Map() };
}

function intReduction(type: string, value: string, { axis }: { readonly axis: number }): Node {
  return { ...reduction(type, value, `mean${axis}`), attributes: new Map([["axis", { type: "int", value: axis }]]) };
}
