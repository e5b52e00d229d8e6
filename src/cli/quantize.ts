/** `quantize`: the main job. */
import {
  encodeReport,
  formatSummary,
  type OutputFolder,
  quantizeModel,
  type QuantizeResult,
  renderHtmlReport,
  type Report,
  reportQuantization,
  verifyExport,
} from "../../mod.ts";
import { openProfileFile } from "./profile_file.ts";
import { runDryRun } from "./dry_run.ts";
import { type QuantizationSetup, type QuantizeCommandOptions, setUpQuantization } from "./quantization_setup.ts";
import { type Context, EXIT, type ExitCode, printResult } from "./terminal.ts";

/** File name of every exported model. */
const MODEL_NAME = "model.onnx";

/** Quantizes, writes model and report, prints the summary. */
export async function runQuantize(
  context: Context,
  path: string | undefined,
  options: QuantizeCommandOptions & { readonly verify?: true | undefined },
  parameters: ReadonlyMap<string, string>,
): Promise<ExitCode> {
  const profile = options.dryRun ? undefined : await openProfileFile(options.profile);
  using setup = await setUpQuantization(context, path, options, parameters);
  if (options.dryRun) return await runDryRun(context, setup, options);
  const result = await quantizeModel(setup.runtime, setup.model, setup.options);
  const verified = options.verify
    ? await verifyExport(setup.runtime, { ...setup.options, reference: setup.model }, result)
    : undefined;
  const written = await writeResult(context, setup, result, setup.output, verified);
  const { report } = written;
  const paths = { ...written.paths, page: await setup.output.write("report.html", await renderHtmlReport(report)) };
  printResult(context, options, formatSummary(report, paths), report);
  await profile?.write(setup.runtime, context.terminal);
  return isSuccess(report) ? EXIT.ok : EXIT.dropNotReached;
}

/** Writes model and report of a result into a folder. `verified` is what the exported model gave when it was run again. */
export async function writeResult(
  context: Context,
  { runtime, model, options }: QuantizationSetup,
  result: QuantizeResult,
  output: OutputFolder,
  verified?: Readonly<Record<string, number>>,
) {
  const report = await reportQuantization({
    runtime,
    model,
    options,
    result,
    verified,
    outputName: MODEL_NAME,
    command: context.args,
  });
  const paths = {
    model: await output.write(MODEL_NAME, result.bytes),
    report: await output.write("report.json", encodeReport(report)),
  };
  return { report, paths };
}

/** Whether the target is reached, also on the samples held back. */
export function isSuccess({ reached, holdout }: Report): boolean {
  return reached && (holdout?.holds ?? true);
}
