/** From a fresh process to the first result: with an empty shader cache, and with a warm one. */
import type { FirstRun } from "./first_run.ts";
import { median } from "./measure.ts";
import type { BenchNetwork } from "./networks.ts";
import type { Bench, Section, Value } from "./section.ts";

const CHILD = new URL("first_run.ts", import.meta.url).pathname;
const PHASES = ["modules", "device", "load", "plan", "session", "run", "total"] as const;

/** First results of every network at batch 1. */
export const startupSection: Section = {
  name: "startup",
  async run(bench) {
    const rows: Value[][] = [];
    for (const network of bench.networks) {
      bench.say(`startup: ${network.name}`);
      rows.push(...await measure(bench, network));
    }
    return {
      title: "First result of a fresh process, batch 1, ms",
      columns: ["network", "shader cache", ...PHASES],
      rows,
      remarks: [
        "modules: until the program's first line; session: uploads and pipelines; run: the driver's compiler, the run, the read-back.",
        "Warm: median of processes that find the driver's own cache, as the empty run left it.",
      ],
    };
  },
};

async function measure({ isQuick }: Bench, { name, path }: BenchNetwork): Promise<Value[][]> {
  const cache = await Deno.makeTempDir({ prefix: "holdfast-shaders-" });
  try {
    const cold = await firstRun(path, cache);
    const warm: FirstRun[] = [];
    for (let run = 0; run < (isQuick ? 1 : 3); run++) warm.push(await firstRun(path, cache));
    return [
      [name, "empty", ...PHASES.map((phase) => cold[phase])],
      [name, "warm", ...PHASES.map((phase) => median(warm.map((times) => times[phase])))],
    ];
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

async function firstRun(path: string, cache: string): Promise<FirstRun> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", CHILD, path],
    env: { MESA_SHADER_CACHE_DIR: cache, __GL_SHADER_DISK_CACHE_PATH: cache },
  }).output();
  if (code !== 0) throw new Error(`Cannot measure start: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout)) as FirstRun;
}
