/** The command line: the only file that prints or exits. */
import { runCommandLine } from "./src/cli/program.ts";
import type { Terminal } from "./src/cli/terminal.ts";

const encoder = new TextEncoder();
const isLive = Deno.stderr.isTerminal();
let liveLength = 0;

function writeLive(text: string): void {
  Deno.stderr.writeSync(encoder.encode(`\r${text.padEnd(liveLength)}`));
  liveLength = text.length;
}

function clearLive(): void {
  if (liveLength === 0) return;
  writeLive("");
  Deno.stderr.writeSync(encoder.encode("\r"));
  liveLength = 0;
}

const terminal: Terminal = {
  isLive,
  print(line) {
    clearLive();
    console.log(line);
  },
  say(line) {
    clearLive();
    console.error(line);
  },
  showLive(line) {
    if (isLive) writeLive(line.slice(0, Deno.consoleSize().columns - 1));
  },
};

const interruption = new AbortController();
Deno.addSignalListener("SIGINT", () => {
  // A second Ctrl-C does not wait for the batch under way.
  if (interruption.signal.aborted) Deno.exit(130);
  interruption.abort(new DOMException("Interrupted", "AbortError"));
});

const code = await runCommandLine({ args: Deno.args, terminal, signal: interruption.signal });
clearLive();
Deno.exit(code);
