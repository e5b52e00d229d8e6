/** `init`: a dataset.json and a configuration for a model and a folder of data. */
import { basename, dirname, join, relative } from "node:path";
import {
  formatSeconds,
  formatTable,
  formatValue,
  loadModel,
  OutputFolder,
  proposeSetup,
  quoteCommand,
  Runtime,
  type Setup,
  type Trial,
  UsageError,
} from "../../mod.ts";
import { integerOption } from "./number_option.ts";
import { type CommonOptions, type Context, EXIT, type ExitCode, printResult } from "./terminal.ts";

/** Options of `init`. */
export interface InitOptions extends CommonOptions {
  readonly output?: string | undefined;
  readonly force?: true | undefined;
  /** A number of samples; false for --no-probe. */
  readonly probe?: string | boolean | undefined;
  readonly software?: true | undefined;
}

/** Name of the configuration. */
const CONFIGURATION = "quantize.jsonc";

/** Guesses, tries out, writes both files and says what they say and why. */
export async function runInit(
  context: Context,
  [modelPath, data]: readonly [string, string],
  options: InitOptions,
): Promise<ExitCode> {
  const { terminal, signal } = context;
  const folders = { dataset: options.output ?? data, configuration: options.output ?? "." };
  const paths = {
    dataset: join(folders.dataset, "dataset.json"),
    configuration: join(folders.configuration, CONFIGURATION),
  };
  const probeSamples = typeof options.probe === "string" ? integerOption("--probe", options.probe) : undefined;
  const model = await loadModel(modelPath);
  if (!options.force) await refuseToOverwrite(Object.values(paths));
  using stack = new DisposableStack();
  const started = performance.now();
  const setup = await proposeSetup(model, data, {
    modelPath,
    probeSamples,
    signal,
    ...(options.probe === false
      ? {}
      : { openRuntime: async () => stack.use(await Runtime.open({ software: options.software ?? false })) }),
    pathPrefix: prefixFrom(folders.dataset, data),
    onTrial: (trial) => terminal.say(trialLine(trial, started)),
  });
  const outputs = [await OutputFolder.open(folders.dataset), await OutputFolder.open(folders.configuration)] as const;
  await outputs[0].write(basename(paths.dataset), setup.datasetText);
  await outputs[1].write(basename(paths.configuration), setup.configurationText);
  const next = commandsFor(paths, modelPath, setup);
  printResult(context, options, textOf(setup, paths, next), {
    version: 1,
    files: paths,
    dataset: setup.dataset,
    metric: setup.metric,
    reasons: setup.reasons,
    trials: setup.trials,
    notes: setup.notes,
    next,
  });
  return EXIT.ok;
}

/** Leads from the folder of dataset.json to the data. */
function prefixFrom(folder: string, data: string): string {
  const path = relative(folder, data).replaceAll("\\", "/");
  return path === "" ? "" : `${path}/`;
}

async function refuseToOverwrite(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const exists = await Deno.lstat(path).then(() => true, () => false);
    if (exists) throw new UsageError(`Cannot write "${path}": it is there already, expected --force to overwrite it`);
  }
}

function trialLine({ name, samples, value, problem }: Trial, started: number): string {
  const found = value === undefined ? problem ?? "" : formatValue(value);
  return `  ${formatSeconds((performance.now() - started) / 1000)}  ${name}: ${found} on ${samples} samples`;
}

/** What to run to check the files, and then. */
function commandsFor(
  paths: { readonly dataset: string; readonly configuration: string },
  modelPath: string,
  { metricText }: Setup,
): { readonly check: string; readonly quantize: string } {
  // A dataset.json is found in its folder.
  const data = dirname(paths.dataset);
  const command = (args: readonly string[]) => quoteCommand(["deno", "run", "-A", "cli.ts", ...args]);
  const reference = metricText === "agreement" ? ["--reference", modelPath] : [];
  return {
    check: command(["evaluate", modelPath, "--dataset", data, "--metric", metricText, ...reference]),
    quantize: command(["quantize", "--config", paths.configuration, "--dataset", data]),
  };
}

function textOf(
  { reasons, trials, notes }: Setup,
  paths: { readonly dataset: string; readonly configuration: string },
  next: { readonly check: string; readonly quantize: string },
): string {
  const shown = (
    value: unknown,
  ) => (value === undefined ? "no entry" : typeof value === "string" ? value : JSON.stringify(value));
  const parts = [
    "What the files say, and why",
    ...reasons.map(({ key, value, reason }) => `  ${key}: ${shown(value)}\n    ${reason}`),
    ...(trials.length > 1
      ? [
        "",
        "Tried",
        formatTable(trials.map(({ name, value, samples, problem }) => [
          `  ${name}`,
          value === undefined ? problem ?? "" : formatValue(value),
          value === undefined ? "" : `${samples} samples`,
        ])),
      ]
      : []),
    ...(notes.length > 0 ? ["", ...notes.map((note) => `note: ${note}`)] : []),
    "",
    `Wrote ${paths.dataset} and ${paths.configuration}; the comments in them say why.`,
    "",
    "See that the float network gives what you know of it:",
    `  ${next.check}`,
    "Then quantize:",
    `  ${next.quantize}`,
  ];
  return parts.join("\n");
}
