/**
 * Measures everything that docs/benchmarks.md lists, on the adapter it finds.
 *
 *     deno task bench [--quick] [--only peaks,peers,…] [--networks REGEXP] [--batches 1,8,32] [--budget SECONDS]
 *                     [--json FILE] [--markdown FILE] [--write FILE]
 *
 * `--write` puts the tables between the two marks of a Markdown file, after each section anew, so that nothing that was measured is
 * lost. A section that fails is a remark; the rest goes on, and the exit code is 1.
 */
import { parseArgs } from "node:util";
import { Runtime } from "../src/api/runtime.ts";
import { measureTick } from "../src/gpu/timing.ts";
import { batchesSection } from "./batches.ts";
import { goalsTable } from "./goals.ts";
import { layersSection } from "./layers.ts";
import { memorySection } from "./memory.ts";
import { benchNetworks } from "./networks.ts";
import { peaksSection } from "./peaks.ts";
import { peersSection } from "./peers.ts";
import { precisionSection } from "./precision.ts";
import { scalingSection } from "./scaling.ts";
import { type Bench, markdownTable, type NamedTable, printTable, replaceTables, type Section } from "./section.ts";
import { startupSection } from "./startup.ts";
import { streamingSection } from "./streaming.ts";

const SECTIONS: readonly Section[] = [
  peaksSection,
  peersSection,
  layersSection,
  batchesSection,
  precisionSection,
  startupSection,
  memorySection,
  scalingSection,
  streamingSection,
];

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    networks: { type: "string", default: "" },
    batches: { type: "string" },
    budget: { type: "string" },
    json: { type: "string" },
    markdown: { type: "string" },
    write: { type: "string" },
  },
});

const only = options.only?.split(",");
const unknown = only?.filter((name) => !SECTIONS.some((section) => section.name === name)) ?? [];
if (unknown.length > 0) {
  console.error(`Cannot measure ${unknown.join(", ")}: expected ${SECTIONS.map(({ name }) => name).join(", ")}`);
  Deno.exit(2);
}

// Better to fail now than when all is measured.
if (options.write) replaceTables(await Deno.readTextFile(options.write), "");

const runtime = await Runtime.open({ tune: false });
const { gpu } = runtime;
const bench: Bench = {
  runtime,
  gpu,
  pipelines: runtime.pipelines,
  tick: await measureTick(gpu),
  networks: benchNetworks(new RegExp(options.networks)),
  batches: (options.batches ?? (options.quick ? "1,8" : "1,8,32")).split(",").map(Number),
  effort: options.quick
    ? { rounds: [1, 3], budgetMs: 1000 }
    : { rounds: [3, 15], budgetMs: 1000 * Number(options.budget ?? 3), longMs: 8000 },
  isQuick: options.quick,
  say: (text) => console.error(text),
};

const about = {
  adapter: gpu.adapter.description,
  isSoftware: gpu.adapter.isSoftware,
  commit: await commit(),
  date: new Date().toISOString().slice(0, 10),
  cores: navigator.hardwareConcurrency,
  deno: Deno.version.deno,
  system: `${Deno.build.os} ${Deno.build.arch}`,
  load: Deno.loadavg()[0],
  isQuick: options.quick,
};
const heading = `${about.adapter}${about.isSoftware ? " (software)" : ""}, ${about.cores} cores, ${about.system}, ` +
  `Deno ${about.deno}, commit ${about.commit}, ${about.date}, load ${about.load!.toFixed(1)}` +
  `${about.isQuick ? ", quick: not to be quoted" : ""}`;
console.log(`${heading}\n`);

const tables: NamedTable[] = [];
let failures = 0;
for (const section of SECTIONS) {
  if (only && !only.includes(section.name)) continue;
  const start = performance.now();
  let added = 1;
  try {
    const measured = await section.run(bench);
    const [table, ...others] = "title" in measured ? [measured] as const : measured;
    gpu.check();
    const seconds = Math.round((performance.now() - start) / 1000);
    const taken = others.length > 0 ? `Measured in ${seconds} s, with the next table.` : `Measured in ${seconds} s.`;
    tables.push({ name: section.name, ...table, remarks: [...table.remarks, taken] }, ...others);
    added = 1 + others.length;
  } catch (error) {
    failures++;
    const remark = `Failed: ${(error instanceof Error ? error.message : String(error)).split("\n")[0]}`;
    tables.push({ name: section.name, title: section.name, columns: [], rows: [], remarks: [remark] });
  }
  for (const table of tables.slice(-added)) console.log(`${printTable(table)}\n`);
  await write();
}
const goals = goalsTable(tables);
if (goals.rows.length > 0) console.log(printTable(goals));
runtime[Symbol.dispose]();
// onnxruntime-web keeps timers.
Deno.exit(failures > 0 ? 1 : 0);

/** Writes what there is so far to the files asked for. */
async function write(): Promise<void> {
  const all = [goalsTable(tables), ...tables].filter(({ rows, remarks }) => rows.length + remarks.length > 0);
  const text = `${heading}\n\n${all.map(markdownTable).join("\n\n")}\n`;
  if (options.json) {
    await Deno.writeTextFile(options.json, JSON.stringify({ version: 1, ...about, tables }, undefined, 2));
  }
  if (options.markdown) await Deno.writeTextFile(options.markdown, text);
  if (options.write) {
    await Deno.writeTextFile(options.write, replaceTables(await Deno.readTextFile(options.write), text));
  }
}

/** Short hash of the commit, marked where files differ from it; "unknown" outside a repository. */
async function commit(): Promise<string> {
  const git = async (...args: string[]) => {
    const { code, stdout } = await new Deno.Command("git", { args, stdout: "piped", stderr: "null" }).output();
    return code === 0 ? new TextDecoder().decode(stdout).trim() : undefined;
  };
  try {
    const hash = await git("rev-parse", "--short", "HEAD");
    const changes = await git("status", "--porcelain", "--untracked-files=no");
    return hash === undefined ? "unknown" : `${hash}${changes ? " with changes" : ""}`;
  } catch {
    return "unknown";
  }
}
