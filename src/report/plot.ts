/** Plots as SVG text, drawn without a browser. */
import type { TopLevelSpec } from "vega-lite";
import { legible } from "./legible.ts";

/**
 * Colours of plots: CSS variables of the page around the plot, so that one SVG serves light and dark, with the light value for an
 * SVG that stands alone.
 */
export const COLORS = {
  paper: "var(--paper, #ffffff)",
  ink: "var(--ink, #1c2024)",
  soft: "var(--soft, #60656c)",
  rule: "var(--rule, #e2e4e8)",
  int8: "var(--int8, #2a78d6)",
  mended: "var(--mended, #1b9e77)",
  float: "var(--float, #e0602c)",
  undone: "var(--undone, #9aa0a8)",
} as const;

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/** What every plot looks like: thin rules, quiet axes, no box. */
const THEME: NonNullable<TopLevelSpec["config"]> = {
  background: "transparent",
  font: FONT,
  view: { stroke: null },
  axis: {
    domainColor: COLORS.rule,
    gridColor: COLORS.rule,
    tickColor: COLORS.rule,
    labelColor: COLORS.soft,
    titleColor: COLORS.soft,
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: "normal",
    labelLimit: 360,
  },
  legend: {
    labelColor: COLORS.soft,
    titleColor: COLORS.soft,
    labelFontSize: 11,
    orient: "top",
    title: null,
    symbolStrokeWidth: 2,
  },
  text: { color: COLORS.ink, fontSize: 11, font: FONT },
};

/**
 * Draws a Vega-Lite specification as an `<svg>` element with its own width and height. `description` is what a screen reader says.
 * Text of the data is escaped. Loads the plotting library on the first call only. Throws Error where the specification is wrong.
 */
export async function renderPlot(spec: TopLevelSpec, description: string): Promise<string> {
  const [{ parse, View }, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const quiet = { level: () => quiet, info: () => quiet, debug: () => quiet, warn: () => quiet, error: fail };
  const { spec: compiled } = compile({ ...spec, config: THEME, description }, { logger: quiet });
  using view = disposable(new View(parse(compiled), { renderer: "none", logger: quiet }));
  return legible(await view.value.toSVG());
}

function fail(...reasons: readonly unknown[]): never {
  throw new Error(`Cannot draw plot: ${reasons.map((reason) => reason instanceof Error ? reason.message : reason)}`);
}

function disposable<T extends { finalize(): unknown }>(value: T): Disposable & { readonly value: T } {
  return { value, [Symbol.dispose]: () => void value.finalize() };
}
