/** `compare`: where a quantized network differs from the float one. */
import {
  compareModels,
  comparisonPlot,
  encodeComparison,
  formatComparison,
  formatSeconds,
  loadModel,
  openDataset,
  OutputFolder,
  Runtime,
} from "../../mod.ts";
import { integerOption, memoryOption, requiredOption } from "./number_option.ts";
import { Progress } from "./progress.ts";
import { type CommonOptions, type Context, EXIT, type ExitCode, printResult } from "./terminal.ts";

/** Options of `compare`. */
export interface CompareCommandOptions extends CommonOptions {
  readonly dataset?: string | undefined;
  readonly output?: string | undefined;
  readonly limit?: string | undefined;
  readonly rows?: string | undefined;
  readonly batchSize?: string | undefined;
  readonly memoryBudget?: string | undefined;
  readonly software?: true | undefined;
}

/** Compares, prints the worst layers, and with --output writes compare.json and compare.svg. */
export async function runCompare(
  context: Context,
  paths: readonly [string, string],
  options: CompareCommandOptions,
): Promise<ExitCode> {
  const { terminal, signal } = context;
  const datasetPath = requiredOption("--dataset", options.dataset);
  const limit = integerOption("--limit", options.limit);
  const rows = integerOption("--rows", options.rows);
  const batchSize = integerOption("--batch-size", options.batchSize);
  const memoryBudget = memoryOption("--memory-budget", options.memoryBudget);
  const [first, second] = [await loadModel(paths[0]), await loadModel(paths[1])];
  const dataset = await openDataset(datasetPath);
  const output = options.output === undefined ? undefined : await OutputFolder.open(options.output);
  using runtime = await Runtime.open({ software: options.software ?? false });
  const progress = new Progress(terminal);
  progress.begin("Comparing");
  const comparison = await compareModels(runtime, first, second, dataset, {
    limit,
    batchSize,
    memoryBudget,
    signal,
    onProgress: (done, total) => progress.show(done, total),
  });
  dataset.close();
  for (const note of comparison.notes) terminal.say(`note: ${note}`);
  const written: string[] = [];
  if (output) {
    written.push(await output.write("compare.json", encodeComparison(comparison)));
    const plot = await comparisonPlot(comparison);
    if (plot) written.push(await output.write("compare.svg", plot));
  }
  const text = [formatComparison(comparison, rows), `in ${formatSeconds(comparison.seconds)}`, ...written].join("\n");
  printResult(context, options, text, { version: 1, ...comparison });
  return EXIT.ok;
}
