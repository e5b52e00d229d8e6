/** What a part of the benchmark is and gives. */
import { formatTable } from "../src/report/table.ts";
import type { Runtime } from "../src/api/runtime.ts";
import type { Gpu } from "../src/gpu/device.ts";
import type { PipelineCache } from "../src/gpu/pipelines.ts";
import type { Effort } from "./measure.ts";
import type { BenchNetwork } from "./networks.ts";

/** What every part works with. */
export interface Bench {
  readonly runtime: Runtime;
  /** Those of the runtime. */
  readonly gpu: Gpu;
  readonly pipelines: PipelineCache;
  /** Nanoseconds per tick of the adapter's timestamps. */
  readonly tick: number;
  readonly networks: readonly BenchNetwork[];
  readonly batches: readonly number[];
  readonly effort: Effort;
  /** Few samples and sizes: to try the benchmark out, not to quote. */
  readonly isQuick: boolean;
  /** Says what is being measured. */
  say(text: string): void;
}

/** A value of a table; undefined where something could not be measured. */
export type Value = string | number | undefined;

/** A table with what it needs to be understood. */
export interface Table {
  readonly title: string;
  /** Name of each column, with its unit. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
  /** What failed, and what does not follow from the columns. */
  readonly remarks: readonly string[];
}

/** A table that goals refer to by name. */
export interface NamedTable extends Table {
  readonly name: string;
}

/** A part of the benchmark. */
export interface Section {
  /** Also that of its table, or of the first of several. */
  readonly name: string;
  run(bench: Bench): Promise<Table | readonly [Table, ...NamedTable[]]>;
}

/** The table as text. */
export function printTable({ title, columns, rows, remarks }: Table): string {
  const lines = formatTable([columns, ...rows.map((row) => row.map(formatCell))]);
  return [title, "", lines, ...remarks.map((remark) => `  ${remark}`)].join("\n");
}

/** What the tables stand between in a document. */
const MARKS = ["<!-- tables: begin -->", "<!-- tables: end -->"] as const;

/** The document with other tables; throws TypeError where it has no marks. */
export function replaceTables(document: string, tables: string): string {
  const [begin, end] = [document.indexOf(MARKS[0]), document.indexOf(MARKS[1])];
  if (begin < 0 || end < begin) {
    throw new TypeError(`Cannot write tables: the document lacks the lines ${MARKS.join(" and ")}`);
  }
  return `${document.slice(0, begin + MARKS[0].length)}\n\n${tables.trimEnd()}\n\n${document.slice(end)}`;
}

/** The table in Markdown, as docs/benchmarks.md has it. */
export function markdownTable({ title, columns, rows, remarks }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const head = [line(columns), line(columns.map((_, index) => typeof rows[0]?.[index] === "number" ? "--:" : "---"))];
  return [
    `### ${title}`,
    ...(columns.length > 0 ? ["", ...head] : []),
    ...rows.map((row) => line(row.map(formatCell))),
    ...remarks.flatMap((remark) => ["", remark]),
  ].join("\n");
}

function formatCell(value: Value): string {
  if (value === undefined || (typeof value === "number" && !Number.isFinite(value))) return "–";
  if (typeof value === "string") return value;
  if (Number.isInteger(value)) return String(value);
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}
