/** The loop's journal on disk: every evaluation is there when it is over, so that nothing is lost to a crash or asked twice. */
import type { Journal } from "../../accuracy/memo.ts";
import { UsageError } from "../../base/errors.ts";
import type { Evaluation } from "../../base/precision.ts";
import {
  decodeLine,
  encodeHeader,
  encodeRecord,
  JOURNAL_FORMAT,
  type JournalIdentity,
  type JournalLine,
  type StoredEvaluation,
} from "./journal_record.ts";

/** Where a journal lies, and whether it begins anew. */
export interface JournalFile {
  /** The file: one evaluation a line. */
  readonly path: string;
  /** Moves an existing journal aside instead of going on with it. */
  readonly restart?: boolean | undefined;
}

/**
 * An append-only file of JSON lines. One process at a time writes it; the operating system frees the lock however the process ends.
 * Dispose it to close the file.
 */
export class DiskJournal implements Journal {
  /** What the user should know of what was found. */
  readonly notes: readonly string[];
  readonly #path: string;
  readonly #files: readonly Deno.FsFile[];
  readonly #stored: Map<string, StoredEvaluation>;

  private constructor(
    path: string,
    files: readonly Deno.FsFile[],
    stored: Map<string, StoredEvaluation>,
    notes: string[],
  ) {
    this.#path = path;
    this.#files = files;
    this.#stored = stored;
    this.notes = notes;
  }

  /**
   * Opens or makes the journal. One of another identity is moved aside under the next free number; a record that was cut off is cut
   * away. Both are said in `notes`. Throws UsageError where another process writes it.
   */
  static async open({ path, restart = false }: JournalFile, identity: JournalIdentity): Promise<DiskJournal> {
    const notes: string[] = [];
    const first = await openLocked(path);
    const found = await readLines(first, path, notes);
    const obstacle = restart && found.length > 0 ? "a new one was asked for" : obstacleIn(found, identity);
    if (obstacle === undefined) {
      if (found.length === 0) await append(first, encodeHeader(identity), path);
      return new DiskJournal(path, [first], recordsOf(found, path, notes), notes);
    }
    const aside = await moveAside(path);
    notes.push(`Journal "${path}" was moved to "${aside}": ${obstacle}`);
    // The old file stays locked as well: whoever opened it before it was moved must not write to it.
    const second = await openLocked(path);
    await append(second, encodeHeader(identity), path);
    return new DiskJournal(path, [second, first], new Map(), notes);
  }

  /** Number of evaluations that can be had. */
  get size(): number {
    return this.#stored.size;
  }

  get(key: string): Evaluation | undefined {
    return this.#stored.get(key)?.decode();
  }

  /** Resolves when the record is on the disk. */
  async put(key: string, evaluation: Evaluation): Promise<void> {
    const [file] = this.#files;
    if (file) await append(file, encodeRecord(key, evaluation), this.#path);
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file.close();
  }
}

/** How every line of a journal starts: what starts otherwise is nothing that a journal was cut off in. */
const HEADER_START = '{"sum":"';

async function openLocked(path: string): Promise<Deno.FsFile> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true, append: true, create: true });
  } catch (cause) {
    throw new Error(`Cannot open journal "${path}": ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
  if (await file.tryLock(true)) return file;
  file.close();
  throw new UsageError(`Cannot open journal "${path}": another process writes it, expected one at a time per folder`);
}

/** Reads all lines and cuts off a last one that was not finished. */
async function readLines(file: Deno.FsFile, path: string, notes: string[]): Promise<JournalLine[]> {
  const bytes = await Deno.readFile(path);
  const end = bytes.lastIndexOf(10) + 1;
  if (end === 0 && !HEADER_START.startsWith(new TextDecoder().decode(bytes.subarray(0, HEADER_START.length)))) {
    return [{ kind: "damaged" }];
  }
  if (end < bytes.length) {
    await file.truncate(end);
    await file.syncData();
    if (end > 0) notes.push(`The last record of journal "${path}" was cut off and is left out`);
  }
  const text = new TextDecoder().decode(bytes.subarray(0, end));
  return text.split("\n").filter((line) => line !== "").map(decodeLine);
}

/** Why a journal is of no use to a run; undefined where it is, or is empty. */
function obstacleIn(lines: readonly JournalLine[], identity: JournalIdentity): string | undefined {
  const [header] = lines;
  if (!header) return undefined;
  if (header.kind !== "header") return "it is damaged at its beginning";
  if (header.format !== JOURNAL_FORMAT) return `it has format ${header.format}, expected ${JOURNAL_FORMAT}`;
  const changed = Object.entries(identity).filter(([name, value]) => header.identity[name] !== value);
  return changed.length === 0
    ? undefined
    : `it is of a run that differs in ${changed.map(([name]) => name).join(", ")}`;
}

function recordsOf(lines: readonly JournalLine[], path: string, notes: string[]): Map<string, StoredEvaluation> {
  const stored = new Map<string, StoredEvaluation>();
  for (const line of lines) if (line.kind === "record") stored.set(line.stored.key, line.stored);
  const damaged = lines.filter(({ kind }) => kind === "damaged").length;
  if (damaged > 0) notes.push(`Journal "${path}" has ${damaged} damaged records, which are left out`);
  return stored;
}

/** Renames a journal to the next free `….N.jsonl`. */
async function moveAside(path: string): Promise<string> {
  const stem = path.replace(/\.jsonl$/, "");
  for (let number = 1;; number++) {
    const aside = `${stem}.${number}.jsonl`;
    const isTaken = await Deno.lstat(aside).then(() => true, () => false);
    if (isTaken) continue;
    await Deno.rename(path, aside);
    return aside;
  }
}

async function append(file: Deno.FsFile, line: string, path: string): Promise<void> {
  const bytes = new TextEncoder().encode(line);
  try {
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    await file.syncData();
  } catch (cause) {
    throw new Error(`Cannot write journal "${path}": ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}
