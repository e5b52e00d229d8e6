/** How samples tell preprocessings apart: by what each sample is worth, compared pair by pair. */
import type { EvaluatedSample, Metric } from "../../evaluate/metric.ts";

/** A metric that remembers what every sample was worth. */
export interface RecordingMetric {
  readonly metric: Metric;
  /** By index in the dataset; higher is better. NaN where the metric has no value for a single sample. */
  readonly scores: number[];
}

/**
 * The metric, and as score of a sample its own value; of classes the logarithm of the probability that the network gives to the right
 * one, which tells more than right or wrong does.
 */
export function recordScores(metric: Metric): RecordingMetric {
  const scores: number[] = [];
  const { reduction: _reduction, ...whole } = metric;
  const isClass = (sample: EvaluatedSample) => typeof sample.label === "number" && metric.name === "accuracy";
  const sign = metric.direction === "higher_better" ? 1 : -1;
  return {
    scores,
    metric: {
      ...(metric.name === "accuracy" ? whole : metric),
      start(dataset) {
        const run = metric.start(dataset);
        return {
          add(sample) {
            const value = run.add(sample);
            scores[sample.index] = isClass(sample) ? logProbability(sample) : sign * value;
            return value;
          },
          value: () => run.value(),
        };
      },
    },
  };
}

/** Of the labelled class; outputs that are no probabilities are taken for logits. */
function logProbability({ outputs: [output], label }: EvaluatedSample): number {
  const values = Array.from(output?.data ?? [], Number);
  const own = values[Number(label)] ?? NaN;
  const sum = values.reduce((total, value) => total + value, 0);
  const areProbabilities = Math.abs(sum - 1) < 1e-2 && values.every((value) => value >= 0);
  if (areProbabilities) return Math.log(Math.max(own, LEAST_PROBABILITY));
  const highest = values.reduce((most, value) => Math.max(most, value), -Infinity);
  const normalizer = values.reduce((total, value) => total + Math.exp(value - highest), 0);
  return Math.max(own - highest - Math.log(normalizer), Math.log(LEAST_PROBABILITY));
}

/** One sample that is wrong beyond measure must not decide alone. */
const LEAST_PROBABILITY = 1e-6;

/** How many standard errors of the paired difference `first` is above `second`, over samples where both have a score. */
export function standardErrorsAbove(first: readonly number[], second: readonly number[]): number {
  const differences = first.map((score, index) => score - (second[index] ?? NaN)).filter((one) => !Number.isNaN(one));
  const count = differences.length;
  if (count < 2) return 0;
  const mean = differences.reduce((sum, one) => sum + one, 0) / count;
  const variance = differences.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (count - 1);
  if (variance === 0) return mean === 0 ? 0 : Math.sign(mean) * Infinity;
  return mean / Math.sqrt(variance / count);
}

/** Mean of the scores that are numbers; -Infinity where none is. */
export function meanScore(scores: readonly number[]): number {
  const known = scores.filter((one) => !Number.isNaN(one));
  return known.length === 0 ? -Infinity : known.reduce((sum, one) => sum + one, 0) / known.length;
}
