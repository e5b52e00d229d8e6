/** What a sweep found: one row per allowed drop, for scripts, spreadsheets and eyes. */
import { encodeCsv } from "./csv.ts";
import type { Report } from "./report.ts";
import { formatValue } from "./summary.ts";
import { formatBytes, formatCount, formatTable } from "./table.ts";

/** One allowed drop. Values are those of the first metric; numbers that JSON does not have are null. */
export interface SweepReportRow {
  /** The drop allowed, as it was asked for. */
  readonly maximalDrop: number;
  /** Whether every metric is within its drop. */
  readonly reached: boolean;
  /** Value of the exported network. */
  readonly value: number | null;
  /** How much worse than the float network, in the metric's own unit. */
  readonly drop: number | null;
  /** Standard error of the drop. */
  readonly standardError: number | null;
  /** Share of the multiply-accumulates in int8, 0 to 1. */
  readonly int8Macs: number;
  /** Groups in float. */
  readonly floatGroups: number;
  /** Of the model file. */
  readonly byteLength: number;
  /** Of the model file. */
  readonly sha256: string;
  /** What this row added to the cost of the smaller drops. */
  readonly networkEquivalents: number;
  /** The model, relative to the sweep's folder. */
  readonly model: string;
}

/** sweep.json. */
export interface SweepReport {
  /** Raised when a field changes its meaning or goes. */
  readonly version: 1;
  /** The float model. */
  readonly model: Report["model"];
  /** Samples that decisions were made on. */
  readonly dataset: Report["dataset"];
  /** The metric that leads. */
  readonly metric: string;
  /** Value of the float network. */
  readonly baseline: number | null;
  /** Value of the network with every group in int8. */
  readonly quantized: number | null;
  /** Number of groups. */
  readonly groups: number;
  /** Forward passes that all drops took together. */
  readonly networkEquivalents: number;
  /** In the order in which drops were asked for. */
  readonly rows: readonly SweepReportRow[];
}

/**
 * Puts the reports of all drops together; `folder` is where each lies, relative to the sweep's.
 *
 * ```ts
 * import { accuracy, buildSweepReport, loadModel, openDataset, reportQuantization, Runtime, sweepQuantization } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()] };
 * const drops = [0.001, 0.01];
 * const entries = await sweepQuantization(runtime, model, drops, options);
 * const rows = await Promise.all(entries.map(async ({ maximalDrop, result }) => {
 *   const outputName = "model.onnx";
 *   const report = await reportQuantization({ runtime, model, options, result, outputName });
 *   return { maximalDrop, folder: String(maximalDrop), report };
 * }));
 * const sweep = buildSweepReport(rows);
 * console.log(sweep.rows.map(({ int8Macs }) => int8Macs));
 * ```
 */
export function buildSweepReport(
  entries: readonly { readonly maximalDrop: number; readonly folder: string; readonly report: Report }[],
): SweepReport {
  const [first] = entries;
  if (!first) throw new RangeError("Cannot build sweep report: it has no entry");
  const { model, dataset, metric, baseline, quantized, groups } = first.report;
  const rows = entries.map(({ maximalDrop, folder, report }): SweepReportRow => ({
    maximalDrop,
    reached: report.reached,
    value: report.final,
    drop: report.drop,
    standardError: report.metrics[0]?.standardError ?? null,
    int8Macs: report.int8Macs,
    floatGroups: report.reverted.length,
    byteLength: report.output.byteLength,
    sha256: report.output.sha256,
    networkEquivalents: report.cost.networkEquivalents,
    model: `${folder}/${report.output.name}`,
  }));
  const networkEquivalents = rows.reduce((sum, row) => sum + row.networkEquivalents, 0);
  return { version: 1, model, dataset, metric, baseline, quantized, groups: groups.length, networkEquivalents, rows };
}

/**
 * sweep.csv.
 *
 * ```ts
 * import { accuracy, buildSweepReport, encodeSweepCsv, loadModel, openDataset, reportQuantization, Runtime, sweepQuantization } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()] };
 * const drops = [0.001, 0.01];
 * const entries = await sweepQuantization(runtime, model, drops, options);
 * const rows = await Promise.all(entries.map(async ({ maximalDrop, result }) => {
 *   const outputName = "model.onnx";
 *   const report = await reportQuantization({ runtime, model, options, result, outputName });
 *   return { maximalDrop, folder: String(maximalDrop), report };
 * }));
 * const sweep = buildSweepReport(rows);
 * await Deno.writeTextFile("sweep.csv", encodeSweepCsv(sweep));
 * ```
 */
export function encodeSweepCsv({ rows }: SweepReport): string {
  return encodeCsv(
    ["maximal_drop", "reached", "value", "drop", "standard_error", "int8_macs", "float_groups", "bytes", "model"],
    rows.map((row) => [
      row.maximalDrop,
      row.reached,
      row.value,
      row.drop,
      row.standardError,
      row.int8Macs,
      row.floatGroups,
      row.byteLength,
      row.model,
    ]),
  );
}

/**
 * The sweep as a table.
 *
 * ```ts
 * import { accuracy, buildSweepReport, formatSweep, loadModel, openDataset, reportQuantization, Runtime, sweepQuantization } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()] };
 * const drops = [0.001, 0.01];
 * const entries = await sweepQuantization(runtime, model, drops, options);
 * const rows = await Promise.all(entries.map(async ({ maximalDrop, result }) => {
 *   const outputName = "model.onnx";
 *   const report = await reportQuantization({ runtime, model, options, result, outputName });
 *   return { maximalDrop, folder: String(maximalDrop), report };
 * }));
 * const sweep = buildSweepReport(rows);
 * console.log(formatSweep(sweep));
 * ```
 */
export function formatSweep(sweep: SweepReport): string {
  const head = ["allowed", sweep.metric, "drop", "in int8", "in float", "size", "model"];
  const rows = sweep.rows.map((row) => [
    formatValue(row.maximalDrop),
    formatValue(row.value),
    `${formatValue(row.drop)}${row.reached ? "" : " (missed)"}`,
    `${(100 * row.int8Macs).toFixed(1)} %`,
    `${row.floatGroups} of ${sweep.groups}`,
    formatBytes(row.byteLength),
    row.model,
  ]);
  return `${formatTable([head, ...rows])}\n\n${
    formatCount(sweep.networkEquivalents)
  } forward passes for all drops; float ${sweep.metric} ${formatValue(sweep.baseline)}, all in int8 ${
    formatValue(sweep.quantized)
  }`;
}

/** Rows that no other beats: none has a drop as small with more of the work in int8, or as much of it with a smaller drop. */
export function paretoFront(rows: readonly SweepReportRow[]): SweepReportRow[] {
  const loss = ({ drop }: SweepReportRow) => drop ?? Infinity;
  const beats = (a: SweepReportRow, b: SweepReportRow) =>
    loss(a) <= loss(b) && a.int8Macs >= b.int8Macs && (loss(a) < loss(b) || a.int8Macs > b.int8Macs);
  return rows.filter((row) => !rows.some((other) => beats(other, row)));
}
