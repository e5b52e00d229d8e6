/** The command line: the only file that prints or exits. */
import { legible } from "./mod.ts";
import { runCommandLine } from "./src/cli/program.ts";
import { reportError } from "./src/cli/report_error.ts";
import type { Terminal } from "./src/cli/terminal.ts";

const isLive = Deno.stderr.isTerminal();
const bars = isLive ? new (await import("./src/cli/live_bars.ts")).LiveBars() : undefined;

const terminal: Terminal = {
  isLive,
  print(line) {
    bars?.clear();
    try {
      console.log(line);
    } catch (cause) {
      throw new Error(`Cannot write to standard output: ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
  },
  say(line) {
    bars?.hide();
    try {
      console.error(legible(line));
    } catch {
      // Where nothing can be said, the exit code and the files still tell.
    }
    bars?.restore();
  },
  showLive(rows) {
    bars?.show(rows.map((row) => ({ ...row, name: legible(row.name), text: legible(row.text) })));
  },
};

const interruption = new AbortController();
for (const signal of Deno.build.os === "windows" ? ["SIGINT"] as const : ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => {
    // A second one does not wait for the batch under way.
    if (interruption.signal.aborted) exit(130);
    interruption.abort(new DOMException("Interrupted", "AbortError"));
  });
}

const context = { args: Deno.args, terminal, signal: interruption.signal };

// Errors that nothing waits for, in a metric of the user's own for instance, are told like all others.
for (const kind of ["error", "unhandledrejection"] as const) {
  globalThis.addEventListener(kind, (event) => {
    event.preventDefault();
    const flag = (name: string) => Deno.args.includes(name) ? true : undefined;
    const error = "reason" in event ? event.reason : event.error;
    exit(reportError(error, context, { json: flag("--json"), verbose: flag("--verbose") }));
  });
}

function exit(code: number): never {
  bars?.clear();
  Deno.exit(code);
}

exit(await runCommandLine(context));
