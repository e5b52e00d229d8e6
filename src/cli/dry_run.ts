/** `--dry-run`: what a command would do and cost. */
import { forecastQuantization, formatForecast } from "../../mod.ts";
import type { QuantizationSetup } from "./quantization_setup.ts";
import { type CommonOptions, type Context, EXIT, type ExitCode, printResult } from "./terminal.ts";

/** Prints the forecast; writes nothing. */
export async function runDryRun(context: Context, setup: QuantizationSetup, options: CommonOptions): Promise<ExitCode> {
  const forecast = await forecastQuantization(setup.runtime, setup.model, setup.options);
  printResult(context, options, formatForecast(forecast), { version: 1, ...forecast });
  return EXIT.ok;
}
