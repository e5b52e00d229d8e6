/** What a sweep found: one row per allowed drop, for scripts, spreadsheets and eyes. */
import { encodeCsv } from "./csv.ts";
import { COLORS, renderPlot } from "./plot.ts";
import type { Report } from "./report.ts";
import { formatValue } from "./summary.ts";
import { formatBytes, formatCount, formatTable } from "./table.ts";

/** One allowed drop. Values are those of the first metric; numbers that JSON does not have are null. */
export interface SweepReportRow {
  readonly maximalDrop: number;
  readonly reached: boolean;
  readonly value: number | null;
  readonly drop: number | null;
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
  readonly version: 1;
  readonly model: Report["model"];
  readonly dataset: Report["dataset"];
  readonly metric: string;
  readonly baseline: number | null;
  readonly quantized: number | null;
  readonly groups: number;
  readonly networkEquivalents: number;
  readonly rows: readonly SweepReportRow[];
}

/** Puts the reports of all drops together; `folder` is where each lies, relative to the sweep's. */
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

/** sweep.csv. */
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

/** The sweep as a table. */
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

/** The trade as an SVG file: what each drop gives in int8 work and in file size. */
export async function renderSweepPlot(sweep: SweepReport): Promise<string> {
  const values = sweep.rows.map(({ maximalDrop, drop, int8Macs, byteLength, reached }) => ({
    drop,
    int8: 100 * int8Macs,
    size: byteLength / 1024,
    fill: reached ? COLORS.int8 : COLORS.paper,
    label: `≤ ${maximalDrop}`,
  }));
  const panel = (field: "int8" | "size", title: string) => {
    const x = {
      field: "drop",
      type: "quantitative" as const,
      title: `Drop of ${sweep.metric}`,
      scale: { zero: false, padding: 28 },
    };
    const y = {
      field,
      type: "quantitative" as const,
      title,
      axis: { format: ".1f" },
      scale: { zero: false, padding: 28 },
    };
    return {
      width: 330,
      height: 240,
      layer: [
        { mark: { type: "line" as const, color: COLORS.rule }, encoding: { x, y } },
        {
          mark: { type: "point" as const, filled: false, size: 70, stroke: COLORS.int8, strokeWidth: 2 },
          encoding: { x, y, fill: { field: "fill", type: "nominal" as const, scale: null } },
        },
        { mark: { type: "text" as const, dy: -12 }, encoding: { x, y, text: { field: "label" } } },
      ],
    };
  };
  const description = `Drop of ${sweep.metric} against the share of the work in int8 and the size of the model`;
  const svg = await renderPlot(
    {
      data: { values },
      hconcat: [panel("int8", "Multiply-accumulates in int8 (%)"), panel("size", "Model file (KiB)")],
    },
    description,
  );
  // Outside of a page there are no variables to take colours from.
  return `${svg.replaceAll(/var\(--[a-z0-9-]+, (#[0-9a-f]{6})\)/g, "$1")}\n`;
}
