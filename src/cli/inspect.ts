/** `inspect`: what a model is made of. */
import { basename, dirname } from "node:path";
import {
  drawGraph,
  formatInspection,
  inspectModel,
  loadModel,
  OutputFolder,
  parseInputShape,
  pictureOf,
} from "../../mod.ts";
import { type CommonOptions, type Context, EXIT, type ExitCode, printResult } from "./terminal.ts";

/** Options of `inspect`. */
export interface InspectOptions extends CommonOptions {
  readonly inputShape: readonly string[];
  readonly graph?: string | undefined;
}

/** Prints operators, sizes, inputs and outputs, and quantizer groups; draws the network where asked to. */
export async function runInspect(context: Context, path: string, options: InspectOptions): Promise<ExitCode> {
  const shapes = new Map(options.inputShape.map(parseInputShape));
  const model = await loadModel(path);
  const inspection = inspectModel(model, shapes);
  if (options.graph !== undefined) {
    const picture = await pictureOf(drawGraph(model, inspection), options.graph);
    const folder = await OutputFolder.open(dirname(options.graph));
    context.terminal.say(`Wrote ${await folder.write(basename(options.graph), picture)}`);
  }
  printResult(context, options, formatInspection(inspection), { version: 1, ...inspection });
  return EXIT.ok;
}
