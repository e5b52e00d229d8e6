/** Text files with a file name and a label per line: `name,label` (.csv, .txt) and `name<TAB>transcription` (.tsv). */
import { DatasetError } from "../base/errors.ts";
import { readLines } from "./read_file.ts";

/** One line of the file. */
export interface LabelLine {
  readonly name: string;
  readonly label: string;
  /** Counted from 1. */
  readonly line: number;
}

/**
 * Reads the lines; a first line that names no file of `known` is taken for a header where the second one does. Names use
 * forward slashes.
 */
export async function readLabelTable(path: string, known: ReadonlySet<string>): Promise<LabelLine[]> {
  const split = path.endsWith(".tsv") ? splitAtTab : splitAtComma;
  const lines = await readLines(path);
  const table: LabelLine[] = [];
  lines.forEach((text, index) => {
    if (text.trim() === "") return;
    const fields = split(text);
    if (fields === undefined) {
      const expected = path.endsWith(".tsv")
        ? "a file name, a tab and a transcription"
        : "a file name, a comma and a label";
      throw new DatasetError(
        `Cannot read labels "${path}": line ${index + 1} is ${JSON.stringify(text.slice(0, 80))}, expected ${expected}`,
      );
    }
    table.push({ name: fields[0].replaceAll("\\", "/").replace(/^\.\//, ""), label: fields[1], line: index + 1 });
  });
  const [first, second] = table;
  const isHeader = first !== undefined && second !== undefined && !known.has(first.name) && known.has(second.name);
  return isHeader ? table.slice(1) : table;
}

/** Puts the labels beside the pictures of a folder; every picture needs one, and every label a picture. */
export function checkAgainstFiles(table: readonly LabelLine[], known: ReadonlySet<string>, path: string): void {
  if (table.length === 0) throw new DatasetError(`Cannot read labels "${path}": it has no labels`);
  const seen = new Map<string, number>();
  for (const { name, line } of table) {
    const before = seen.get(name);
    if (before !== undefined) {
      throw new DatasetError(`Cannot read labels "${path}": line ${line} labels "${name}" again, after line ${before}`);
    }
    seen.set(name, line);
  }
  const absent = table.filter(({ name }) => !known.has(name));
  const first = absent[0];
  if (first !== undefined) {
    const more = absent.length === 1 ? "" : ` and ${absent.length - 1} more`;
    throw new DatasetError(
      `Cannot read labels "${path}": line ${first.line} names "${first.name}"${more}, which does not exist`,
    );
  }
  const unlabelled = [...known].filter((name) => !seen.has(name));
  if (unlabelled.length > 0) {
    throw new DatasetError(
      `Cannot read labels "${path}": ${unlabelled.length} of ${known.size} samples have no label, the first is "${
        unlabelled[0]
      }"; ` +
        `label them, or move them elsewhere`,
    );
  }
}

/** The last comma divides, or the last blank where there is none; names may be in quotes. */
function splitAtComma(text: string): [string, string] | undefined {
  const quoted = /^\s*"((?:[^"]|"")*)"\s*,\s*(.*)$/.exec(text);
  if (quoted !== null) return [(quoted[1] ?? "").replaceAll('""', '"'), unquoted(quoted[2] ?? "")];
  const divided = /^(.*),([^,]*)$/.exec(text) ?? /^(.*)\s(\S+)\s*$/.exec(text);
  return divided === null ? undefined : [(divided[1] ?? "").trim(), unquoted(divided[2] ?? "")];
}

function splitAtTab(text: string): [string, string] | undefined {
  const place = text.indexOf("\t");
  return place < 0 ? undefined : [text.slice(0, place), text.slice(place + 1)];
}

function unquoted(text: string): string {
  const trimmed = text.trim();
  return /^".*"$/.test(trimmed) ? trimmed.slice(1, -1).replaceAll('""', '"') : trimmed;
}
