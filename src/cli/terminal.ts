/** Where commands write to. */
import { legible } from "../../mod.ts";

/** One bar with a name before and figures behind it. */
export interface LiveRow {
  readonly name: string;
  /** Share of the bar that is filled, 0 to 1. */
  readonly progress: number;
  /** Share at which a mark stands: where the filled part has to come down to. */
  readonly mark?: number | undefined;
  readonly text: string;
}

/** Standard output and error of the process. */
export interface Terminal {
  /** A line of the result. */
  print(line: string): void;
  /** A line about the work: progress and messages. */
  say(line: string): void;
  /** Draws rows at the bottom, in the place of those before, where messages go to a terminal; does nothing elsewhere. */
  showLive(rows: readonly LiveRow[]): void;
  /** Whether messages go to a terminal. */
  readonly isLive: boolean;
}

/** How every command ends. */
export const EXIT = { ok: 0, failed: 1, usage: 2, dropNotReached: 3, interrupted: 130 } as const;

/** One of the exit codes. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** What commands get from around them. */
export interface Context {
  readonly terminal: Terminal;
  /** The command line, as given. */
  readonly args: readonly string[];
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: true | undefined;
  readonly verbose?: true | undefined;
}

/**
 * Prints a result: as text in which names of a model cannot command the terminal, or with --json as the one document on standard
 * output.
 */
export function printResult(context: Context, options: CommonOptions, text: string, document: unknown): void {
  context.terminal.print(options.json ? JSON.stringify(document, jsonValue, 2) : legible(text));
}

/** JSON has no infinities and no NaN: they become null. Typed arrays become lists. */
function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return null;
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as Float64Array) : value;
}
