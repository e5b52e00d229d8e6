/**
 * `deno task fuzz`: damages every kind of input and says what the program did not take as it should. Seeded and bounded:
 * `--seed N --runs N --seconds N --kind NAME`, the latter two per kind. Mutants run in a process of their own; one that kills it or
 * hangs is a finding, and the run goes on behind it. `--from INDEX --runs 1` repeats a single mutant.
 */
import { parseArgs } from "node:util";
import { type Finding, KINDS, runMutants } from "./fuzz.ts";
import type { Kind } from "./kind.ts";

/** Without a word from the process for so long, it hangs. */
const SILENCE_MS = 60_000;

/** Memory that reading a mutant may take, in bytes: base models have a few kilobytes. */
const MOST_MEMORY = 3 * 2 ** 30;

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    runs: { type: "string", default: "1000" },
    seconds: { type: "string", default: "60" },
    from: { type: "string", default: "0" },
    kind: { type: "string", multiple: true },
    child: { type: "boolean", default: false },
  },
});
const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
const [from, runs, seconds] = [Number(values.from), Number(values.runs), Number(values.seconds)];
const kinds = KINDS.filter(({ name }) => values.kind?.includes(name) ?? true);
if (![seed, from, runs, seconds].every(Number.isFinite) || kinds.length === 0) {
  console.error(`Cannot fuzz: expected numbers, and kinds among ${KINDS.map(({ name }) => name).join(", ")}`);
  Deno.exit(2);
}

/** What the process of the mutants writes, a line each. */
type Line = { readonly at: number } | { readonly finding: Finding } | { readonly stopped: number };

if (values.child) {
  const write = (line: Line) => Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
  const range = { seed, from, to: from + runs, deadline: performance.now() + 1000 * seconds };
  const stopped = await runMutants(kinds[0]!, range, {
    onStart: (at) => write({ at }),
    onFinding: (finding) => write({ finding }),
  });
  write({ stopped });
  Deno.exit(0);
}

/** Runs a kind to its end, in as many processes as it takes; gives the number of findings. */
async function fuzz(kind: Kind): Promise<number> {
  const deadline = performance.now() + 1000 * seconds;
  const seen = new Map<string, number>();
  const tell = ({ index, complaint }: Finding) => {
    const [what = ""] = complaint.split("\n");
    const gist = complaint.replaceAll(/"[^"]*"|[\d.]+/g, "_");
    seen.set(gist, (seen.get(gist) ?? 0) + 1);
    if (seen.get(gist)! > 1) return;
    console.log(`FOUND ${kind.name} ${index}: ${what}`);
    for (const line of complaint.split("\n").slice(1, 6)) console.log(`    ${line.trim()}`);
    console.log(`    repeat: deno task fuzz --kind ${kind.name} --seed ${seed} --from ${index} --runs 1`);
  };
  let next = from;
  while (next < from + runs && performance.now() < deadline) {
    const left = Math.max(1, (deadline - performance.now()) / 1000);
    next = await runProcess(kind, next, left, tell);
  }
  console.log(`${kind.name}: ${next - from} mutants, ${seen.size} findings`);
  return seen.size;
}

/** Runs mutants from `start` on in a new process; gives the first one not run. */
async function runProcess(kind: Kind, start: number, left: number, tell: (finding: Finding) => void): Promise<number> {
  const bounds = ["--from", start, "--runs", from + runs - start, "--seconds", left].map(String);
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      import.meta.filename!,
      "--child",
      "--kind",
      kind.name,
      "--seed",
      `${seed}`,
      ...bounds,
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let current = start;
  let heard = performance.now();
  let reason: string | undefined;
  const watch = setInterval(() => {
    const memory = residentBytes(process.pid);
    if (performance.now() - heard > SILENCE_MS) reason = `hangs for ${SILENCE_MS / 1000} s`;
    else if (memory > MOST_MEMORY) reason = `takes ${Math.round(memory / 2 ** 20)} MiB of memory`;
    if (reason !== undefined) process.kill("SIGKILL");
  }, 200);
  const errors = new Response(process.stderr).text();
  let rest = "";
  for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
    heard = performance.now();
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.map((one): Line => JSON.parse(one))) {
      if ("at" in line) current = line.at;
      else if ("finding" in line) tell(line.finding);
      else current = line.stopped - 1;
    }
  }
  const { success, code } = await process.status;
  clearInterval(watch);
  if (!success) tell({ index: current, complaint: `${reason ?? `ended the process (${code})`}\n${await errors}` });
  return current + 1;
}

/** Resident memory of a process where the system tells it, else 0. */
function residentBytes(pid: number): number {
  try {
    return Number(Deno.readTextFileSync(`/proc/${pid}/statm`).split(" ")[1]) * 4096;
  } catch {
    return 0;
  }
}

console.log(`Seed ${seed}, up to ${runs} mutants or ${seconds} s of each kind`);
let found = 0;
for (const kind of kinds) found += await fuzz(kind);
console.log(found === 0 ? "Nothing found" : `${found} findings`);
Deno.exit(found === 0 ? 0 : 1);
