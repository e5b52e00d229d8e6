/** What the accuracy-aware loop says and hears: precision assignments out, metric values back. */

/** The state of a group that computes in float32. */
export const FLOAT = -1;

/**
 * The precision of every group, by group index: `FLOAT`, or the number (from 0) of the int8 candidate in force.
 */
export type Assignment = readonly number[];

/** Values of every metric over some samples, and of every sample. */
export interface Evaluation {
  /** Metric name → value over all the samples. */
  readonly values: Readonly<Record<string, number>>;
  /** Metric name → one value per sample, in the order of the indices asked for; NaN where a sample has none. */
  readonly perSample: Readonly<Record<string, Float64Array>>;
}

/** Which way a metric improves. */
export type MetricDirection = "higher_better" | "lower_better";

/** A metric as the loop knows it. */
export interface EvaluatedMetric {
  readonly name: string;
  readonly direction: MetricDirection;
  /** Whether the value is the mean of the samples' own values, added up in order and without NaN; not so unless stated. */
  readonly isMean?: boolean;
}

/**
 * How far an output lies from the float network's: Kullback-Leibler divergence of the softmaxed outputs, squared error over
 * the squared norm of the float output, or one minus the cosine.
 */
export type OutputDistance = "kl" | "nmse" | "cosine";

/** Gets one of several results as soon as it is known, with its place among what was asked for; the next one waits for it. */
export type TakeResult<Result> = (place: number, result: Result) => Promise<void>;

/** Evaluates networks that differ only in precision. Everything the loop knows of the GPU. */
export interface Evaluator {
  /** Samples in the validation set. */
  readonly sampleCount: number;
  readonly metrics: readonly EvaluatedMetric[];
  /** Evaluates one assignment over `indices`, or over all samples in order where absent. */
  evaluate(assignment: Assignment, indices?: readonly number[], signal?: AbortSignal): Promise<Evaluation>;
  /**
   * Evaluates several assignments over the same samples; each result equals that of `evaluate`, bit for bit. Implementations
   * share the work that the assignments have in common with `base`. Results come one after the other, in an order that depends on
   * `base` and `assignments` alone, so that those that are there survive an interruption.
   */
  evaluateEach(
    base: Assignment,
    assignments: readonly Assignment[],
    indices: readonly number[],
    take: TakeResult<Evaluation>,
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * Distance of the outputs of each assignment to those of the all-float network, one per sample in the order of `indices`, NaN
   * where it is undefined; smaller is better. Shares work with `base` as `evaluateEach` does. Absent where outputs cannot be compared.
   */
  distances?(
    distance: OutputDistance,
    base: Assignment,
    assignments: readonly Assignment[],
    indices: readonly number[],
    take: TakeResult<Float64Array>,
    signal?: AbortSignal,
  ): Promise<void>;
  /**
   * The assignment that stands for all that compute the same: candidates of a group may not differ. Absent where that is not known;
   * then each stands for itself.
   */
  canonical?(assignment: Assignment): Assignment;
  /**
   * Work done so far in forward passes of one sample through the whole network, never decreasing. Absent: every sample that was
   * evaluated counts 1.
   */
  networkEquivalents?(): number;
}
