/** report.json: everything about a quantization that a person or a script may ask for later. */
import type { Certificate } from "../accuracy/certify.ts";
import { REASONS, type Step } from "../accuracy/trace.ts";
import type { AccuracyAwareResult } from "../accuracy/result.ts";
import type { Drops } from "../accuracy/drop.ts";
import type { MetricDirection } from "../base/precision.ts";
import { type LayerParts, type ReportedLayer, reportLayers } from "./layers.ts";

/** Raised when a field changes its meaning or goes. */
export const REPORT_VERSION = 1;

/** A set of samples. */
export interface ReportedDataset {
  readonly name: string;
  /** Samples used. */
  readonly samples: number;
  /** Of the whole dataset. */
  readonly sha256: string;
}

/** A model file. */
export interface ReportedFile {
  readonly name: string;
  readonly byteLength: number;
  readonly sha256: string;
}

/** One metric. Drops and thresholds are in its own unit; what was not measured is null. */
export interface ReportedMetric {
  readonly name: string;
  readonly direction: MetricDirection;
  readonly baseline: number | null;
  readonly quantized: number | null;
  readonly final: number | null;
  readonly drop: number | null;
  /** The largest drop allowed; null where any is. */
  readonly threshold: number | null;
  /** Standard error of the drop, paired by sample. */
  readonly standardError: number | null;
}

/** One group of layers that move together. */
export interface ReportedGroup {
  readonly name: string;
  readonly nodes: readonly string[];
  /** Share of the network's multiply-accumulates, 0 to 1. */
  readonly macs: number;
  /** "float", or the label of the int8 candidate in force. */
  readonly precision: string;
  readonly isReverted: boolean;
  /** What mending and reverting it took off each drop; null for groups that are as they were. */
  readonly bought: Drops | null;
}

/** One step of the loop. `value` and `drop` are those of the first metric, null where the step measured none. */
export interface ReportedStep {
  readonly action: Step["action"];
  /** The group that changed; null for steps that change none, or several. */
  readonly group: string | null;
  readonly groups: readonly string[];
  readonly value: number | null;
  readonly drop: number | null;
  readonly values: Readonly<Record<string, number>>;
  readonly drops: Drops;
  readonly kept: boolean;
  readonly reason: Step["reason"];
  /** The reason as a sentence. */
  readonly explanation: string;
  readonly seconds: number;
  readonly evaluations: number;
  /** Samples evaluated, summed over the evaluations. */
  readonly samples: number;
  readonly networkEquivalents: number;
  readonly ranking: {
    readonly metric: string;
    readonly samples: number;
    /** Best first. */
    readonly scores: readonly { readonly group: string; readonly score: number }[];
  } | null;
}

/** The adapter that computed. */
export interface ReportedAdapter {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly isSoftware: boolean;
}

/** What a report is made from. */
export interface ReportParts {
  readonly algorithm: string;
  readonly model: ReportedFile;
  readonly output: ReportedFile;
  readonly dataset: ReportedDataset;
  readonly calibration: ReportedDataset;
  readonly metrics: readonly { readonly name: string; readonly direction: MetricDirection }[];
  readonly accuracy: AccuracyAwareResult;
  /** The verdict of samples that no decision was made on; undefined where none were held back. */
  readonly certificate?: Certificate | undefined;
  /** In the order of the assignment. */
  readonly groups: readonly { readonly name: string; readonly nodes: readonly string[]; readonly macs: number }[];
  /** In graph order. */
  readonly layers: readonly LayerParts[];
  readonly candidates: readonly string[];
  /** Quantizable nodes left in float → why. */
  readonly skipped: ReadonlyMap<string, string>;
  readonly batchSize: number;
  readonly seconds: Readonly<Record<string, number>>;
  readonly adapter: ReportedAdapter;
  readonly notes: readonly string[];
  /** How to quantize: what the user said beyond the loop's options. */
  readonly quantization: unknown;
  readonly versions: Readonly<Record<string, string>>;
  /** The command that made the report; null for callers of the library. */
  readonly command: readonly string[] | null;
}

/** The report. `metric`, `baseline`, `quantized`, `final` and `drop` are those of the first metric; `metrics` has all. */
export interface Report {
  readonly version: typeof REPORT_VERSION;
  readonly algorithm: string;
  readonly model: ReportedFile;
  readonly output: ReportedFile;
  readonly dataset: ReportedDataset;
  readonly calibration: ReportedDataset;
  readonly metric: string;
  readonly baseline: number | null;
  readonly quantized: number | null;
  readonly final: number | null;
  readonly drop: number | null;
  /** As the user said it; null for DefaultQuantization, which allows any. */
  readonly maximalDrop: number | null;
  readonly dropType: string;
  readonly reached: boolean;
  /** The verdict of samples that no decision was made on; null where none were held back. */
  readonly holdout: Certificate | null;
  readonly metrics: readonly ReportedMetric[];
  readonly groups: readonly ReportedGroup[];
  /** Every operator, in graph order. */
  readonly layers: readonly ReportedLayer[];
  /** Names of the groups in float, in the order in which they went back. */
  readonly reverted: readonly string[];
  readonly skipped: Readonly<Record<string, string>>;
  /** Labels of the int8 candidates, by number. */
  readonly candidates: readonly string[];
  /** Share of the network's multiply-accumulates that compute in int8, 0 to 1. */
  readonly int8Macs: number;
  readonly trace: readonly ReportedStep[];
  readonly cost: {
    readonly networkEquivalents: number;
    /** What POT's plain loop spends on the same trace. */
    readonly potNetworkEquivalents: number;
    readonly evaluations: number;
    readonly samples: number;
    /** Evaluations that were known already. */
    readonly reused: number;
  };
  readonly batchSize: number;
  readonly seconds: Readonly<Record<string, number>>;
  readonly adapter: ReportedAdapter;
  readonly seed: number;
  readonly options: unknown;
  readonly quantization: unknown;
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
  readonly command: readonly string[] | null;
}

/** Puts a report together. */
export function buildReport(parts: ReportParts): Report {
  const { accuracy, groups, algorithm } = parts;
  const { options, cost } = accuracy;
  const isDefault = algorithm === "DefaultQuantization";
  const metrics = parts.metrics.map((metric) => reportMetric(metric, accuracy, isDefault));
  const [first] = metrics;
  if (!first) throw new RangeError("Cannot build report: it has no metric");
  const reportedGroups = groups.map((group, index) => reportGroup(group, accuracy, index));
  return {
    version: REPORT_VERSION,
    algorithm,
    model: parts.model,
    output: parts.output,
    dataset: parts.dataset,
    calibration: parts.calibration,
    metric: first.name,
    baseline: first.baseline,
    quantized: first.quantized,
    final: first.final,
    drop: first.drop,
    maximalDrop: isDefault ? null : options.maximalDrop,
    dropType: options.dropType,
    reached: accuracy.reached,
    holdout: parts.certificate ?? null,
    metrics,
    groups: reportedGroups,
    layers: reportLayers(parts.layers, accuracy.groups),
    reverted: accuracy.reverted,
    skipped: Object.fromEntries(parts.skipped),
    candidates: parts.candidates,
    int8Macs: reportedGroups.reduce((sum, { isReverted, macs }) => isReverted ? sum : sum + macs, 0),
    trace: accuracy.trace.map((step) => reportStep(step, first.name, (index) => groups[index]?.name ?? String(index))),
    cost: {
      networkEquivalents: cost.networkEquivalents,
      potNetworkEquivalents: cost.potNetworkEquivalents,
      evaluations: cost.evaluations,
      samples: cost.samples,
      reused: cost.reused,
    },
    batchSize: parts.batchSize,
    seconds: parts.seconds,
    adapter: parts.adapter,
    seed: options.seed,
    options: isDefault ? null : options,
    quantization: parts.quantization,
    warnings: accuracy.warnings,
    notes: parts.notes,
    versions: parts.versions,
    command: parts.command,
  };
}

/** JSON of a report. Numbers that JSON does not have become null. */
export function encodeReport(report: Report): string {
  return JSON.stringify(report, undefined, 2) + "\n";
}

function reportMetric(
  { name, direction }: { readonly name: string; readonly direction: MetricDirection },
  accuracy: AccuracyAwareResult,
  isDefault: boolean,
): ReportedMetric {
  const noise = accuracy.noise.find(({ metric }) => metric === name);
  return {
    name,
    direction,
    baseline: accuracy.baseline[name] ?? null,
    quantized: accuracy.quantized[name] ?? null,
    final: accuracy.values[name] ?? null,
    drop: accuracy.drops[name] ?? null,
    threshold: isDefault ? null : accuracy.thresholds[name] ?? null,
    standardError: noise?.standardError ?? null,
  };
}

function reportGroup(
  { name, nodes, macs }: ReportParts["groups"][number],
  accuracy: AccuracyAwareResult,
  index: number,
): ReportedGroup {
  const outcome = accuracy.groups[index];
  if (!outcome) throw new RangeError(`Cannot build report: group "${name}" has no outcome`);
  const { precision, isReverted, bought } = outcome;
  return { name, nodes, macs, precision, isReverted, bought: bought ?? null };
}

/** A step as reports and progress show it; `metric` is the one whose value leads, `nameOf` gives names of groups. */
export function reportStep(step: Step, metric: string, nameOf: (group: number) => string): ReportedStep {
  const { action, group, groups, values, drops, kept, reason, seconds, ranking } = step;
  return {
    action,
    group: group === undefined ? null : nameOf(group),
    groups: (group === undefined ? groups ?? [] : [group]).map(nameOf),
    value: values[metric] ?? null,
    drop: drops[metric] ?? null,
    values,
    drops,
    kept,
    reason,
    explanation: REASONS[reason],
    seconds,
    evaluations: step.evaluations,
    samples: step.samples,
    networkEquivalents: step.networkEquivalents,
    ranking: ranking
      ? {
        metric: ranking.metric,
        samples: ranking.sampleCount,
        scores: ranking.scores.map(({ group, score }) => ({ group: nameOf(group), score })),
      }
      : null,
  };
}
