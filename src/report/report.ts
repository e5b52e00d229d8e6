/** report.json: everything about a quantization that a person or a script may ask for later. */
import type { Certificate } from "../accuracy/certify.ts";
import type { AccuracyAwareResult } from "../accuracy/result.ts";
import type { Drops } from "../accuracy/drop.ts";
import type { MetricDirection } from "../base/precision.ts";
import { type LayerParts, type ReportedLayer, reportLayers } from "./layers.ts";
import { type ReportedStep, reportStep } from "./steps.ts";

/** Raised when a field changes its meaning or goes. */
export const REPORT_VERSION = 1;

/** A set of samples. */
export interface ReportedDataset {
  /** Name of the dataset. */
  readonly name: string;
  /** Samples used. */
  readonly samples: number;
  /** Of the whole dataset. */
  readonly sha256: string;
}

/** A model file. */
export interface ReportedFile {
  /** File name. */
  readonly name: string;
  /** Size of the file in bytes. */
  readonly byteLength: number;
  /** Hex SHA-256 of the file. */
  readonly sha256: string;
}

/** One metric. Drops and thresholds are in its own unit; what was not measured is null. */
export interface ReportedMetric {
  /** Name of the metric. */
  readonly name: string;
  /** Which way the metric improves. */
  readonly direction: MetricDirection;
  /** Value of the float network. */
  readonly baseline: number | null;
  /** Value of the network with every group in int8. */
  readonly quantized: number | null;
  /** Value of the exported network. */
  readonly final: number | null;
  /** How much worse than the float network, in the metric's own unit. */
  readonly drop: number | null;
  /** The largest drop allowed; null where any is. */
  readonly threshold: number | null;
  /** Standard error of the drop, paired by sample. */
  readonly standardError: number | null;
}

/** One group of layers that move together. */
export interface ReportedGroup {
  /** That of its first node. */
  readonly name: string;
  /** Names of the operators, in graph order. */
  readonly nodes: readonly string[];
  /** Share of the network's multiply-accumulates, 0 to 1. */
  readonly macs: number;
  /** "float", or the label of the int8 candidate in force. */
  readonly precision: string;
  /** Whether it went back to float. */
  readonly isReverted: boolean;
  /** What mending and reverting it took off each drop; null for groups that are as they were. */
  readonly bought: Drops | null;
}

/** The adapter that computed. */
export interface ReportedAdapter {
  /** As the driver gives it: a name, or a number of PCI. */
  readonly vendor: string;
  /** Family of the GPU; empty where the driver does not tell. */
  readonly architecture: string;
  /** Name of the adapter and its driver. */
  readonly description: string;
  /** Whether the adapter computes on the CPU. */
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
  /** Metric → its value in the exported model, run again; undefined where nobody asked for that. */
  readonly verified?: Readonly<Record<string, number>> | undefined;
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
  /** Raised when a field changes its meaning or goes. */
  readonly version: 1;
  /** By POT's name. */
  readonly algorithm: string;
  /** The float model. */
  readonly model: ReportedFile;
  /** The quantized model. */
  readonly output: ReportedFile;
  /** Samples that decisions were made on. */
  readonly dataset: ReportedDataset;
  /** Samples that statistics were gathered on. */
  readonly calibration: ReportedDataset;
  /** Name of the metric. */
  readonly metric: string;
  /** Value of the float network. */
  readonly baseline: number | null;
  /** Value of the network with every group in int8. */
  readonly quantized: number | null;
  /** Value of the exported network. */
  readonly final: number | null;
  /** How much worse than the float network, in the metric's own unit. */
  readonly drop: number | null;
  /** As the user said it; null for DefaultQuantization, which allows any. */
  readonly maximalDrop: number | null;
  /** `absolute` or `relative`. */
  readonly dropType: string;
  /** Whether every metric is within its drop. */
  readonly reached: boolean;
  /** The verdict of samples that no decision was made on; null where none were held back. */
  readonly holdout: Certificate | null;
  /** Metric → its value in the exported model, loaded and run again; null where nobody asked for that. */
  readonly verified: Readonly<Record<string, number>> | null;
  /** Every metric, the one that leads first. */
  readonly metrics: readonly ReportedMetric[];
  /** By index. */
  readonly groups: readonly ReportedGroup[];
  /** Every operator, in graph order. */
  readonly layers: readonly ReportedLayer[];
  /** Names of the groups in float, in the order in which they went back. */
  readonly reverted: readonly string[];
  /** Quantizable nodes left in float → why. */
  readonly skipped: Readonly<Record<string, string>>;
  /** Labels of the int8 candidates, by number. */
  readonly candidates: readonly string[];
  /** Share of the network's multiply-accumulates that compute in int8, 0 to 1. */
  readonly int8Macs: number;
  /** Every step of the loop. */
  readonly trace: readonly ReportedStep[];
  /** What the loop spent. */
  readonly cost: {
    readonly networkEquivalents: number;
    /** What POT's plain loop spends on the same trace. */
    readonly potNetworkEquivalents: number;
    readonly evaluations: number;
    readonly samples: number;
    /** Evaluations that were known already. */
    readonly reused: number;
  };
  /** Samples per batch of evaluations. */
  readonly batchSize: number;
  /** Phase → wall clock. */
  readonly seconds: Readonly<Record<string, number>>;
  /** The adapter that computed. */
  readonly adapter: ReportedAdapter;
  /** Decides every random draw. */
  readonly seed: number;
  /** Parameters of the loop; null for DefaultQuantization. */
  readonly options: unknown;
  /** How the network was quantized, beyond the loop's options. */
  readonly quantization: unknown;
  /** Reasons to doubt the outcome. */
  readonly warnings: readonly string[];
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
  /** Program → version. */
  readonly versions: Readonly<Record<string, string>>;
  /** The command that made the report; null for callers of the library. */
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
    verified: parts.verified ?? null,
    metrics,
    groups: reportedGroups,
    layers: reportLayers(parts.layers, accuracy.groups),
    reverted: accuracy.reverted,
    skipped: Object.fromEntries(parts.skipped),
    candidates: parts.candidates,
    int8Macs: reportedGroups.reduce((sum, { isReverted, macs }) => isReverted ? sum : sum + macs, 0),
    trace: accuracy.trace.map((step) =>
      reportStep(step, first.name, {
        nameOf: (index) => groups[index]?.name ?? String(index),
        candidates: parts.candidates,
      })
    ),
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

/**
 * JSON of a report. Numbers that JSON does not have become null.
 *
 * ```ts
 * import { accuracy, encodeReport, loadModel, openDataset, quantizeModel, reportQuantization, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()], accuracy: { maximalDrop: 0.01 } };
 * const result = await quantizeModel(runtime, model, options);
 * const report = await reportQuantization({ runtime, model, options, result, outputName: "model.int8.onnx" });
 * await Deno.writeTextFile("report.json", encodeReport(report));
 * ```
 */
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
