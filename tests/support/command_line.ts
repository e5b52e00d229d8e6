/** Runs cli.ts as users do: in a process of its own. */
import assert from "node:assert/strict";

/** What a run left behind. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const CLI = new URL("../../cli.ts", import.meta.url).pathname;

/** A command line in a process of its own, ready to be started. */
export function commandFor(args: readonly string[], options: Deno.CommandOptions = {}): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    ...options,
    args: ["run", "-A", "--quiet", CLI, ...args],
    env: { ...options.env, NO_COLOR: "1" },
  });
}

/** Runs a command line to its end. */
export async function runCli(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const { code, stdout, stderr } = await commandFor(args, { env: { ...env } }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** Fails unless the run ended with `code`, one line of error that matches, no stack and nothing on standard output. */
export function assertRefused(ran: Ran, code: number, message: RegExp): void {
  const errors = ran.err.split("\n").filter((line) => line.startsWith("error: "));
  assert.equal(errors.length, 1, `one line of error, got:\n${ran.err}`);
  assert.match(errors[0]!, message);
  assert.ok(!/^\s+at |\.ts:\d+/m.test(ran.err), `no stack:\n${ran.err}`);
  assert.equal(ran.code, code);
  assert.equal(ran.out, "");
}
