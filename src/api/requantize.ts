/** One more candidate for the whole network, as `tune_hyperparams` asks for them. */
import type { EstimatorChoice, RangeChoice, TuningParameters } from "../accuracy/tuning_grid.ts";
import type { CalibrationOptions } from "../quantize/default_quantization.ts";
import type { EndEstimator, RangeEstimatorOptions } from "../quantize/estimators.ts";

/**
 * The user's settings with the tuned ones in their place. Symmetric ranges follow the largest absolute value, so `max` and `quantile`
 * of a high end mean those of absolute values there, and the low end only decides the sign.
 */
export function tunedOptions(first: CalibrationOptions, parameters: TuningParameters): CalibrationOptions {
  const { weights, activations, useFastBias } = parameters;
  const preset = first.preset ?? "performance";
  const isSymmetric = {
    weights: (first.weights?.mode ?? (preset === "accuracy" ? "asymmetric" : "symmetric")) === "symmetric",
    activations: (first.activations?.mode ?? (preset === "performance" ? "symmetric" : "asymmetric")) === "symmetric",
  };
  return {
    ...first,
    ...(weights ? { weightRange: rangeOf(weights, isSymmetric.weights) } : {}),
    ...(activations ? { activationRange: rangeOf(activations, isSymmetric.activations) } : {}),
    ...(useFastBias === undefined ? {} : { biasCorrection: useFastBias ? first.biasCorrection || {} : false as const }),
    label: labelOf(parameters),
  };
}

/** What decides the result: equal texts give equal candidates. */
export function contentOf({ label: _label, ...options }: CalibrationOptions): string {
  return JSON.stringify(options);
}

function rangeOf({ low, high }: RangeChoice, isSymmetric: boolean): RangeEstimatorOptions {
  if (!isSymmetric) return { min: endOf(low), max: endOf(high) };
  const end = endOf(high);
  return { max: { ...end, type: end.type === "quantile" ? "abs_quantile" : "abs_max" } };
}

function endOf(
  { type, aggregator, outlierProbability }: EstimatorChoice,
): Partial<EndEstimator> & { type: "min" | "max" | "quantile" } {
  return { type, aggregator, ...(outlierProbability === undefined ? {} : { outlierProb: outlierProbability }) };
}

function labelOf({ weights, activations, useFastBias }: TuningParameters): string {
  const parts = [
    ...(weights ? [`weights ${describe(weights)}`] : []),
    ...(activations ? [`activations ${describe(activations)}`] : []),
    ...(useFastBias === undefined ? [] : [useFastBias ? "bias correction" : "no bias correction"]),
  ];
  return `tuned: ${parts.join(", ")}`;
}

function describe({ low, high }: RangeChoice): string {
  return `${describeEnd(low)} to ${describeEnd(high)}`;
}

function describeEnd({ type, outlierProbability }: EstimatorChoice): string {
  return outlierProbability === undefined ? type : `${type} ${outlierProbability}`;
}
