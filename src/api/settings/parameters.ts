/** Every parameter of a quantization that has a name: one table for the command line, the configuration file and help. */
import { CALLER_OPTIONS, OPTIONS, type OptionSpec } from "../../accuracy/options.ts";
import { RECIPES } from "../candidates.ts";

/** @internal One parameter. */
export interface Parameter {
  /** Spelling in configuration files; the command line's is the same with dashes. */
  readonly pot: string;
  /** `names`: a list of texts, on the command line with commas between. `object`: has keys of its own; files only. */
  readonly type: OptionSpec["type"] | "names" | "object";
  readonly choices?: readonly string[];
  readonly low?: number;
  readonly high?: number;
  /** Shown in help. */
  readonly default?: unknown;
  /** One sentence. */
  readonly description: string;
  readonly section: "loop" | "quantization";
  /** Names of the same parameter in NNCF, taken in both places. */
  readonly aliases?: readonly string[];
  /** Where the parameter can be given; both unless stated. */
  readonly only?: "file" | "command line";
}

/** A parameter of POT that changes nothing here, and why. */
export interface IdleParameter {
  readonly pot: string;
  /** Values that would change something, and are refused for it; none where absent. */
  readonly refused?: "true" | "any";
  /** Completes "x has no effect: ", or "Cannot use x: " where refused. */
  readonly reason: string;
}

const QUANTIZATION: readonly Omit<Parameter, "section">[] = [
  {
    pot: "preset",
    type: "choice",
    choices: ["performance", "mixed", "accuracy", "symmetric", "asymmetric"],
    default: "performance",
    description: "Symmetric activations (performance) or asymmetric ones (mixed).",
  },
  {
    pot: "stat_subset_size",
    type: "integer",
    low: 1,
    default: 300,
    description: "Number of calibration samples, from the first on.",
  },
  {
    pot: "target_device",
    type: "choice",
    choices: ["ANY", "CPU", "GPU", "NPU"],
    default: "ANY",
    description: "Whose table of quantizable operators is used.",
  },
  {
    pot: "model_type",
    type: "choice",
    choices: ["transformer"],
    description: "Leaves sums, means and normalizations of transformers in float.",
  },
  {
    pot: "lone_arithmetic",
    type: "boolean",
    default: false,
    description: "Whether arithmetic that QDQ runtimes compute in float is quantized, as POT has it.",
  },
  {
    pot: "int8_embeddings",
    type: "boolean",
    default: true,
    description: "Whether tables of embeddings are stored in int8; what is computed with their rows stays as it is.",
  },
  {
    pot: "activation_channel_alignment",
    type: "boolean",
    default: true,
    description: "Whether the channels between convolutions that follow each other directly are brought to one range.",
  },
  {
    pot: "smooth_quant",
    type: "boolean",
    default: false,
    description: "Whether matrix products hand part of the spread of their inputs' channels over to their weights.",
  },
  {
    pot: "smooth_quant_alpha",
    type: "number",
    low: 0,
    high: 1,
    default: 0.5,
    description: "The share of that spread that weights take over.",
  },
  {
    pot: "saturation_fix",
    type: "choice",
    choices: ["no", "first_layer", "all"],
    default: "no",
    description: "Weights that get 7 bits, for x86 processors without VNNI.",
  },
  {
    pot: "bias_correction",
    type: "boolean",
    default: true,
    description: "Whether biases make up for what rounding the weights shifts.",
  },
  {
    pot: "use_fast_bias",
    type: "boolean",
    default: true,
    description: "Whether each bias is corrected by itself, or all in turn with a pass over samples for every layer.",
  },
  {
    pot: "threshold",
    type: "number",
    low: 0,
    default: 2,
    description: "Largest relative change of a bias that bias correction believes; 1000 without use_fast_bias.",
  },
  {
    pot: "apply_for_all_nodes",
    type: "boolean",
    default: true,
    description: "Whether layers with a zero in their bias, or without one, are corrected too.",
  },
  {
    pot: "ignored_scope",
    type: "names",
    only: "command line",
    description: "Nodes to leave in float, by name.",
  },
  {
    pot: "ignored_operations",
    type: "names",
    only: "command line",
    description: "Operator types to leave in float.",
  },
  {
    pot: "ignored",
    type: "object",
    only: "file",
    description:
      "What to leave in float: scope (node names), patterns (regular expressions), operations ({type, attributes}).",
  },
  {
    pot: "weights",
    type: "object",
    only: "file",
    description: "bits, mode, granularity, level_low, level_high and range_estimator of weights.",
  },
  {
    pot: "activations",
    type: "object",
    only: "file",
    description: "The same of activations.",
  },
  {
    pot: "range_estimator",
    type: "object",
    only: "file",
    description: "Estimator of both: preset, min and max.",
  },
];

/** NNCF's names of parameters that mean the same. */
const NNCF_NAMES: Readonly<Record<string, readonly string[]>> = {
  maximal_drop: ["max_drop"],
  stat_subset_size: ["subset_size"],
  max_iter_num: ["max_num_iterations"],
  use_fast_bias: ["fast_bias_correction"],
};

/** The loop takes numbers of candidates, people give names. */
const TRY_FIRST: Pick<Parameter, "type" | "choices" | "description"> = {
  type: "names",
  choices: Object.keys(RECIPES),
  description: `Recipes that the whole network tries, in this order, before any group goes back to float: ${
    Object.keys(RECIPES).join(", ")
  }.`,
};

/** @internal All parameters, in the order in which help shows them. */
export const PARAMETERS: readonly Parameter[] = withAliases([
  ...[...OPTIONS, ...CALLER_OPTIONS].map(({ key: _key, ...row }): Parameter => ({
    ...row,
    section: "loop",
    ...(row.type === "metrics" ? { only: "file" } : {}),
    ...(row.pot === "try_first" ? TRY_FIRST : {}),
  })),
  ...QUANTIZATION.map((row): Parameter => ({ ...row, section: "quantization" })),
]);

function withAliases(rows: readonly Parameter[]): Parameter[] {
  return rows.map((row) => {
    const aliases = NNCF_NAMES[row.pot];
    return aliases ? { ...row, aliases } : row;
  });
}

/** The spelling that the table has, of a name or of another tool's name for the same; an unknown name stays what it is. */
export function parameterName(name: string): string {
  return PARAMETERS.find(({ pot, aliases }) => pot === name || aliases?.includes(name))?.pot ?? name;
}

/** Parameters that POT's configurations may have and that do nothing here. */
export const IDLE_PARAMETERS: readonly IdleParameter[] = [
  { pot: "inplace_statistics", reason: "statistics are always gathered on the GPU" },
  { pot: "dump_intermediate_model", reason: "the report has every step" },
  { pot: "exec_log_dir", reason: "the report has every step" },
  { pot: "stat_batch_size", reason: "statistics are per sample whatever the batch; see --batch-size" },
  {
    pot: "shuffle_data",
    refused: "true",
    reason: "calibration samples are taken from the first on",
  },
  { pot: "use_layerwise_tuning", refused: "true", reason: "networks are not trained here" },
  {
    pot: "layerwise_configs",
    refused: "any",
    reason: "precision is chosen by group; use ignored, weights and activations",
  },
];

/** Whether a parameter without effect would have one with this value. */
export function isRefused({ refused }: IdleParameter, value: unknown): boolean {
  return refused === "any" || (refused === "true" && value === true);
}

/** @internal The command line's spelling: `--maximal-drop`. */
export function flagOf(pot: string): string {
  return `--${pot.replaceAll("_", "-")}`;
}
