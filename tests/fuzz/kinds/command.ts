/** Whole commands over a folder in which one file is damaged. */
import { join } from "node:path";
import { runCommandLine } from "../../../src/cli/program.ts";
import type { Terminal } from "../../../src/cli/terminal.ts";
import { classifier, fileOf, labelledSamples } from "../../fixtures/classifier.ts";
import type { Draw } from "../draw.ts";
import { complaintAboutText } from "../judge.ts";
import type { Kind, Target } from "../kind.ts";
import { damageBytes } from "../mutate_bytes.ts";
import { damageJson } from "../mutate_json.ts";
import { damageModel } from "../mutate_model.ts";

const MODEL = fileOf(classifier());
const SAMPLES = labelledSamples(12);
const CONFIGURATION = {
  model: { model_name: "net", model: "net.onnx", weights: "x" },
  compression: {
    algorithms: [{
      name: "AccuracyAwareQuantization",
      params: { maximal_drop: 0.01, ranking_subset_size: 8, preset: "mixed", stat_subset_size: 8, max_iter_num: 2 },
    }],
  },
};
const DATASET = { format: "npy", inputs: "x.npy", labels: "y.npy" };
/** What commands write in the end. */
const RESULTS = {
  quantize: ["model.onnx", "report.html", "report.json"],
  rank: ["sensitivity.csv", "sensitivity.json"],
  evaluate: ["profile.json"],
  compare: ["compare.json"],
  inspect: ["net.svg"],
  init: ["dataset.json", "quantize.jsonc"],
} as const;
type Command = keyof typeof RESULTS;
const COMMANDS: readonly Command[] = ["quantize", "quantize", "rank", "evaluate", "compare", "inspect", "init"];

/** One file damaged, the others good. */
function files(draw: Draw): Record<string, Uint8Array | string> {
  const good = { "net.onnx": MODEL, ...SAMPLES, "config.json": JSON.stringify(CONFIGURATION) };
  switch (draw.below(5)) {
    case 0:
    case 1:
      return { ...good, "net.onnx": damageModel(MODEL, draw) };
    case 2:
      return { ...good, "config.json": damageJson(CONFIGURATION, draw) };
    case 3:
      return { ...good, "dataset.json": damageJson(DATASET, draw) };
    default: {
      const name = draw.of(["x.npy", "y.npy"] as const);
      return { ...good, [name]: damageBytes(SAMPLES[name], draw) };
    }
  }
}

/** Commands from the command line on, in this process. */
export const commandKind: Kind = {
  name: "command",
  needsGpu: true,
  async open(): Promise<Target> {
    const folder = await Deno.makeTempDir({ prefix: "holdfast-fuzz-" });
    return {
      async run(draw) {
        await Deno.remove(folder, { recursive: true });
        await Deno.mkdir(folder);
        for (const [name, content] of Object.entries(files(draw))) {
          const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
          await Deno.writeFile(join(folder, name), bytes);
        }
        return await complaintAboutRun(draw.of(COMMANDS), folder);
      },
      [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
    };
  },
};

function argsOf(command: Command, folder: string, output: string): string[] {
  const model = join(folder, "net.onnx");
  const data = ["--dataset", folder, "--limit", "12"];
  switch (command) {
    case "quantize":
    case "rank":
      return [command, model, "--config", join(folder, "config.json"), ...data, "--output", output];
    case "evaluate":
      return [command, model, ...data, "--profile", join(output, "profile.json")];
    case "compare":
      return [command, model, model, ...data, "--output", output];
    case "inspect":
      return [command, model, "--graph", join(output, "net.svg")];
    case "init":
      return [command, model, folder, "--output", output];
  }
}

async function complaintAboutRun(command: Command, folder: string): Promise<string | undefined> {
  const said: string[] = [];
  const terminal: Terminal = {
    isLive: false,
    print: () => {},
    say: (line) => said.push(line),
    showLive: () => {},
  };
  const output = join(folder, "out");
  const code = await runCommandLine({
    args: argsOf(command, folder, output),
    terminal,
    signal: new AbortController().signal,
  });
  const errors = said.filter((line) => line.startsWith("error: "));
  const written = await namesIn(output);
  if (code === 0 || code === 3) {
    const missing = RESULTS[command].filter((name) => !written.includes(name));
    return missing.length === 0 ? undefined : `${command} ended with ${code} and did not write ${missing.join(", ")}`;
  }
  const half = written.filter((name) => name !== "journal.jsonl");
  if (half.length > 0) return `failed and left ${half.join(", ")}`;
  if (errors.length !== 1) return `ended with ${code} and ${errors.length} lines of error`;
  return complaintAboutText(errors[0]!.replace("error: ", ""));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  } catch {
    return [];
  }
}
