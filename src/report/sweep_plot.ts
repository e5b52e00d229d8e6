/** The Pareto front of a sweep as a picture. */
import { COLORS, renderPlot } from "./plot.ts";
import { formatValue } from "./summary.ts";
import { paretoFront, type SweepReport } from "./sweep_report.ts";

const [WIDTH, HEIGHT] = [360, 240];

/** Pixels between the marks and the edges of a panel, for labels. */
const [MARGIN_X, MARGIN_Y] = [44, 28];

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
    const placed = placeLabels(values.map(({ drop, label, [field]: height }) => ({ x: drop, y: height, label })));
    const labels = placed.map((at, index) => ({ ...values[index], ...at }));
    const x = {
      field: "drop",
      type: "quantitative" as const,
      title: `Drop of ${sweep.metric}`,
      axis: { tickCount: 6 },
      scale: { zero: false, padding: MARGIN_X },
    };
    const y = {
      field,
      type: "quantitative" as const,
      title,
      axis: { tickCount: 6, labelExpr: field === "int8" ? "datum.value > 100 ? '' : datum.label" : "datum.label" },
      scale: { zero: false, padding: MARGIN_Y },
    };
    return {
      width: WIDTH,
      height: HEIGHT,
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
        ...labels.map(({ dx, dy, align, ...value }) => ({
          data: { values: [value] },
          mark: { type: "text" as const, dx, dy, align, aria: false },
          encoding: { x, y, text: { field: "label" } },
        })),
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

/** Where a label may stand about its mark, first choice first: above, below, right, left. */
const PLACES = [
  { dx: 0, dy: -12, align: "center" },
  { dx: 0, dy: 14, align: "center" },
  { dx: 10, dy: 0, align: "left" },
  { dx: -10, dy: 0, align: "right" },
] as const;

/** Widths in pixels of a character of a label, and of what a mark takes; a label's height. */
const CHARACTER = 6;
const MARK = 10;
const LABEL = 12;

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** For each label the first place where it lies neither on a mark nor on a label before it, else the first of all. */
function placeLabels(points: readonly { readonly x: number | null; readonly y: number; readonly label: string }[]) {
  const toX = toPixels(points.map(({ x }) => x ?? 0), WIDTH - 2 * MARGIN_X);
  const toY = toPixels(points.map(({ y }) => y), 2 * MARGIN_Y - HEIGHT);
  const centres = points.map(({ x, y }) => ({ x: toX(x ?? 0), y: toY(y) }));
  const taken: Box[] = centres.map(({ x, y }) => ({ x: x - MARK / 2, y: y - MARK / 2, width: MARK, height: MARK }));
  return points.map(({ label }, index) => {
    const boxes = PLACES.map((place) => ({ place, box: labelBox(centres[index]!, label, place) }));
    const chosen = boxes.find(({ box }) => !taken.some((other) => overlap(box, other))) ?? boxes[0]!;
    taken.push(chosen.box);
    return chosen.place;
  });
}

/** Positions of a linear scale over `length` pixels that just holds all values. */
function toPixels(values: readonly number[], length: number): (value: number) => number {
  const least = Math.min(...values);
  const range = Math.max(...values) - least || 1;
  return (value) => length * (value - least) / range;
}

function labelBox(mark: { x: number; y: number }, label: string, { dx, dy, align }: typeof PLACES[number]): Box {
  const width = CHARACTER * label.length;
  const shift = { left: 0, center: width / 2, right: width }[align];
  return { x: mark.x + dx - shift, y: mark.y + dy - LABEL / 2, width, height: LABEL };
}

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

/** Drops that end in the same model share one mark, labelled with all of them. */
function mergedLabels({ rows }: SweepReport) {
  const models = Map.groupBy(rows.filter(({ drop }) => drop !== null), ({ sha256, reached }) => `${sha256} ${reached}`);
  return [...models.values()].flatMap((same) => {
    const [row] = same;
    return row ? [{ row, label: `≤ ${same.map(({ maximalDrop }) => maximalDrop).join(", ")}` }] : [];
  });
}
