/** The sensitivity table as a file: written by `rank`, edited by people, obeyed by `quantize`. */
import { parse, type ParseError, printParseErrorCode } from "jsonc-parser";
import type { SensitivityTable } from "../accuracy/rank_problem.ts";
import { UsageError } from "../base/errors.ts";
import { didYouMean } from "../data/spelling.ts";
import type { Group } from "../graph/quantizer.ts";
import { encodeCsv } from "../report/csv.ts";
import { formatValue } from "../report/summary.ts";
import { formatTable } from "../report/table.ts";

/** Groups that stay in one precision, by name. */
export interface Holds {
  /** Names of groups that stay in float. */
  readonly keepFloat: readonly string[];
  /** Names of groups that stay in int8. */
  readonly keepInt8: readonly string[];
}

/** One row of the table, best candidate for reversion first. */
export interface SensitivityRow {
  /** From 1. */
  readonly rank: number;
  /** Name of the group. */
  readonly group: string;
  /** Names of the operators, in graph order. */
  readonly nodes: readonly string[];
  /** Of the network in which this group alone is in float, on the ranking subset; larger is better. */
  readonly score: number | null;
  /** By how much that exceeds the score of the quantized network. */
  readonly gain: number | null;
  /** Share of the network's multiply-accumulates, 0 to 1. */
  readonly macs: number;
}

/** The document. */
export interface SensitivityDocument {
  /** Raised when a field changes its meaning or goes. */
  readonly version: 1;
  /** The model that was ranked. */
  readonly model: { readonly name: string; readonly sha256: string };
  /** The metric that orders the groups. */
  readonly metric: string;
  /** Whether scores are values of the metric, or distances of outputs. */
  readonly ranking: string;
  /** Samples that groups were scored on. */
  readonly samples: number;
  /** Names of groups that `quantize --sensitivity` leaves in float, and in int8. To be filled in by hand. */
  readonly keep_float: readonly string[];
  /** To be edited: names of groups that are to stay in int8. */
  readonly keep_int8: readonly string[];
  /** Most sensitive first. */
  readonly groups: readonly SensitivityRow[];
}

/** Puts rows together. Numbers that JSON does not have become null. */
export function sensitivityRows(table: SensitivityTable, groups: readonly Group[]): SensitivityRow[] {
  const finite = (value: number) => Number.isFinite(value) ? value : null;
  return table.groups.map(({ name, macs, score, gain }, index) => ({
    rank: index + 1,
    group: name,
    nodes: groups.find((group) => group.name === name)?.nodes ?? [],
    score: finite(score),
    gain: finite(gain),
    macs,
  }));
}

/**
 * The table for spreadsheets.
 *
 * ```ts
 * import { accuracy, encodeSensitivityCsv, loadModel, openDataset, rankModel, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const table = await rankModel(runtime, model, { dataset, metrics: [accuracy()] });
 * await Deno.writeTextFile("sensitivity.csv", encodeSensitivityCsv(table.groups));
 * ```
 */
export function encodeSensitivityCsv(rows: readonly SensitivityRow[]): string {
  return encodeCsv(
    ["rank", "group", "nodes", "score", "gain", "macs"],
    rows.map(({ rank, group, nodes, score, gain, macs }) => [rank, group, nodes.join(" "), score, gain, macs]),
  );
}

/**
 * The table for people.
 *
 * ```ts
 * import { accuracy, formatSensitivity, loadModel, openDataset, rankModel, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const table = await rankModel(runtime, model, { dataset, metrics: [accuracy()] });
 * console.log(formatSensitivity(table));
 * ```
 */
export function formatSensitivity({ metric, ranking, samples, groups }: SensitivityDocument): string {
  const score = ranking === "metric" ? metric : `-${ranking}`;
  const rows = groups.map(({ rank, group, score, gain, macs }) => [
    rank,
    group,
    formatValue(score),
    formatValue(gain),
    `${(100 * macs).toFixed(1)} %`,
  ]);
  return `${formatTable([["rank", "group", score, "gain", "MACs"], ...rows])}\n\nScored on ${samples} samples`;
}

/**
 * Reads what an edited document prescribes; `file` is shown in messages. Throws UsageError for what is no such document.
 *
 * ```ts
 * import { parseHolds } from "@holdfast/holdfast";
 *
 * const holds = parseHolds(`{ "keep_float": ["conv1"], "groups": [{ "group": "conv1" }] }`, "sensitivity.json");
 * console.log(holds.keepFloat, holds.keepInt8);
 * ```
 */
export function parseHolds(text: string, file: string): Holds {
  const errors: ParseError[] = [];
  const root: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first) {
    const line = text.slice(0, first.offset).split("\n").length;
    throw new UsageError(`Cannot read ${file}: ${printParseErrorCode(first.error)} in line ${line}`);
  }
  const { keep_float, keep_int8, groups } = (root ?? {}) as Partial<Record<keyof SensitivityDocument, unknown>>;
  if (!Array.isArray(groups)) {
    throw new UsageError(`Cannot use ${file}: it has no list "groups", expected a table of rank`);
  }
  const holds = { keepFloat: namesIn(keep_float, "keep_float", file), keepInt8: namesIn(keep_int8, "keep_int8", file) };
  const twice = holds.keepFloat.find((name) => holds.keepInt8.includes(name));
  if (twice !== undefined) throw new UsageError(`Cannot use ${file}: "${twice}" is in keep_float and in keep_int8`);
  return holds;
}

function namesIn(value: unknown, key: string, file: string): string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every((name) => typeof name === "string")) return value;
  throw new UsageError(`Cannot use ${key} of ${file}: ${JSON.stringify(value)}, expected a list of names of groups`);
}

/** What is prescribed for each group, in order; throws UsageError for a name that no group has. */
export function holdsOf(groups: readonly Pick<Group, "name">[], holds: Holds): ("float" | "int8" | undefined)[] {
  const names = groups.map(({ name }) => name);
  const unknown = [...holds.keepFloat, ...holds.keepInt8].find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(
      `Cannot hold group "${unknown}": the network has none of this name${didYouMean(unknown, names)}`,
    );
  }
  return names.map((name) =>
    holds.keepFloat.includes(name) ? "float" : holds.keepInt8.includes(name) ? "int8" : undefined
  );
}
