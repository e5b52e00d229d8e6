/** The Pareto front of a sweep as a picture. */
import { COLORS, renderPlot } from "./plot.ts";
import { formatValue } from "./summary.ts";
import { paretoFront, type SweepReport } from "./sweep_report.ts";

/** What each drop gives in int8 work and in file size, as an `<svg>` element for a page; the line is the Pareto front. */
export async function sweepPlot(sweep: SweepReport): Promise<string> {
  const front = new Set(paretoFront(sweep.rows));
  const values = mergedLabels(sweep).map(({ row, label }) => ({
    drop: row.drop,
    int8: 100 * row.int8Macs,
    size: row.byteLength / 1024,
    isBest: front.has(row),
    fill: row.reached ? COLORS.int8 : COLORS.paper,
    label,
    text: `${label}: drop ${formatValue(row.drop)}, ${(100 * row.int8Macs).toFixed(1)} % in int8`,
  }));
  const panel = (field: "int8" | "size", title: string) => {
    const x = {
      field: "drop",
      type: "quantitative" as const,
      title: `Drop of ${sweep.metric}`,
      axis: { tickCount: 6 },
      scale: { zero: false, padding: 36 },
    };
    const y = {
      field,
      type: "quantitative" as const,
      title,
      axis: { format: ".1f", tickCount: 6 },
      scale: { zero: false, padding: 28 },
    };
    return {
      width: 360,
      height: 240,
      layer: [
        {
          transform: [{ filter: "datum.isBest" }],
          mark: {
            type: "line" as const,
            color: COLORS.int8,
            opacity: 0.5,
            interpolate: "step-after" as const,
            aria: false,
          },
          encoding: { x, y },
        },
        {
          mark: { type: "point" as const, filled: false, size: 70, stroke: COLORS.int8, strokeWidth: 2, opacity: 1 },
          encoding: {
            x,
            y,
            fill: { field: "fill", type: "nominal" as const, scale: null },
            description: { field: "text" },
          },
        },
        { mark: { type: "text" as const, dy: -12, aria: false }, encoding: { x, y, text: { field: "label" } } },
      ],
    };
  };
  const description = `Drop of ${sweep.metric} against the share of the work in int8 and the size of the model`;
  return await renderPlot(
    {
      data: { values },
      hconcat: [panel("int8", "Multiply-accumulates in int8 (%)"), panel("size", "Model file (KiB)")],
      spacing: 40,
    },
    description,
  );
}

/**
 * The same as an SVG file.
 *
 * ```ts
 * import { accuracy, buildSweepReport, loadModel, openDataset, renderSweepPlot, reportQuantization, Runtime, sweepQuantization } from "@holdfast/holdfast";
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
 * await Deno.writeTextFile("sweep.svg", await renderSweepPlot(sweep));
 * ```
 */
export async function renderSweepPlot(sweep: SweepReport): Promise<string> {
  const svg = await sweepPlot(sweep);
  // Outside of a page there are no variables to take colours from.
  return `${svg.replaceAll(/var\(--[a-z0-9-]+, (#[0-9a-f]{6})\)/g, "$1")}\n`;
}

/** Drops that end in the same model share one mark, labelled with all of them. */
function mergedLabels({ rows }: SweepReport) {
  const models = Map.groupBy(rows.filter(({ drop }) => drop !== null), ({ sha256, reached }) => `${sha256} ${reached}`);
  return [...models.values()].flatMap((same) => {
    const [row] = same;
    return row ? [{ row, label: `≤ ${same.map(({ maximalDrop }) => maximalDrop).join(", ")}` }] : [];
  });
}
