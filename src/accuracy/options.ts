/** The parameters of the accuracy-aware loop: one table of spellings, types, defaults and descriptions, and their validation. */
import { UsageError } from "../base/errors.ts";
import type { OutputDistance } from "../base/precision.ts";
import type { Compatibility, DropType } from "./drop.ts";

/** One metric to keep. Without such a list every metric of the evaluator is kept. */
export interface MetricOption {
  /** Name of the metric. */
  readonly name: string;
  /** POT's metric type, which picks a stand-in for per-sample values (see metric_view.ts); the name where absent. */
  readonly type?: string;
  /** Value of the float network. Where every metric has one, the float network is not evaluated on the whole set. */
  readonly baselineValue?: number;
  /** The metric's own allowed drop; `maximalDrop` where absent. */
  readonly maximalDrop?: number;
}

/** How groups are scored: by the metric, or by the distance of the outputs to the float network's. */
export type RankingMethod = "metric" | OutputDistance;

/** All parameters, complete. `resolveOptions` makes them from what the user gave. */
export interface AccuracyAwareOptions {
  /** Largest drop allowed; 0.01 unless stated. */
  readonly maximalDrop: number;
  /** Whether drops are in the metric's own unit or shares of the float value. */
  readonly dropType: DropType;
  /** What is known of single metrics; all metrics of the evaluator are kept where it is empty. */
  readonly metrics: readonly MetricOption[];
  /** Samples that groups are scored on; 300 unless stated. */
  readonly rankingSubsetSize: number;
  /** Attempts at most; Infinity unless stated. */
  readonly maxIterNum: number;
  /** Whether an attempt that makes the drop larger is undone. */
  readonly usePrevIfDropIncrease: boolean;
  /** Whether the mixed preset is tried on the whole network first. */
  readonly convertToMixedPreset: boolean;
  /** Share of the samples that groups are compared with the float network on, 0 to 1. */
  readonly metricSubsetRatio: number;
  /** Whether quantization parameters are searched before groups are given up. */
  readonly tuneHyperparams: boolean;
  /** Whether the float network's own predictions are the labels. */
  readonly annotationFree: boolean;
  /** Whose decisions are taken. */
  readonly compatibility: Compatibility;
  /** How groups are scored. */
  readonly ranking: RankingMethod;
  /** Decides every random draw. */
  readonly seed: number;
  /** Whether a group tries its other int8 candidates before it goes back to float. */
  readonly mend: boolean;
  /** Whether groups that the target does not need return to int8. */
  readonly putBack: boolean;
  /** What goes back to float: a group as a whole, or its activations alone while its weights stay int8. */
  readonly revert: "all" | "activations";
  /** Numbers of the candidates that the whole network tries before any group is given up. */
  readonly tryFirst: readonly number[];
}

/** One row of the table. */
export interface OptionSpec {
  /** Spelling in configuration files; the command line's is the same with dashes. */
  readonly pot: string;
  readonly key: keyof AccuracyAwareOptions;
  readonly type: "number" | "integer" | "boolean" | "choice" | "metrics" | "integers";
  readonly choices?: readonly string[];
  /** Smallest value allowed, for numbers. */
  readonly low?: number;
  /** Largest value allowed, for numbers. */
  readonly high?: number;
  readonly default: AccuracyAwareOptions[keyof AccuracyAwareOptions];
  /** Default under `compatibility: pot`, where it differs. */
  readonly potDefault?: AccuracyAwareOptions[keyof AccuracyAwareOptions];
  /** One sentence. */
  readonly description: string;
}

/** Every parameter of the loop, in the order in which help shows them. */
export const OPTIONS: readonly OptionSpec[] = [
  {
    pot: "maximal_drop",
    key: "maximalDrop",
    type: "number",
    low: 0,
    default: 0.01,
    description: "Allowed accuracy drop, for every metric without its own.",
  },
  {
    pot: "drop_type",
    key: "dropType",
    type: "choice",
    choices: ["absolute", "relative"],
    default: "absolute",
    description: "Whether drops are in the metric's own unit or a share of the baseline.",
  },
  {
    pot: "metrics",
    key: "metrics",
    type: "metrics",
    default: [],
    description:
      "Metrics to keep, each with name and optional type, baseline_value and maximal_drop; all metrics if empty.",
  },
  {
    pot: "ranking_subset_size",
    key: "rankingSubsetSize",
    type: "integer",
    low: 1,
    default: 300,
    description: "Number of samples on which each group is scored.",
  },
  {
    pot: "max_iter_num",
    key: "maxIterNum",
    type: "integer",
    low: 0,
    default: Infinity,
    description: "Largest number of attempts to change the network, undone ones included.",
  },
  {
    pot: "use_prev_if_drop_increase",
    key: "usePrevIfDropIncrease",
    type: "boolean",
    default: true,
    description: "Whether a change that increases the drop is undone.",
  },
  {
    pot: "convert_to_mixed_preset",
    key: "convertToMixedPreset",
    type: "boolean",
    default: false,
    description: "Whether the mixed preset is tried before any group goes back to float.",
  },
  {
    pot: "metric_subset_ratio",
    key: "metricSubsetRatio",
    type: "number",
    low: 0,
    high: 1,
    default: 0.5,
    description: "Share of the samples compared with the float network when every metric has a baseline_value.",
  },
  {
    pot: "tune_hyperparams",
    key: "tuneHyperparams",
    type: "boolean",
    default: false,
    description: "Whether other range estimators and bias correction are searched before any group goes back to float.",
  },
  {
    pot: "annotation_free",
    key: "annotationFree",
    type: "boolean",
    default: false,
    description: "Whether labels are the float network's own confident predictions; given baselines are then ignored.",
  },
  {
    pot: "compatibility",
    key: "compatibility",
    type: "choice",
    choices: ["default", "pot"],
    default: "default",
    description: "Whether the loop decides as OpenVINO POT does, its known weaknesses included.",
  },
  {
    pot: "ranking",
    key: "ranking",
    type: "choice",
    choices: ["metric", "kl", "nmse", "cosine"],
    default: "metric",
    description: "Whether groups are scored by the metric or by the distance of the outputs to the float network's.",
  },
  {
    pot: "seed",
    key: "seed",
    type: "integer",
    default: 0,
    description: "Seed of every random choice.",
  },
  {
    pot: "mend",
    key: "mend",
    type: "boolean",
    default: true,
    potDefault: false,
    description:
      "Whether other int8 recipes are tried, on the whole network and on each group, before a group goes to float.",
  },
  {
    pot: "put_back",
    key: "putBack",
    type: "boolean",
    default: true,
    potDefault: false,
    description:
      "Whether float groups are tried in int8 again once the target is met, and POT's way where it may need fewer of them.",
  },
  {
    pot: "revert",
    key: "revert",
    type: "choice",
    choices: ["all", "activations"],
    default: "all",
    description: "Whether a reverted group gives up all its quantizers or keeps its weights in int8 where it can.",
  },
  {
    pot: "try_first",
    key: "tryFirst",
    type: "integers",
    default: [],
    description: "Int8 candidates that the whole network tries, in this order, before any group goes back to float.",
  },
];

/** POT's parameters that concern whoever quantizes and labels, not the loop: same shape as a row of `OPTIONS`, without its key type. */
export const CALLER_OPTIONS:
  readonly (Omit<OptionSpec, "key" | "default"> & { key: string; default: string | number })[] = [
    {
      pot: "base_algorithm",
      key: "baseAlgorithm",
      type: "choice",
      choices: ["DefaultQuantization", "MinMaxQuantization"],
      default: "DefaultQuantization",
      description: "Algorithm that makes the first quantized network.",
    },
    {
      pot: "annotation_conf_threshold",
      key: "annotationConfThreshold",
      type: "number",
      low: 0,
      high: 1,
      default: 0.6,
      description: "Least confidence of a prediction that becomes a label when annotation_free is on.",
    },
  ];

/**
 * Completes the options with their defaults. Throws UsageError, naming the parameter in the configuration's spelling, for values out
 * of range and parameters that do not exist.
 */
export function resolveOptions(given: Partial<AccuracyAwareOptions>): AccuracyAwareOptions {
  const unknown = Object.keys(given).filter((key) => !OPTIONS.some((spec) => spec.key === key));
  if (unknown.length > 0) {
    throw new UsageError(`Cannot use options: unknown ${unknown.map((key) => `"${key}"`).join(", ")}`);
  }
  const isPot = given.compatibility === "pot";
  const resolved = OPTIONS.map((spec) => {
    const fallback = isPot ? spec.potDefault ?? spec.default : spec.default;
    const value = given[spec.key] ?? fallback;
    checkOption(spec, value);
    return [spec.key, value] as const;
  });
  const options = Object.fromEntries(resolved) as unknown as AccuracyAwareOptions;
  if (isPot && options.mend) throw new UsageError("Cannot use mend: true, expected false with compatibility pot");
  return options;
}

function checkOption(spec: OptionSpec, value: unknown): void {
  const fail = (expected: string): never => {
    const found = typeof value === "number" ? String(value) : JSON.stringify(value);
    throw new UsageError(`Cannot use ${spec.pot}: ${found}, expected ${expected}`);
  };
  switch (spec.type) {
    case "boolean":
      if (typeof value !== "boolean") fail("true or false");
      break;
    case "choice":
      if (!spec.choices?.includes(String(value))) fail((spec.choices ?? []).join(" or "));
      break;
    case "number":
    case "integer":
      checkNumber(spec, value, fail);
      break;
    case "integers":
      if (!Array.isArray(value) || !value.every((item) => Number.isInteger(item) && item >= 0)) {
        fail("a list of candidate numbers");
      }
      break;
    case "metrics":
      checkMetrics(value, fail);
  }
}

function checkNumber(spec: OptionSpec, value: unknown, fail: (expected: string) => never): void {
  if (typeof value !== "number" || Number.isNaN(value)) return fail("a number");
  const isWhole = Number.isInteger(value) || value === spec.default;
  if (spec.type === "integer" && !isWhole) fail("an integer");
  if (spec.type === "number" && !Number.isFinite(value)) fail("a finite number");
  if (spec.low !== undefined && value < spec.low) fail(`at least ${spec.low}`);
  if (spec.high !== undefined && value > spec.high) fail(`at most ${spec.high}`);
}

function checkMetrics(value: unknown, fail: (expected: string) => never): void {
  if (!Array.isArray(value)) return fail("a list of metrics");
  for (const { name, baselineValue, maximalDrop } of value as readonly MetricOption[]) {
    if (typeof name !== "string") fail("a name for every metric");
    if (baselineValue !== undefined && !Number.isFinite(baselineValue)) fail(`a finite baseline_value for "${name}"`);
    if (maximalDrop !== undefined && !(Number.isFinite(maximalDrop) && maximalDrop >= 0)) {
      fail(`a maximal_drop of at least 0 for "${name}"`);
    }
  }
}
