/** The command line: the only file that prints or exits. */
import { runCommandLine } from "./src/cli/program.ts";
import type { Terminal } from "./src/cli/terminal.ts";

const isLive = Deno.stderr.isTerminal();
const bars = isLive ? new (await import("./src/cli/live_bars.ts")).LiveBars() : undefined;

const terminal: Terminal = {
  isLive,
  print(line) {
    bars?.clear();
    console.log(line);
  },
  say(line) {
    bars?.hide();
    console.error(line);
    bars?.restore();
  },
  showLive(rows) {
    bars?.show(rows);
  },
};

const interruption = new AbortController();
Deno.addSignalListener("SIGINT", () => {
  // A second Ctrl-C does not wait for the batch under way.
  if (interruption.signal.aborted) exit(130);
  interruption.abort(new DOMException("Interrupted", "AbortError"));
});

function exit(code: number): never {
  bars?.clear();
  Deno.exit(code);
}

exit(await runCommandLine({ args: Deno.args, terminal, signal: interruption.signal }));
