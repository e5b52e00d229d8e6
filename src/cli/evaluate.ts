/** `evaluate`: metrics of a model, float or QDQ. */
import {
  evaluateModel,
  formatRate,
  formatSeconds,
  formatTable,
  formatValue,
  loadModel,
  openDataset,
  openMetrics,
  Runtime,
} from "../../mod.ts";
import { integerOption, memoryOption, requiredOption } from "./number_option.ts";
import { openProfileFile } from "./profile_file.ts";
import { Progress } from "./progress.ts";
import { type CommonOptions, type Context, EXIT, type ExitCode, printResult } from "./terminal.ts";

/** Options of `evaluate`. */
export interface EvaluateCommandOptions extends CommonOptions {
  readonly dataset?: string | undefined;
  readonly metric: readonly string[];
  readonly reference?: string | undefined;
  readonly limit?: string | undefined;
  readonly batchSize?: string | undefined;
  readonly memoryBudget?: string | undefined;
  /** False for `--no-tune`. */
  readonly tune?: boolean | undefined;
  readonly software?: true | undefined;
  readonly profile?: string | undefined;
}

/** Evaluates and prints every metric. */
export async function runEvaluate(context: Context, path: string, options: EvaluateCommandOptions): Promise<ExitCode> {
  const { terminal, signal } = context;
  const datasetPath = requiredOption("--dataset", options.dataset);
  const limit = integerOption("--limit", options.limit);
  const batchSize = integerOption("--batch-size", options.batchSize);
  const memoryBudget = memoryOption("--memory-budget", options.memoryBudget);
  const metrics = await openMetrics(options.metric.length > 0 ? options.metric : ["accuracy"]);
  const model = await loadModel(path);
  const reference = options.reference === undefined ? undefined : await loadModel(options.reference);
  const dataset = await openDataset(datasetPath);
  const profile = await openProfileFile(options.profile);
  using runtime = await Runtime.open({
    software: options.software ?? false,
    profile: profile !== undefined,
    ...(options.tune === false ? { tune: false } : {}),
    onNote: (text) => terminal.say(text),
  });
  const progress = new Progress(terminal);
  progress.begin("Evaluating");
  const result = await evaluateModel(runtime, model, dataset, {
    metrics,
    reference,
    limit,
    batchSize,
    memoryBudget,
    signal,
    onProgress: (done, total) => progress.show(done, total),
  });
  for (const note of result.notes) terminal.say(`note: ${note}`);
  const { values, samples, seconds } = result;
  const rows = metrics.map(({ name }) => [name, formatValue(values[name])]);
  const text = formatTable([
    ...rows,
    ["samples", `${samples} in ${formatSeconds(seconds)} (${formatRate(samples / seconds)}/s)`],
    ["adapter", `${runtime.adapter.description}${runtime.adapter.isSoftware ? " (software)" : ""}`],
  ]);
  printResult(context, options, text, {
    version: 1,
    model: { name: model.name, sha256: model.sha256 },
    dataset: { name: dataset.name, samples, sha256: await dataset.sha256() },
    values,
    batchSize: result.batchSize,
    seconds,
    adapter: runtime.adapter,
    notes: result.notes,
  });
  await profile?.write(runtime, terminal);
  dataset.close();
  return EXIT.ok;
}
