/** `quantize`: the main job. */
import {
  type Algorithm,
  type Configuration,
  encodeReport,
  flagOf,
  formatStep,
  formatSummary,
  type GivenValue,
  loadModel,
  openDataset,
  OutputFolder,
  PARAMETERS,
  parseConfiguration,
  type QuantizeEvent,
  quantizeModel,
  type QuantizeOptions,
  renderHtmlReport,
  reportQuantization,
  reportStep,
  requestMetrics,
  Runtime,
  settingsOf,
  UsageError,
  valueFromText,
  verifyExport,
} from "../mod.ts";
import { integerOption, memoryOption, requiredOption } from "./number_option.ts";
import { Progress } from "./progress.ts";
import { type CommonOptions, type Context, EXIT, type ExitCode, printResult, type Terminal } from "./terminal.ts";

/** Options of `quantize` beyond the parameters of the table. */
export interface QuantizeCommandOptions extends CommonOptions {
  readonly config?: string | undefined;
  readonly dataset?: string | undefined;
  readonly calibration?: string | undefined;
  readonly output: string;
  readonly metric: readonly string[];
  readonly baselineValue: readonly string[];
  readonly algorithm?: string | undefined;
  readonly limit?: string | undefined;
  readonly batchSize?: string | undefined;
  readonly memoryBudget?: string | undefined;
  readonly software?: true | undefined;
  readonly verify?: true | undefined;
}

/** Quantizes, writes model and report, prints the summary. */
export async function runQuantize(
  context: Context,
  path: string | undefined,
  options: QuantizeCommandOptions,
  parameters: ReadonlyMap<string, string>,
): Promise<ExitCode> {
  const { terminal, signal } = context;
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
  };
  const output = await OutputFolder.open(options.output);
  const model = await loadModel(modelPath);
  const dataset = await openDataset(datasetPath);
  const calibration = options.calibration === undefined ? undefined : await openDataset(options.calibration);
  using runtime = await Runtime.open({ software: options.software ?? false });
  sayAdapter(terminal, runtime);
  const { accuracy, metrics: _metrics, notes: _notes, ...rest } = settings;
  const quantizeOptions: QuantizeOptions = {
    ...rest,
    ...numbers,
    algorithm,
    dataset,
    calibration,
    metrics: requested.metrics,
    accuracy: { ...accuracy, metrics: requested.options },
    signal,
    onEvent: eventListener(terminal, requested.metrics[0]?.name ?? ""),
  };
  const result = await quantizeModel(runtime, model, quantizeOptions);
  if (options.verify) await verifyExport(runtime, quantizeOptions, result);
  const outputName = "model.onnx";
  const report = await reportQuantization({
    runtime,
    model,
    options: quantizeOptions,
    result,
    outputName,
    command: context.args,
  });
  const paths = {
    model: await output.write(outputName, result.bytes),
    report: await output.write("report.json", encodeReport(report)),
    page: await output.write("report.html", await renderHtmlReport(report)),
  };
  printResult(context, options, formatSummary(report, paths), report);
  dataset.close();
  calibration?.close();
  return report.reached ? EXIT.ok : EXIT.dropNotReached;
}

async function readConfiguration(path: string): Promise<Configuration> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (cause) {
    throw new UsageError(`Cannot read configuration "${path}": ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
  return parseConfiguration(text, path);
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

const PHASES = {
  prepare: "Preparing the network",
  calibrate: "Calibrating",
  accuracy: "Finding what int8 costs",
  export: "Exporting",
} as const;

/** Says every phase and step in a line, and shows the samples of the pass under way. */
function eventListener(terminal: Terminal, metric: string): (event: QuantizeEvent) => void {
  const progress = new Progress(terminal);
  let names: readonly string[] = [];
  let phase: string = PHASES.prepare;
  return (event) => {
    switch (event.kind) {
      case "phase":
        phase = PHASES[event.phase];
        terminal.say(phase);
        break;
      case "groups":
        names = event.names;
        terminal.say(`${names.length} groups`);
        break;
      case "progress":
        progress.show(phase, event.done, event.total);
        break;
      case "step":
        terminal.say(
          `  ${formatStep(reportStep(event.step, metric, (index) => names[index] ?? String(index)), metric)}`,
        );
        break;
      case "note":
        terminal.say(`note: ${event.text}`);
    }
  };
}
