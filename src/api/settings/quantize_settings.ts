/** Parameters by name → the options of a quantization. */
import { type AccuracyAwareOptions, type MetricOption, OPTIONS } from "../../accuracy/options.ts";
import { UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../data/spelling.ts";
import type { CalibrationOptions } from "../../quantize/default_quantization.ts";
import type { EqualizationOptions } from "../../quantize/equalization.ts";
import { saturates } from "../../quantize/saturation.ts";
import { presetNamed, type TargetDevice } from "../../quantize/scheme.ts";
import type { BiasCorrectionOptions } from "../../quantize/bias_correction.ts";
import type { RangeEstimatorOptions } from "../../quantize/estimators.ts";
import type { IgnoredScope } from "../../quantize/ignored.ts";
import { type MetricSetting, parseIgnored, parseKind, parseMetrics, parseRangeEstimator } from "./nested_parameters.ts";
import { checkValue, type GivenValue, placeOf } from "./parameter_values.ts";
import { IDLE_PARAMETERS, isRefused, PARAMETERS } from "./parameters.ts";
import type { QuantizeOptions } from "../quantize_options.ts";

/** Parameters as given: spelling of the configuration → value. */
export type GivenParameters = ReadonlyMap<string, GivenValue>;

/** Options of a quantization that names and numbers are enough for. */
export interface QuantizeSettings extends
  Pick<
    QuantizeOptions,
    | "accuracy"
    | "tryFirst"
    | "annotationConfThreshold"
    | "quantization"
    | "statSubsetSize"
    | "targetDevice"
    | "modelType"
    | "loneArithmetic"
    | "int8Embeddings"
    | "equalization"
    | "ignored"
  > {
  /** Metrics that a configuration asks for; empty for none. */
  readonly metrics: readonly MetricSetting[];
  /** Parameters that have no effect here. */
  readonly notes: readonly string[];
}

/**
 * Checks all parameters and sorts them to where they belong. Throws UsageError that names the first wrong one.
 *
 * ```ts
 * import { settingsOf } from "@holdfast/holdfast";
 *
 * const settings = settingsOf(new Map([["maximal_drop", { value: 0.005, where: "my options" }]]));
 * console.log(settings.accuracy?.maximalDrop);
 * ```
 */
export function settingsOf(given: GivenParameters): QuantizeSettings {
  const notes: string[] = [];
  for (const [name, one] of given) {
    const note = checkNamed(name, one);
    if (note !== undefined) notes.push(note);
  }
  const device = given.get("target_device")?.value as TargetDevice | undefined;
  const fix = given.get("saturation_fix")?.value ?? "no";
  if (fix !== "no" && !saturates(device ?? "ANY")) {
    notes.push(`saturation_fix has no effect: multiply-add does not saturate on target_device ${device}`);
  }
  if (given.has("smooth_quant_alpha") && given.get("smooth_quant")?.value !== true) {
    notes.push("smooth_quant_alpha has no effect without smooth_quant");
  }
  const value = <T>(name: string) => given.get(name)?.value as T | undefined;
  const metrics = given.has("metrics") ? parseMetrics(given.get("metrics")!) : [];
  return {
    accuracy: loopOptions(given, metrics),
    quantization: calibrationOptions(given),
    ...optional("tryFirst", value<string[]>("try_first")),
    ...optional("annotationConfThreshold", value<number>("annotation_conf_threshold")),
    ...optional("statSubsetSize", value<number>("stat_subset_size")),
    ...optional("targetDevice", value<TargetDevice>("target_device")),
    ...optional("modelType", value<"transformer">("model_type")),
    ...optional("loneArithmetic", value<boolean>("lone_arithmetic")),
    ...optional("int8Embeddings", value<boolean>("int8_embeddings")),
    ...optional("equalization", equalization(given)),
    ...optional("ignored", ignoredOf(given)),
    metrics,
    notes,
  };
}

/** Checks one parameter; gives a note where it has no effect. */
function checkNamed(name: string, given: GivenValue): string | undefined {
  const idle = IDLE_PARAMETERS.find(({ pot }) => pot === name);
  if (idle && isRefused(idle, given.value)) {
    throw new UsageError(
      `Cannot use ${placeOf(given)}: ${JSON.stringify(given.value)} is not supported; ${idle.reason}`,
    );
  }
  if (idle) return `${name} has no effect: ${idle.reason}`;
  const parameter = PARAMETERS.find(({ pot, only }) =>
    pot === name && (only !== "command line" || given.where[0] === "-")
  );
  if (!parameter) {
    const known = [...PARAMETERS.filter(({ only }) => only !== "command line"), ...IDLE_PARAMETERS].map(({ pot }) =>
      pot
    );
    throw new UsageError(`Cannot use ${placeOf(given)}: there is no parameter "${name}"${didYouMean(name, known)}`);
  }
  checkValue(parameter, given);
  return undefined;
}

function loopOptions(given: GivenParameters, metrics: readonly MetricSetting[]): Partial<AccuracyAwareOptions> {
  const rows = OPTIONS.filter(({ pot }) => pot !== "metrics" && pot !== "try_first" && given.has(pot));
  const options = Object.fromEntries(rows.map(({ pot, key }) => [key, given.get(pot)!.value]));
  if (metrics.length === 0) return options;
  return { ...options, metrics: metrics.map(({ options: _options, ...metric }): MetricOption => metric) };
}

function calibrationOptions(given: GivenParameters): CalibrationOptions {
  const value = <T>(name: string) => given.get(name)?.value as T | undefined;
  const device = value<TargetDevice>("target_device") ?? "ANY";
  const preset = value<string>("preset");
  const [weights, activations] = ["weights", "activations"].map((kind) => {
    const one = given.get(kind);
    return one && parseKind(one);
  });
  const both = given.get("range_estimator");
  const range = both && parseRangeEstimator(both);
  return {
    ...optional("preset", preset === undefined ? undefined : presetNamed(preset, device)),
    ...optional("targetDevice", value<TargetDevice>("target_device")),
    ...optional("weights", weights?.scheme),
    ...optional("activations", activations?.scheme),
    ...optional("weightRange", weights?.range ?? (range && forWeights(range))),
    ...optional("activationRange", activations?.range ?? range),
    ...optional("saturationFix", value<"no" | "first_layer" | "all">("saturation_fix")),
    ...optional("biasCorrection", biasCorrection(given)),
  };
}

/** An estimator for both kinds as weights take it: the entropy of a distribution is that of activations alone. */
function forWeights({ preset, ...ends }: RangeEstimatorOptions): RangeEstimatorOptions {
  return preset === undefined || preset === "entropy" ? ends : { preset, ...ends };
}

/** Smoothing is off unless asked for; its share alone does not ask for it. */
function equalization(given: GivenParameters): EqualizationOptions | undefined {
  const channelAlignment = given.get("activation_channel_alignment")?.value as boolean | undefined;
  const isSmooth = given.get("smooth_quant")?.value === true;
  if (channelAlignment === undefined && !isSmooth) return undefined;
  const alpha = given.get("smooth_quant_alpha")?.value as number | undefined;
  return {
    ...optional("channelAlignment", channelAlignment),
    ...(isSmooth ? { smoothQuant: optional("alpha", alpha) } : {}),
  };
}

/** MinMaxQuantization is DefaultQuantization without its correction of biases. */
function biasCorrection(given: GivenParameters): BiasCorrectionOptions | false | undefined {
  const isOff = given.get("bias_correction")?.value === false ||
    given.get("base_algorithm")?.value === "MinMaxQuantization";
  const threshold = given.get("threshold")?.value as number | undefined;
  const applyForAllNodes = given.get("apply_for_all_nodes")?.value as boolean | undefined;
  const fast = given.get("use_fast_bias")?.value as boolean | undefined;
  if (isOff) return false;
  if (threshold === undefined && applyForAllNodes === undefined && fast === undefined) return undefined;
  return {
    ...optional("fast", fast),
    ...optional("threshold", threshold),
    ...optional("applyForAllNodes", applyForAllNodes),
  };
}

/** The file's scope with what the command line adds. */
function ignoredOf(given: GivenParameters): IgnoredScope | undefined {
  const file = given.get("ignored");
  const scope = given.get("ignored_scope")?.value as string[] | undefined;
  const operations = given.get("ignored_operations")?.value as string[] | undefined;
  if (!file && !scope && !operations) return undefined;
  const base = file ? parseIgnored(file) : {};
  return {
    ...base,
    scope: [...base.scope ?? [], ...scope ?? []],
    operations: [...base.operations ?? [], ...(operations ?? []).map((type) => ({ type }))],
  };
}

function optional<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { [P in K]?: T };
}
