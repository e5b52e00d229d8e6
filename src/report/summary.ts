/** What people see at the end of a quantization, and of every step of it. */
import { isWithin } from "../accuracy/drop.ts";
import { usualCandidate } from "./precision_kind.ts";
import type { Report, ReportedGroup, ReportedMetric } from "./report.ts";
import type { ReportedStep } from "./steps.ts";
import { formatBytes, formatCount, formatPlural, formatRate, formatSeconds, formatTable } from "./table.ts";

/** Where the results lie. */
export interface ResultPaths {
  /** Path of the quantized model. */
  readonly model: string;
  /** Path of report.json. */
  readonly report: string;
  /** The report as a page. */
  readonly page: string;
}

/**
 * Verdict, metrics, what changed and why, sizes, cost.
 *
 * ```ts
 * import { accuracy, formatSummary, loadModel, openDataset, quantizeModel, reportQuantization, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()], accuracy: { maximalDrop: 0.01 } };
 * const result = await quantizeModel(runtime, model, options);
 * const report = await reportQuantization({ runtime, model, options, result, outputName: "model.int8.onnx" });
 * console.log(formatSummary(report, { model: "model.int8.onnx", report: "report.json", page: "report.html" }));
 * ```
 */
export function formatSummary(report: Report, paths: ResultPaths): string {
  const blocks = [
    formatVerdict(report),
    formatMetrics(report.metrics),
    ...formatHoldout(report),
    ...formatReverted(report),
    ...formatMended(report),
    formatFacts(report, paths),
    report.warnings.map((warning) => `Warning: ${warning}`).join("\n"),
  ];
  return blocks.filter((block) => block !== "").join("\n\n");
}

/** @internal A metric's value, or a drop: five digits behind the point at most. */
export function formatValue(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (!Number.isFinite(value)) return String(value);
  const text = Math.abs(value) >= 1000 ? value.toFixed(1) : value.toFixed(5).replace(/0{1,2}$/, "");
  return text === "-0.000" ? "0.000" : text;
}

/**
 * One step in one line: `float for conv1: accuracy 0.923, drop 0.002 of 0.001 allowed, kept: the drop is smaller than before (1.2 s,
 * 830 samples/s)`. `threshold` is the drop that is allowed.
 *
 * ```ts
 * import { accuracy, formatStep, loadModel, openDataset, quantizeModel, reportQuantization, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()], accuracy: { maximalDrop: 0.01 } };
 * const result = await quantizeModel(runtime, model, options);
 * const report = await reportQuantization({ runtime, model, options, result, outputName: "model.int8.onnx" });
 * for (const step of report.trace) console.log(formatStep(step, report.metric, 0.01));
 * ```
 */
export function formatStep(step: ReportedStep, metric: string, threshold?: number): string {
  const { action, value, drop, kept, explanation, seconds, samples, ranking } = step;
  const what = formatAction(step);
  const speed = samples > 0 && seconds > 0 ? `, ${formatRate(samples / seconds)} samples/s` : "";
  const time = `(${formatSeconds(seconds)}${speed})`;
  if (ranking) {
    const best = ranking.scores[0];
    const remark = best ? `; ${best.group} first` : "";
    return `${what} ${formatPlural(ranking.scores.length, "group")} on ${
      formatCount(ranking.samples)
    } samples${remark} ${time}`;
  }
  const allowed = threshold === undefined || threshold === Number.MAX_VALUE
    ? ""
    : ` of ${formatValue(threshold)} allowed`;
  const measured = value === null ? "" : ` ${metric} ${formatValue(value)}, drop ${formatValue(drop)}${allowed},`;
  if (action === "baseline") return `${what}: ${metric} ${formatValue(value)} ${time}`;
  return `${what}:${measured} ${kept ? "kept" : "undone"}: ${explanation} ${time}`;
}

/** What a step did, to which groups: `float for conv1`. */
export function formatAction(
  { action, groups, candidate }: Pick<ReportedStep, "action" | "groups" | "candidate">,
): string {
  if (action === "try" && candidate !== null) return `all groups with ${candidate}`;
  const which = action === "mend" && candidate !== null ? `(${candidate})` : "";
  return [ACTIONS[action], groups.join(", "), which].filter(Boolean).join(" ");
}

const ACTIONS: Readonly<Record<ReportedStep["action"], string>> = {
  baseline: "float network",
  quantize: "all groups in int8",
  mixed: "all groups with the mixed preset",
  try: "all groups with another candidate",
  tune: "all groups with tuned parameters",
  rank: "ranked",
  mend: "other parameters for",
  revert: "float for",
  put_back: "int8 again for",
};

/** The outcome in one line. */
export function formatVerdict(
  { reached, metric, drop, maximalDrop, dropType, reverted, groups, model }: Report,
): string {
  if (maximalDrop === null) return `${model.name} quantized to int8; drop of ${metric} ${formatValue(drop)}`;
  const target = `maximal_drop ${maximalDrop}${dropType === "relative" ? " (relative)" : ""}`;
  const state = `${reverted.length} of ${formatPlural(groups.length, "group")} in float`;
  if (reached) {
    return `${model.name} quantized to int8 within ${target}: drop of ${metric} ${formatValue(drop)}, ${state}`;
  }
  return `Cannot reach ${target}: best drop of ${metric} ${formatValue(drop)}, ${state}`;
}

function formatMetrics(metrics: readonly ReportedMetric[]): string {
  const head = ["metric", "float", "int8", "final", "drop", "allowed", "± noise"];
  const rows = metrics.map(({ name, baseline, quantized, final, drop, threshold, standardError }) => [
    name,
    formatValue(baseline),
    formatValue(quantized),
    formatValue(final),
    formatValue(drop),
    threshold === null ? "any" : formatValue(threshold),
    formatValue(standardError),
  ]);
  return formatTable([head, ...rows]);
}

/** What the samples held back say: a sentence per metric. */
export function formatHoldout({ holdout }: Report): string[] {
  if (!holdout) return [];
  return holdout.metrics.map(({ name, baseline, value, drop, threshold, standardError }) =>
    `On ${formatPlural(holdout.samples, "sample")} never used for decisions ${name} is ${formatValue(value)} (float ${
      formatValue(baseline)
    }): drop ${formatValue(drop)} ± ${formatValue(standardError)}, ${
      isWithin(drop, { baseline, threshold }) ? "within" : "beyond"
    } the allowed ${formatValue(threshold)}`
  );
}

/** What the exported model gave when it was loaded and run again: nothing where nobody asked. */
export function formatVerified({ verified }: Report): string[] {
  if (!verified) return [];
  const values = Object.entries(verified).map(([name, value]) => `${name} ${formatValue(value)}`);
  return [`the exported model, loaded and run again, has ${values.join(", ")}`];
}

function formatReverted({ groups, reverted, trace, metric }: Report): string[] {
  const floats = groups.filter(({ isReverted }) => isReverted);
  if (floats.length === 0) return [];
  const byName = new Map(floats.map((group) => [group.name, group]));
  const rows = reverted.flatMap((name) => {
    const group = byName.get(name);
    if (!group) return [];
    const step = trace.findLast(({ action, kept, groups }) => action === "revert" && kept && groups.includes(name));
    return [[name, formatShare(group.macs), formatGain(group, metric), step?.explanation ?? "held in float"]];
  });
  return [`Back in float\n${formatTable(rows, "  ")}`];
}

function formatMended(report: Report): string[] {
  const { groups, metric } = report;
  const usual = usualCandidate(report);
  const mended = groups.filter(({ isReverted, precision }) => !isReverted && precision !== usual);
  if (mended.length === 0) return [];
  const counts = new Map<string, number>();
  for (const { precision } of mended) counts.set(precision, (counts.get(precision) ?? 0) + 1);
  if (mended.length > 12) {
    const rows = [...counts].map(([precision, count]) => [precision, formatPlural(count, "group")]);
    return [`In int8 with other parameters than ${usual}\n${formatTable(rows, "  ")}`];
  }
  const rows = mended.map((group) => [group.name, formatShare(group.macs), group.precision, formatGain(group, metric)]);
  return [`In int8 with other parameters than ${usual}\n${formatTable(rows, "  ")}`];
}

function formatShare(macs: number): string {
  return `${(100 * macs).toFixed(1)} % of MACs`;
}

function formatGain({ bought }: ReportedGroup, metric: string): string {
  const gain = bought?.[metric];
  return gain === undefined ? "" : `drop ${formatValue(gain)} smaller`;
}

function formatFacts(report: Report, paths: ResultPaths): string {
  const { model, output, int8Macs, cost, seconds, adapter, dataset, calibration } = report;
  const total = Object.values(seconds).reduce((sum, value) => sum + value, 0);
  const ratio = (100 * output.byteLength / Math.max(1, model.byteLength)).toFixed(0);
  return formatTable([
    ["In int8", `${(100 * int8Macs).toFixed(1)} % of the multiply-accumulates`],
    ["Size", `${formatBytes(model.byteLength)} -> ${formatBytes(output.byteLength)} (${ratio} %)`],
    [
      "Data",
      `${formatCount(dataset.samples)} samples of ${dataset.name}; calibrated on ${
        formatCount(calibration.samples)
      } of ${calibration.name}`,
    ],
    [
      "Cost",
      `${formatCount(cost.networkEquivalents)} forward passes in ${formatPlural(cost.evaluations, "evaluation")}; ` +
      `POT's loop: ${formatCount(cost.potNetworkEquivalents)}`,
    ],
    ...formatVerified(report).map((text) => ["Verified", text]),
    ["Time", formatSeconds(total)],
    ["Adapter", `${adapter.description}${adapter.isSoftware ? " (software)" : ""}`],
    ["Model", paths.model],
    ["Report", `${paths.page} (for scripts: ${paths.report})`],
  ]);
}
