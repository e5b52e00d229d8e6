/** POT's grid of quantization parameters, searched when `tune_hyperparams` is on. */

/** How one end of an activation range, or both ends of a weight range, is estimated from samples. */
export interface EstimatorChoice {
  readonly type: "min" | "max" | "quantile";
  /** How the values of several samples become one. */
  readonly aggregator: "min" | "max" | "mean";
  /** Share of the values left outside, for quantiles. */
  readonly outlierProbability?: number;
}

/** Both ends of a range. */
export interface RangeChoice {
  readonly low: EstimatorChoice;
  readonly high: EstimatorChoice;
}

/** What a tuned quantization changes; what is absent stays as the user configured it. */
export interface TuningParameters {
  readonly weights?: RangeChoice;
  readonly activations?: RangeChoice;
  readonly useFastBias?: boolean;
}

const QUANTILES = [1e-3, 1e-4].map((outlierProbability): EstimatorChoice => ({
  type: "quantile",
  aggregator: "mean",
  outlierProbability,
}));
const LOWS: readonly EstimatorChoice[] = [{ type: "min", aggregator: "min" }, ...QUANTILES];
const HIGHS: readonly EstimatorChoice[] = [{ type: "max", aggregator: "max" }, ...QUANTILES];

/** The first space: one entry for weights, then nine for activations. A list, not a product. */
export const RANGE_GRID: readonly TuningParameters[] = [
  { weights: { low: { type: "min", aggregator: "min" }, high: { type: "max", aggregator: "max" } } },
  ...LOWS.flatMap((low) => HIGHS.map((high) => ({ activations: { low, high } }))),
];

/** The second space: `best` of the first, with the fast bias correction and without. */
export function biasGrid(best: TuningParameters): TuningParameters[] {
  return [{ ...best, useFastBias: true }, { ...best, useFastBias: false }];
}
