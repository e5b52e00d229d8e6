/** Metrics as the command line and configurations name them: those of the project, and TypeScript modules. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { UsageError } from "../../base/errors.ts";
import type { Metric } from "../../evaluate/metric.ts";
import { CATALOG, catalogMetric } from "./metric_catalog.ts";
import { MetricOptions, parseMetricText } from "./metric_options.ts";

/** What a configuration may add to a metric's name. */
export interface NamedMetric {
  /** Name on the command line. */
  readonly name: string;
  /** POT's type; the name where absent. */
  readonly type?: string;
  /** Options of the metric, by the names that the catalog has. */
  readonly options?: Readonly<Record<string, unknown>>;
}

/** Metrics that come with the project; `name` as help shows it. */
export const METRIC_NAMES: readonly { readonly name: string; readonly description: string }[] = CATALOG.map((
  { name, description },
) => ({ name, description }));

/**
 * Opens metrics in order: names, or paths of modules whose default export is a metric or a list of them.
 *
 * ```ts
 * import { openMetrics } from "@holdfast/holdfast";
 *
 * const metrics = await openMetrics(["accuracy@top5", "f1:positive=2"]);
 * console.log(metrics.map(({ name }) => name));
 * ```
 */
export async function openMetrics(wanted: readonly (string | NamedMetric)[]): Promise<Metric[]> {
  const metrics: Metric[] = [];
  for (const one of wanted) {
    const isPath = isModulePath(typeof one === "string" ? one : one.name);
    const metric = typeof one === "string" && !isPath
      ? parseMetricText(one)
      : typeof one === "string"
      ? { name: one }
      : one;
    if (isPath) metrics.push(...await importMetrics(metric.name));
    else metrics.push(namedMetric(metric));
  }
  const twice = metrics.find(({ name }, index) => metrics.findIndex((other) => other.name === name) !== index);
  if (twice) throw new UsageError(`Cannot use metric "${twice.name}": it is given twice`);
  return metrics;
}

/** Whether a metric is given as a module. */
export function isModulePath(name: string): boolean {
  return /\.(ts|js|mjs|mts)$/.test(name);
}

/** A metric of the project, under the name that the user gave it. */
function namedMetric({ name, type = name, options = {} }: NamedMetric): Metric {
  // Accuracy Checker's users write the K into the name: `accuracy@top5`, of type `accuracy` or without type.
  const inName = /^accuracy@top-?(\d+)$/.exec(type)?.[1] ?? /@top-?(\d+)$/.exec(name)?.[1];
  const base = type.replace(/^accuracy@top-?\d+$/, "accuracy");
  const row = catalogMetric(base);
  const topK = base === "accuracy" && inName !== undefined && options["top_k"] === undefined
    ? { top_k: Number(inName) }
    : {};
  const checked = new MetricOptions(name, { ...options, ...topK }, row.options ?? {});
  return { ...row.create(checked), name, identity: JSON.stringify([row.name, { ...options, ...topK }]) };
}

async function importMetrics(path: string): Promise<Metric[]> {
  let module: { readonly default?: unknown };
  let source: string;
  try {
    module = await import(pathToFileURL(resolve(path)).href);
    source = await Deno.readTextFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`Cannot load metric "${path}": ${reason}`, { cause });
  }
  const list: unknown[] = Array.isArray(module.default) ? module.default : [module.default];
  if (list.length === 0) throw new UsageError(`Cannot load metric "${path}": its list is empty`);
  return list.map((one, index) =>
    withIdentity(checkedMetric(one, `Cannot load metric "${path}": default export`, index, list.length), source)
  );
}

/** What a metric computes may lie anywhere in its module: evaluations by an earlier version of it are none of this one. */
function withIdentity(metric: Metric, source: string): Metric {
  if (metric.identity !== undefined) return metric;
  return Object.isExtensible(metric) ? Object.assign(metric, { identity: source }) : { ...metric, identity: source };
}

function checkedMetric(value: unknown, where: string, index: number, count: number): Metric {
  const place = count > 1 ? `${where}[${index}]` : where;
  if (typeof value !== "object" || value === null) {
    throw new UsageError(`${place} is ${String(value)}, expected a metric {name, direction, start(dataset)}`);
  }
  const { name, direction, start } = value as Partial<Metric>;
  if (typeof name !== "string" || name === "") throw new UsageError(`${place} has no name, expected a text`);
  if (direction !== "higher_better" && direction !== "lower_better") {
    throw new UsageError(`${place} has direction ${JSON.stringify(direction)}, expected higher_better or lower_better`);
  }
  if (typeof start !== "function") {
    throw new UsageError(`${place} has no function "start", expected start(dataset) that gives {add(sample), value()}`);
  }
  return value as Metric;
}
