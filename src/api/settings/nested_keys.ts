/** The keys of parameters that have keys of their own, and what each may be: one table for the parser and the schema. */
import { AGGREGATORS } from "../../quantize/aggregate.ts";
import { STATISTICS } from "../../quantize/estimators.ts";
import type { ValueRule } from "./parameter_values.ts";

/** Rules by key. */
export type Keys = Readonly<Record<string, ValueRule>>;

/** `range_estimator.min` and `.max`. */
export const END_KEYS: Keys = {
  type: { type: "choice", choices: STATISTICS },
  aggregator: { type: "choice", choices: AGGREGATORS },
  outlier_prob: { type: "number", low: 0, high: 0.5 },
  clipping_value: { type: "number" },
  granularity: { type: "none", instead: "weights.granularity" },
};

/** `range_estimator`. */
export const RANGE_KEYS: Keys = {
  preset: { type: "choice", choices: ["default", "quantile", "mse", "entropy"] },
  min: { type: "keys", keys: END_KEYS },
  max: { type: "keys", keys: END_KEYS },
};

/** `weights` and `activations`. */
export const SCHEME_KEYS: Keys = {
  bits: { type: "integer", low: 2, high: 8 },
  mode: { type: "choice", choices: ["symmetric", "asymmetric"] },
  granularity: { type: "choice", choices: ["perchannel", "pertensor"] },
  level_low: { type: "number" },
  level_high: { type: "number" },
  range_estimator: { type: "keys", keys: RANGE_KEYS },
};

/** One of `ignored.operations`. */
export const OPERATION_KEYS: Keys = { type: { type: "text" }, attributes: { type: "object" } };

/** `ignored`. */
export const IGNORED_KEYS: Keys = {
  scope: { type: "names" },
  patterns: { type: "names" },
  operations: { type: "list", keys: OPERATION_KEYS, required: ["type"] },
  skip_model: { type: "boolean", constant: false },
};

/** One of `metrics`; other keys are options of the metric. */
export const METRIC_KEYS: Keys = {
  name: { type: "text" },
  type: { type: "text" },
  baseline_value: { type: "number" },
  maximal_drop: { type: "number", low: 0 },
};
