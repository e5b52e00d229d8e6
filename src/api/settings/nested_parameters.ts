/** Parameters with keys of their own: weights, activations, range_estimator, ignored, metrics. */
import type { MetricOption } from "../../accuracy/options.ts";
import { UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../data/spelling.ts";
import type { EndEstimator, RangeEstimatorOptions } from "../../quantize/estimators.ts";
import type { IgnoredOperation, IgnoredScope } from "../../quantize/ignored.ts";
import type { SchemeOverride } from "../../quantize/scheme.ts";
import {
  END_KEYS,
  IGNORED_KEYS,
  type Keys,
  METRIC_KEYS,
  OPERATION_KEYS,
  RANGE_KEYS,
  SCHEME_KEYS,
} from "./nested_keys.ts";
import { checkValue, type GivenValue, memberOf, placeOf, refusal } from "./parameter_values.ts";

/** What may be said of weights or of activations. */
export interface KindSettings {
  readonly scheme: SchemeOverride;
  readonly range: RangeEstimatorOptions | undefined;
}

/** `weights` or `activations`. */
export function parseKind(given: GivenValue): KindSettings {
  const keys = checkedKeys(given, SCHEME_KEYS);
  const { bits, mode, granularity, level_low, level_high, range_estimator } = keys as Record<string, never>;
  return {
    scheme: present({ bits, mode, granularity, levelLow: level_low, levelHigh: level_high }),
    range: range_estimator === undefined
      ? undefined
      : parseRangeEstimator(memberOf(given, ".range_estimator", range_estimator)),
  };
}

/** `range_estimator`. */
export function parseRangeEstimator(given: GivenValue): RangeEstimatorOptions {
  const { preset, min, max } = checkedKeys(given, RANGE_KEYS) as Record<string, never>;
  return present({
    preset,
    min: min === undefined ? undefined : parseEnd(memberOf(given, ".min", min)),
    max: max === undefined ? undefined : parseEnd(memberOf(given, ".max", max)),
  });
}

function parseEnd(given: GivenValue): Partial<EndEstimator> {
  const { type, aggregator, outlier_prob, clipping_value } = checkedKeys(given, END_KEYS) as Record<string, never>;
  return present({ type, aggregator, outlierProb: outlier_prob, clippingValue: clipping_value });
}

/** `ignored`. */
export function parseIgnored(given: GivenValue): IgnoredScope {
  const { scope, patterns, operations } = checkedKeys(given, IGNORED_KEYS) as Record<string, never>;
  return present({
    scope,
    patterns,
    operations: operations === undefined
      ? undefined
      : listOf(memberOf(given, ".operations", operations)).map(parseOperation),
  });
}

function parseOperation(given: GivenValue): IgnoredOperation {
  const { type, attributes } = checkedKeys(given, OPERATION_KEYS) as Record<string, never>;
  if (type === undefined) throw refusal(given, "a type");
  if (attributes !== undefined && !isRecord(attributes)) {
    throw refusal(memberOf(given, ".attributes", attributes), "attribute names and values");
  }
  return { type, ...present({ attributes }) };
}

/** A metric as a configuration names it. */
export interface MetricSetting extends MetricOption {
  /** Options of the metric itself, such as Accuracy Checker's `top_k`; checked by who creates it. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** `metrics`: keys that are not the loop's are options of the metric. */
export function parseMetrics(given: GivenValue): MetricSetting[] {
  return listOf(given).map((item) => {
    if (!isRecord(item.value)) throw refusal(item, "an object with a name");
    const isOwn = ([key]: readonly [string, unknown]) => Object.hasOwn(METRIC_KEYS, key);
    const own = Object.fromEntries(Object.entries(item.value).filter(isOwn));
    const options = Object.fromEntries(Object.entries(item.value).filter((entry) => !isOwn(entry)));
    const checked = checkedKeys({ ...item, value: own }, METRIC_KEYS) as Record<string, never>;
    const { name, type, baseline_value, maximal_drop } = checked;
    if (name === undefined) throw refusal(item, "a name for every metric");
    return {
      name,
      ...present({ type, baselineValue: baseline_value, maximalDrop: maximal_drop }),
      ...(Object.keys(options).length > 0 ? { options } : {}),
    };
  });
}

function listOf(given: GivenValue): GivenValue[] {
  const { value } = given;
  if (!Array.isArray(value)) throw refusal(given, "a list");
  return value.map((item: unknown, index) => memberOf(given, `[${index}]`, item));
}

/** The object behind a value; throws UsageError that names unknown keys and values of a wrong type. */
export function checkedKeys(given: GivenValue, keys: Keys): Readonly<Record<string, unknown>> {
  const { value } = given;
  if (!isRecord(value)) throw refusal(given, `an object with ${Object.keys(keys).join(", ")}`);
  for (const [key, one] of Object.entries(value)) {
    const type = Object.hasOwn(keys, key) ? keys[key] : undefined;
    if (type === undefined) {
      throw new UsageError(`Cannot use ${placeOf(given)}: unknown key "${key}"${didYouMean(key, Object.keys(keys))}`);
    }
    checkValue(type, memberOf(given, `.${key}`, one));
  }
  return value;
}

/** Whether a value is an object with keys. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The object without its undefined members. */
function present<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
