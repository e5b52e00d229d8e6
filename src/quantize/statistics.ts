/** What is asked of the calibration samples, and how the answers become the ends of ranges. */
import { aggregate, quantile } from "./aggregate.ts";
import { type EndEstimator, needsHistogram, type RangeEstimator } from "./estimators.ts";
import {
  absoluteQuantile,
  type Histogram,
  histogramQuantile,
  leastDivergenceShare,
  leastSquaresShare,
  leastSquaresShareOf,
} from "./histogram.ts";
import { eachChannelRun } from "./fake_quantize.ts";
import { ModelError } from "../base/errors.ts";
import type { HostTensor } from "../base/tensor.ts";

/** Extremes of one value, one entry per sample. */
export interface ValueStatistics {
  readonly min: Float64Array;
  readonly max: Float64Array;
  readonly absMax: Float64Array;
}

/** A histogram to count: `bins` equal bins over `low..high`, values outside in the outermost ones. */
export interface HistogramRequest {
  readonly name: string;
  readonly low: number;
  readonly high: number;
  readonly bins: number;
}

/** A network that differs from the float one in constants, and how much of the samples it is run on. */
export interface Variation {
  /** Initializer → what stands in its place. */
  readonly constants: ReadonlyMap<string, HostTensor>;
  /** Share of the samples to use, from the first on; at least one sample. */
  readonly share: number;
}

/** Where statistics of the float network over the calibration samples come from: the GPU, or a test. */
export interface StatisticsSource {
  /** Says that so many passes over equally many samples follow, which progress is then shown of as one. */
  expectPasses?(count: number): void;
  /** Per-sample extremes of each value. */
  ranges(values: readonly string[]): Promise<ReadonlyMap<string, ValueStatistics>>;
  /**
   * Mean of each value over all samples and all positions but those along `axis`: one entry per index of that axis. With a variation
   * the values are those of another network.
   */
  channelMeans(
    values: readonly { readonly name: string; readonly axis: number }[],
    variation?: Variation,
  ): Promise<ReadonlyMap<string, Float64Array>>;
  /**
   * Counts histograms, one per value and sample, and hands each over once: nothing needs to hold them all. `counts` is
   * valid during the call only.
   */
  histograms(
    requests: readonly HistogramRequest[],
    visit: (name: string, sample: number, counts: Uint32Array) => void,
  ): Promise<void>;
}

/** Quantile `q` of every channel of a value, channels being the indices along `axis`; 0 and 1 are the extremes. */
export interface ChannelQuantileRequest {
  readonly name: string;
  readonly axis: number;
  readonly q: number;
}

/** Where statistics of single channels come from: the GPU, or a test. */
export interface ChannelStatisticsSource {
  /** One list per request, in their order: samples × channels, row-major. */
  channelQuantiles(requests: readonly ChannelQuantileRequest[]): Promise<readonly Float64Array[]>;
}

/** Bins of the histograms behind quantile, MSE and entropy estimators. */
export const HISTOGRAM_BINS = 2048;

/** Ends of a range before symmetry, alignment of zero, and clipping. */
export interface Ends {
  readonly min: number;
  readonly max: number;
}

/** Asks for statistics of all `values` and estimates the ends of their ranges. Two passes over the samples at most. */
export async function estimateActivations(
  values: ReadonlyMap<string, RangeEstimator>,
  levels: number,
  source: StatisticsSource,
): Promise<Map<string, Ends>> {
  const ranges = await source.ranges([...values.keys()]);
  const found = new Map<string, Ends>();
  const second: { name: string; estimator: RangeEstimator; statistics: ValueStatistics }[] = [];
  for (const [name, estimator] of values) {
    const statistics = ranges.get(name);
    if (!statistics) throw new RangeError(`Cannot estimate range of value "${name}": no statistics came back`);
    refuseNotFinite(name, statistics);
    if (needsHistogram(estimator)) second.push({ name, estimator, statistics });
    else found.set(name, { min: plainEnd(estimator.min, statistics), max: plainEnd(estimator.max, statistics) });
  }
  if (second.length > 0) await estimateFromHistograms(second, levels, source, found);
  return found;
}

async function estimateFromHistograms(
  values: readonly { name: string; estimator: RangeEstimator; statistics: ValueStatistics }[],
  levels: number,
  source: StatisticsSource,
  found: Map<string, Ends>,
): Promise<void> {
  const collectors = new Map(values.map((value) => [value.name, new DistributionCollector(value)]));
  await source.histograms([...collectors.values()].map((collector) => collector.request), (name, _sample, counts) => {
    collectors.get(name)?.add(counts);
  });
  for (const [name, collector] of collectors) found.set(name, collector.ends(levels));
}

/** Takes one histogram per sample: keeps the quantiles of each and the sum of all. */
class DistributionCollector {
  readonly request: HistogramRequest;
  readonly #estimator: RangeEstimator;
  readonly #statistics: ValueStatistics;
  readonly #pooled = new Float64Array(HISTOGRAM_BINS);
  readonly #min: number[] = [];
  readonly #max: number[] = [];

  constructor({ name, estimator, statistics }: {
    name: string;
    estimator: RangeEstimator;
    statistics: ValueStatistics;
  }) {
    this.#estimator = estimator;
    this.#statistics = statistics;
    const low = aggregate(statistics.min, "min");
    const high = aggregate(statistics.max, "max");
    // A constant value needs some width to be counted in.
    this.request = { name, low, high: high > low ? high : low + 1, bins: HISTOGRAM_BINS };
  }

  add(counts: ArrayLike<number>): void {
    for (let bin = 0; bin < counts.length; bin++) this.#pooled[bin]! += counts[bin]!;
    const histogram = { ...this.request, counts };
    if (isQuantile(this.#estimator.min)) this.#min.push(quantileOf(histogram, this.#estimator.min, "min"));
    if (isQuantile(this.#estimator.max)) this.#max.push(quantileOf(histogram, this.#estimator.max, "max"));
  }

  ends(levels: number): Ends {
    const { min, max, distribution } = this.#estimator;
    const ends = {
      min: isQuantile(min) ? aggregate(Float64Array.from(this.#min), min.aggregator) : plainEnd(min, this.#statistics),
      max: isQuantile(max) ? aggregate(Float64Array.from(this.#max), max.aggregator) : plainEnd(max, this.#statistics),
    };
    if (!distribution) return ends;
    const isSymmetric = max.type === "abs_max";
    const reach = isSymmetric ? aggregate(this.#statistics.absMax, "max") : aggregate(this.#statistics.max, "max");
    const lowest = aggregate(this.#statistics.min, "min");
    const bottom = isSymmetric ? (lowest < 0 ? -reach : 0) : Math.min(lowest, 0);
    const top = isSymmetric ? reach : Math.max(reach, 0);
    const search = distribution === "mse" ? leastSquaresShare : leastDivergenceShare;
    const histogram: Histogram = { ...this.request, counts: this.#pooled };
    const share = search(histogram, levels, (share) => ({ low: bottom * share, high: top * share }));
    return { min: isSymmetric ? lowest : bottom * share, max: top * share };
  }
}

function isQuantile({ type }: EndEstimator): boolean {
  return type === "quantile" || type === "abs_quantile";
}

function quantileOf(histogram: Histogram, { type, outlierProb }: EndEstimator, which: "min" | "max"): number {
  const q = which === "min" ? outlierProb : 1 - outlierProb;
  return type === "abs_quantile" ? absoluteQuantile(histogram, q) : histogramQuantile(histogram, q);
}

function plainEnd({ type, aggregator }: EndEstimator, statistics: ValueStatistics): number {
  const values = type === "min" ? statistics.min : type === "max" ? statistics.max : statistics.absMax;
  return aggregate(values, aggregator);
}

function refuseNotFinite(name: string, { min, max }: ValueStatistics): void {
  const sample = min.findIndex((low, index) => !Number.isFinite(low) || !Number.isFinite(max[index]!));
  if (sample >= 0) {
    throw new RangeError(
      `Cannot estimate range of value "${name}": calibration sample ${sample} has ${min[sample]} to ${max[sample]}, ` +
        "expected finite values",
    );
  }
}

/**
 * Ends of each channel of a constant: `axis` is that of the channels, undefined for one range in all; `levels` the number of codes
 * less one, 255 unless stated. Throws ModelError, naming the initializer, where an element is not finite.
 */
export function estimateWeights(
  name: string,
  tensor: HostTensor,
  axis: number | undefined,
  estimator: RangeEstimator,
  levels = 255,
): { readonly min: Float64Array; readonly max: Float64Array } {
  const broken = tensor.data.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) {
    throw new ModelError(
      `Cannot quantize constant "${name}": element ${broken} is ${tensor.data[broken]}, expected finite values`,
    );
  }
  const channels = axis === undefined ? 1 : tensor.shape[axis]!;
  const columns = splitChannels(tensor, axis, channels);
  const ends = columns.map((column) => weightEnds(column, estimator, levels));
  return { min: Float64Array.from(ends, ({ min }) => min), max: Float64Array.from(ends, ({ max }) => max) };
}

function weightEnds(values: Float64Array, { min, max, distribution }: RangeEstimator, levels: number): Ends {
  const ends = { min: weightEnd(values, min, "min"), max: weightEnd(values, max, "max") };
  if (distribution !== "mse") return ends;
  const isSymmetric = max.type === "abs_max" || max.type === "abs_quantile";
  const bottom = isSymmetric ? -ends.max : Math.min(ends.min, 0);
  const top = Math.max(ends.max, 0);
  const share = leastSquaresShareOf(values, levels, (part) => ({ low: bottom * part, high: top * part }));
  return { min: isSymmetric ? ends.min : bottom * share, max: top * share };
}

function splitChannels(tensor: HostTensor, axis: number | undefined, channels: number): Float64Array[] {
  const size = tensor.data.length / channels;
  const columns = Array.from({ length: channels }, () => new Float64Array(size));
  const filled = new Uint32Array(channels);
  eachChannelRun(tensor.shape, axis, (channel, start, end) => {
    const column = columns[channel]!;
    let place = filled[channel]!;
    for (let index = start; index < end; index++) column[place++] = tensor.data[index]!;
    filled[channel] = place;
  });
  return columns;
}

function weightEnd(values: Float64Array, { type, outlierProb }: EndEstimator, which: "min" | "max"): number {
  switch (type) {
    case "min":
      return aggregate(values, "min");
    case "max":
      return aggregate(values, "max");
    case "abs_max":
      return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    case "quantile":
      return exactQuantile(values, outlierProb, which);
    case "abs_quantile":
      return exactQuantile(values.map(Math.abs), outlierProb, which);
  }
}

function exactQuantile(values: Float64Array, outlierProb: number, which: "min" | "max"): number {
  return quantile(values, which === "min" ? outlierProb : 1 - outlierProb);
}
