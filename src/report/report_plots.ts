/** The plots of report.html. Each is an `<svg>` element, or undefined where there is nothing to draw. */
import { COLORS, renderPlot } from "./plot.ts";
import { kindOf, KINDS } from "./precision_kind.ts";
import type { Report, ReportedMetric } from "./report.ts";
import type { ReportedStep } from "./steps.ts";
import { formatAction, formatValue } from "./summary.ts";

const WIDTH = 780;

const TRAJECTORY_HEIGHT = 240;

/** Height of a line of labels, in pixels. */
const LABEL_HEIGHT = 13;

/** Groups that the sensitivity plot shows. */
export const LARGEST_RANKING = 30;

/** Characters of a name beside its bar. */
const LONGEST_NAME = 40;

/** Value of one metric after every step, with the float network's and the least that is allowed. */
export async function trajectoryPlot({ trace }: Report, metric: ReportedMetric): Promise<string | undefined> {
  const steps = trace.filter(({ action, values }) => action !== "baseline" && isNumber(values[metric.name]));
  if (steps.length === 0) return undefined;
  const points = steps.map((step, index) => ({
    attempt: index,
    value: step.values[metric.name],
    kept: step.kept,
    color: step.kept ? actionColor(step.action) : COLORS.paper,
    line: step.kept ? actionColor(step.action) : COLORS.undone,
    text: `${formatAction(step)}: ${metric.name} ${formatValue(step.values[metric.name])}, ${
      step.kept ? "kept" : "undone"
    }: ${step.explanation}`,
  }));
  const levels = levelsOf(metric);
  const shown = [...levels.map(({ level }) => level), ...points.map(({ value }) => value).filter(isNumber)];
  const pixels = TRAJECTORY_HEIGHT / (Math.max(...shown) - Math.min(...shown) || 1);
  const x = {
    field: "attempt",
    type: "quantitative" as const,
    title: "Attempt",
    axis: { grid: false, tickMinStep: 1, format: "d" },
    scale: { domain: [0, Math.max(1, steps.length - 1)], nice: false, padding: 12 },
  };
  const y = {
    field: "value",
    type: "quantitative" as const,
    title: metric.name,
    scale: { zero: false, nice: true },
  };
  return await renderPlot(
    {
      width: WIDTH,
      height: TRAJECTORY_HEIGHT,
      layer: [
        {
          data: { values: levels },
          mark: { type: "rule", strokeWidth: 1.5, aria: false },
          encoding: {
            y: { ...y, field: "level" },
            color: { field: "color", type: "nominal", scale: null },
            strokeDash: { field: "dash", type: "nominal", scale: null },
          },
        },
        ...apart(levels, pixels).map(({ dy, ...level }) => ({
          data: { values: [level] },
          mark: {
            type: "text" as const,
            align: "left" as const,
            dx: 6,
            dy,
            limit: 160,
            x: "width" as const,
            aria: false,
          },
          encoding: {
            y: { ...y, field: "level" },
            text: { field: "label" },
            color: { field: "color", type: "nominal" as const, scale: null },
          },
        })),
        {
          data: { values: points.filter(({ kept }) => kept) },
          mark: { type: "line", strokeWidth: 2, color: COLORS.int8, interpolate: "step-after", aria: false },
          encoding: { x, y },
        },
        {
          data: { values: points },
          mark: { type: "point", size: 64, filled: false, strokeWidth: 2, opacity: 1 },
          encoding: {
            x,
            y,
            fill: { field: "color", type: "nominal", scale: null },
            stroke: { field: "line", type: "nominal", scale: null },
            description: { field: "text" },
          },
        },
      ],
    },
    `${metric.name} after each of ${steps.length} evaluated states`,
  );
}

function levelsOf({ baseline, threshold, direction }: ReportedMetric) {
  if (!isNumber(baseline)) return [];
  const levels = [{ level: baseline, label: `float ${formatValue(baseline)}`, color: COLORS.soft, dash: [1, 0] }];
  if (!isNumber(threshold) || threshold === 0) return levels;
  const level = direction === "higher_better" ? baseline - threshold : baseline + threshold;
  return [...levels, { level, label: `allowed ${formatValue(level)}`, color: COLORS.ink, dash: [5, 4] }];
}

/** Levels with the shift in pixels that keeps the labels of two from lying on each other. */
function apart<T extends { readonly level: number }>(levels: readonly T[], pixels: number): (T & { dy: number })[] {
  const [first, second] = levels;
  const gap = first && second ? (first.level - second.level) * pixels : Infinity;
  const missing = Math.max(0, LABEL_HEIGHT - Math.abs(gap)) / 2;
  return levels.map((level, index) => ({ ...level, dy: (index === 0) === (gap > 0) ? -missing : missing }));
}

function actionColor(action: ReportedStep["action"]): string {
  if (action === "revert") return KINDS.reverted.color;
  return action === "mend" ? KINDS.mended.color : KINDS.int8.color;
}

/** The first ranking: how much better the network gets when one group alone computes in float. */
export async function sensitivityPlot(report: Report): Promise<string | undefined> {
  const scores = report.trace.find(({ ranking }) => ranking)?.ranking?.scores.filter(({ score }) => isNumber(score)) ??
    [];
  const last = Math.min(...scores.map(({ score }) => score));
  const groups = new Map(report.groups.map((group) => [group.name, group]));
  const bars = scores.slice(0, LARGEST_RANKING).map(({ group, score }) => {
    const outcome = groups.get(group);
    const kind = KINDS[outcome ? kindOf(outcome, report) : "int8"];
    return {
      group,
      gain: score - last,
      color: kind.color,
      label: formatValue(score - last),
      text: `${group}: ${formatValue(score - last)}, in the end ${kind.name}`,
    };
  });
  if (bars.length === 0) return undefined;
  const y = {
    field: "group",
    type: "nominal",
    sort: null,
    title: null,
    // The ends of names tell layers apart, their beginnings are mostly the same.
    axis: {
      ticks: false,
      domain: false,
      labelExpr: `length(datum.label) > ${LONGEST_NAME} ? "…" + slice(datum.label, ${1 - LONGEST_NAME}) : datum.label`,
    },
  } as const;
  const x = { field: "gain", type: "quantitative", title: "Score above the last group's" } as const;
  return await renderPlot(
    {
      width: WIDTH - 180,
      height: { step: 18 },
      data: { values: bars },
      layer: [
        {
          mark: { type: "bar", height: 11, cornerRadiusEnd: 2 },
          encoding: {
            x,
            y,
            color: { field: "color", type: "nominal", scale: null },
            description: { field: "text" },
          },
        },
        {
          mark: { type: "text", align: "left", dx: 4, color: COLORS.soft, aria: false },
          encoding: { x, y, text: { field: "label" } },
        },
      ],
    },
    `Sensitivity of ${bars.length} of ${scores.length} groups`,
  );
}

/** The network from input to output, each layer as wide as its share of the multiply-accumulates. */
export async function networkPlot(report: Report): Promise<string | undefined> {
  const total = report.layers.reduce((sum, { macs }) => sum + macs, 0);
  if (total === 0) return undefined;
  let end = 0;
  const layers = report.layers.filter(({ macs }) => macs > 0).map((layer) => {
    const start = end;
    end += layer.macs / total;
    const kind = KINDS[kindOf(layer, report)];
    const share = (100 * layer.macs / total).toFixed(1);
    return { start, end, color: kind.color, text: `${layer.name} (${layer.type}): ${share} % of MACs, ${kind.name}` };
  });
  return await renderPlot(
    {
      width: WIDTH + 60,
      height: 34,
      data: { values: layers },
      mark: { type: "rect", stroke: COLORS.paper, strokeWidth: 1 },
      encoding: {
        x: {
          field: "start",
          type: "quantitative",
          title: "Share of multiply-accumulates, from input to output",
          axis: { format: "%", grid: false },
          scale: { domain: [0, 1], nice: false },
        },
        x2: { field: "end" },
        color: { field: "color", type: "nominal", scale: null },
        description: { field: "text" },
      },
    },
    "Precision along the network",
  );
}

function isNumber(value: number | null | undefined): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
