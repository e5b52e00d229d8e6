/** From the command line to everything that quantizing, sweeping and ranking start from. */
import {
  type Algorithm,
  type Configuration,
  type Dataset,
  flagOf,
  type GivenValue,
  type Holds,
  loadModel,
  type Model,
  openDataset,
  OutputFolder,
  PARAMETERS,
  parseConfiguration,
  parseHolds,
  type QuantizeOptions,
  requestMetrics,
  Runtime,
  settingsOf,
  UsageError,
  valueFromText,
} from "../../mod.ts";
import { integerOption, memoryOption, numberOption, requiredOption } from "./number_option.ts";
import { QuantizationProgress } from "./quantization_progress.ts";
import type { CommonOptions, Context, Terminal } from "./terminal.ts";

/** Options of `quantize`, `sweep` and `rank` beyond the parameters of the table. */
export interface QuantizeCommandOptions extends CommonOptions {
  readonly config?: string | undefined;
  readonly dataset?: string | undefined;
  readonly calibration?: string | undefined;
  readonly output: string;
  readonly metric: readonly string[];
  readonly baselineValue: readonly string[];
  readonly algorithm?: string | undefined;
  readonly limit?: string | undefined;
  readonly holdout?: string | undefined;
  readonly sensitivity?: string | undefined;
  readonly batchSize?: string | undefined;
  readonly memoryBudget?: string | undefined;
  /** False for `--no-journal`. */
  readonly journal?: boolean | undefined;
  readonly restart?: true | undefined;
  readonly dryRun?: true | undefined;
  /** False for `--no-tune`. */
  readonly tune?: boolean | undefined;
  readonly software?: true | undefined;
  readonly profile?: string | undefined;
}

/** What a command works with. Dispose it. */
export interface QuantizationSetup extends Disposable {
  readonly output: OutputFolder;
  readonly model: Model;
  readonly runtime: Runtime;
  readonly options: QuantizeOptions;
}

/** Checks the command line, opens files and GPU. Throws UsageError, DatasetError and so on for what does not fit. */
export async function setUpQuantization(
  { terminal, signal }: Context,
  path: string | undefined,
  options: QuantizeCommandOptions,
  parameters: ReadonlyMap<string, string>,
): Promise<QuantizationSetup> {
  const configuration = options.config === undefined ? undefined : await readConfiguration(options.config);
  const settings = settingsOf(mergeParameters(configuration, parameters));
  for (const note of [...configuration?.notes ?? [], ...settings.notes]) terminal.say(`note: ${note}`);
  const algorithm = algorithmOf(options.algorithm ?? configuration?.algorithm);
  const modelPath = requiredArgument(path ?? configuration?.model);
  const datasetPath = requiredOption("--dataset", options.dataset);
  const requested = await requestMetrics(settings, options.metric, options.baselineValue);
  const numbers = {
    limit: integerOption("--limit", options.limit),
    batchSize: integerOption("--batch-size", options.batchSize),
    memoryBudget: memoryOption("--memory-budget", options.memoryBudget),
    holdout: options.holdout === undefined ? undefined : numberOption("--holdout", options.holdout, 0),
  };
  const holds = options.sensitivity === undefined ? undefined : await readHolds(options.sensitivity);
  const output = options.dryRun ? OutputFolder.untried(options.output) : await OutputFolder.open(options.output);
  const model = await loadModel(modelPath);
  using stack = new DisposableStack();
  const dataset = stack.adopt(await openDataset(datasetPath), closeDataset);
  const calibration = options.calibration === undefined
    ? undefined
    : stack.adopt(await openDataset(options.calibration), closeDataset);
  const runtime = stack.use(
    await Runtime.open({
      software: options.software ?? false,
      profile: options.profile !== undefined,
      ...(options.tune === false ? { tune: false } : {}),
      onNote: (text) => terminal.say(text),
    }),
  );
  sayAdapter(terminal, runtime);
  const progress = new QuantizationProgress(terminal, requested.metrics[0]?.name ?? "");
  const { accuracy, metrics: _metrics, notes: _notes, ...rest } = settings;
  const quantizeOptions: QuantizeOptions = {
    ...rest,
    ...numbers,
    algorithm,
    dataset,
    calibration,
    holds,
    metrics: requested.metrics,
    accuracy: { ...accuracy, metrics: requested.options },
    journal: options.journal === false
      ? undefined
      : { path: output.pathOf("journal.jsonl"), restart: options.restart ?? false },
    signal,
    onEvent: (event) => progress.hear(event),
  };
  const resources = stack.move();
  return { output, model, runtime, options: quantizeOptions, [Symbol.dispose]: () => resources.dispose() };
}

function closeDataset(dataset: Dataset): void {
  dataset.close();
}

async function readHolds(path: string): Promise<Holds> {
  return parseHolds(await readText("sensitivity table", path), path);
}

async function readText(what: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    throw new UsageError(`Cannot read ${what} "${path}": ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

async function readConfiguration(path: string): Promise<Configuration> {
  return parseConfiguration(await readText("configuration", path), path);
}

/** The command line overrides the file. */
function mergeParameters(
  configuration: Configuration | undefined,
  parameters: ReadonlyMap<string, string>,
): Map<string, GivenValue> {
  const given = new Map(configuration?.parameters ?? []);
  for (const parameter of PARAMETERS) {
    const text = parameters.get(parameter.pot);
    if (text === undefined) continue;
    given.set(parameter.pot, { value: valueFromText(parameter, text), where: flagOf(parameter.pot) });
  }
  return given;
}

function algorithmOf(name: string | undefined): Algorithm {
  if (name === undefined || name === "AccuracyAwareQuantization") return "AccuracyAwareQuantization";
  if (name === "DefaultQuantization") return name;
  throw new UsageError(
    `Cannot use --algorithm: "${name}", expected AccuracyAwareQuantization or DefaultQuantization`,
  );
}

function requiredArgument(path: string | undefined): string {
  if (path === undefined) throw new UsageError("Cannot start: MODEL is missing");
  return path;
}

function sayAdapter(terminal: Terminal, { adapter }: Runtime): void {
  terminal.say(`Adapter: ${adapter.description}${adapter.isSoftware ? " (software)" : ""}`);
}
