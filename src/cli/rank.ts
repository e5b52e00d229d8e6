/** `rank`: the sensitivity table. */
import { encodeSensitivityCsv, formatSensitivity, rankModel } from "../../mod.ts";
import { runDryRun } from "./dry_run.ts";
import { type QuantizeCommandOptions, setUpQuantization } from "./quantization_setup.ts";
import { type Context, EXIT, type ExitCode, printResult } from "./terminal.ts";

/** Writes sensitivity.json, to be edited and given to `quantize --sensitivity`, and sensitivity.csv. */
export async function runRank(
  context: Context,
  path: string | undefined,
  options: QuantizeCommandOptions,
  parameters: ReadonlyMap<string, string>,
): Promise<ExitCode> {
  using setup = await setUpQuantization(context, path, options, parameters);
  if (options.dryRun) return await runDryRun(context, setup, options);
  const { runtime, model, output } = setup;
  const table = await rankModel(runtime, model, setup.options);
  const paths = [
    await output.write("sensitivity.json", `${JSON.stringify(table, undefined, 2)}\n`),
    await output.write("sensitivity.csv", encodeSensitivityCsv(table.groups)),
  ];
  printResult(context, options, `${formatSensitivity(table)}\n\n${paths.join("\n")}`, table);
  return EXIT.ok;
}
