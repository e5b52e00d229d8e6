/** Where a quantized network differs from the float one: as a table, as JSON, as a plot. */
import { COLORS, renderPlot } from "./plot.ts";
import { formatTable } from "./table.ts";

/** How one value differs. */
export interface ComparedLayer {
  /** Place in the order of computation, from 0. */
  readonly position: number;
  /** The value, of equal name in both networks. */
  readonly value: string;
  /** The node that computes it in the first network. */
  readonly node: string;
  /** Operator type. */
  readonly type: string;
  /** Whether the node takes dequantized values in the second network. */
  readonly isQuantized: boolean;
  /** Signal to noise in dB, over all samples: Infinity where nothing differs. */
  readonly sqnr: number;
  /** dB that are lost between the worst of the node's inputs and its output: what this layer adds by itself. */
  readonly loss: number | undefined;
  /** Cosine between both versions of the value; NaN where it has none. */
  readonly cosine: number;
  /** Largest absolute difference of an element. */
  readonly maxError: number;
}

/** What a comparison found. */
export interface Comparison {
  /** Samples compared. */
  readonly samples: number;
  /** Lowest SQNR first. */
  readonly layers: readonly ComparedLayer[];
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
  /** Wall clock. */
  readonly seconds: number;
}

/** Layers that the table shows unless asked for more. */
const TABLE_ROWS = 25;

/**
 * The worst layers as text.
 *
 * ```ts
 * import { compareModels, formatComparison, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const [float, quantized] = [await loadModel("model.onnx"), await loadModel("model.int8.onnx")];
 * const comparison = await compareModels(runtime, float, quantized, await openDataset("validation"));
 * console.log(formatComparison(comparison, 10));
 * ```
 */
export function formatComparison({ layers, samples }: Comparison, rows = TABLE_ROWS): string {
  const header = ["SQNR dB", "lost here", "cosine", "max error", "operator", "node", "in int8"];
  const body = layers.slice(0, rows).map(({ sqnr, loss, cosine, maxError, type, node, isQuantized }) => [
    decibels(sqnr),
    loss === undefined ? "–" : decibels(loss),
    Number.isNaN(cosine) ? "–" : cosine.toFixed(6),
    maxError.toPrecision(3),
    type,
    node,
    isQuantized ? "yes" : "no",
  ]);
  const rest = layers.length > rows ? [`… and ${layers.length - rows} values with less noise`] : [];
  return [formatTable([header, ...body]), ...rest, `${layers.length} values over ${samples} samples`].join("\n");
}

/**
 * The whole comparison; ratios without noise are null.
 *
 * ```ts
 * import { compareModels, encodeComparison, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const [float, quantized] = [await loadModel("model.onnx"), await loadModel("model.int8.onnx")];
 * const comparison = await compareModels(runtime, float, quantized, await openDataset("validation"));
 * await Deno.writeTextFile("compare.json", encodeComparison(comparison));
 * ```
 */
export function encodeComparison(comparison: Comparison): string {
  const finite = (_key: string, value: unknown) => typeof value === "number" && !Number.isFinite(value) ? null : value;
  return `${JSON.stringify({ version: 1, ...comparison }, finite, 2)}\n`;
}

/**
 * SQNR of every value in the order of computation, as an SVG that stands alone; undefined where no value has noise.
 *
 * ```ts
 * import { compareModels, comparisonPlot, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const [float, quantized] = [await loadModel("model.onnx"), await loadModel("model.int8.onnx")];
 * const comparison = await compareModels(runtime, float, quantized, await openDataset("validation"));
 * const svg = await comparisonPlot(comparison);
 * if (svg) await Deno.writeTextFile("compare.svg", svg);
 * ```
 */
export async function comparisonPlot({ layers }: Comparison): Promise<string | undefined> {
  const points = layers.filter(({ sqnr }) => Number.isFinite(sqnr)).map((layer) => ({
    ...layer,
    loss: layer.loss ?? 0,
    kind: layer.isQuantized ? "reads int8" : "float",
    text: `${layer.type} ${layer.node}: ${decibels(layer.sqnr)} dB`,
  }));
  if (points.length === 0) return undefined;
  const x = {
    field: "position",
    type: "quantitative" as const,
    title: "Value, in order of computation",
    axis: { grid: false, tickMinStep: 1, format: "d" },
  };
  const y = { field: "sqnr", type: "quantitative" as const, title: "Signal to quantization noise, dB" };
  const labels = apart(points).map((point) => ({ ...point, isLate: point.position > 0.6 * layers.length }));
  const label = (isLate: boolean) => ({
    data: { values: labels.filter((point) => point.isLate === isLate) },
    mark: {
      type: "text" as const,
      align: isLate ? "right" as const : "left" as const,
      dy: 14,
      limit: 260,
      aria: false,
    },
    encoding: { x, y, text: { field: "node" } },
  });
  return await renderPlot(
    {
      width: 780,
      height: 280,
      layer: [
        {
          data: { values: points },
          mark: { type: "line", strokeWidth: 1, color: COLORS.rule, aria: false },
          encoding: { x, y, order: { field: "position", type: "quantitative" } },
        },
        {
          data: { values: points },
          mark: { type: "point", filled: true, size: 36, opacity: 1 },
          encoding: {
            x,
            y,
            color: {
              field: "kind",
              type: "nominal",
              scale: { domain: ["reads int8", "float"], range: [COLORS.int8, COLORS.float] },
            },
            description: { field: "text" },
          },
        },
        label(false),
        label(true),
      ],
    },
    `Signal to quantization noise of ${points.length} values`,
  );
}

/** Of the sixth with the most noise, at most five points whose names do not run into each other. */
function apart<T extends { readonly position: number; readonly sqnr: number }>(points: readonly T[]): T[] {
  const width = Math.max(...points.map(({ position }) => position)) / 3;
  const height = Math.max(...points.map(({ sqnr }) => sqnr)) / 18;
  const chosen: T[] = [];
  for (const point of points.slice(0, Math.ceil(points.length / 6))) {
    const isFree = chosen.every(({ position, sqnr }) =>
      Math.abs(position - point.position) > width || Math.abs(sqnr - point.sqnr) > height
    );
    if (isFree && chosen.length < 5) chosen.push(point);
  }
  return chosen;
}

function decibels(ratio: number): string {
  return Number.isFinite(ratio) ? ratio.toFixed(1) : ratio > 0 ? "exact" : "–";
}
