/** `inspect`: what a model is made of. */
import { formatInspection, inspectModel, loadModel, parseInputShape } from "../mod.ts";
import { type CommonOptions, type Context, EXIT, type ExitCode, printResult } from "./terminal.ts";

/** Options of `inspect`. */
export interface InspectOptions extends CommonOptions {
  readonly inputShape: readonly string[];
}

/** Prints operators, sizes, inputs and outputs, and quantizer groups. */
export async function runInspect(context: Context, path: string, options: InspectOptions): Promise<ExitCode> {
  const shapes = new Map(options.inputShape.map(parseInputShape));
  const inspection = inspectModel(await loadModel(path), shapes);
  printResult(context, options, formatInspection(inspection), { version: 1, ...inspection });
  return EXIT.ok;
}
