/** What a failed command says. */
import { UsageError } from "../../mod.ts";
import { type CommonOptions, type Context, EXIT, type ExitCode } from "./terminal.ts";

/** Says one line on what went wrong, with --verbose its causes and stack, with --json a document; gives the exit code. */
export function reportError(error: unknown, context: Context, { json, verbose }: CommonOptions): ExitCode {
  const { terminal, signal } = context;
  if (signal.aborted) {
    terminal.say("Interrupted");
    return EXIT.interrupted;
  }
  const { name, message } = error instanceof Error ? error : { name: "Error", message: String(error) };
  terminal.say(`error: ${message.replaceAll(/\s*\n\s*/g, " ")}`);
  if (verbose) { for (const line of causesOf(error)) terminal.say(line); }
  if (json) terminal.print(JSON.stringify({ version: 1, error: { name, message } }, undefined, 2));
  return error instanceof UsageError ? EXIT.usage : EXIT.failed;
}

function causesOf(error: unknown): string[] {
  const lines: string[] = [];
  for (let inner = error; inner !== undefined;) {
    lines.push(inner instanceof Error ? inner.stack ?? inner.message : String(inner));
    inner = inner instanceof Error ? inner.cause : undefined;
    if (inner !== undefined) lines.push("Caused by:");
  }
  return lines;
}
