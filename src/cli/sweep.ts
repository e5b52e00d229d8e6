/** `sweep`: several allowed drops in one go. */
import {
  buildSweepReport,
  encodeSweepCsv,
  formatSweep,
  OutputFolder,
  renderHtmlReport,
  renderSweepPage,
  renderSweepPlot,
  sweepQuantization,
  UsageError,
} from "../../mod.ts";
import { runDryRun } from "./dry_run.ts";
import { type QuantizeCommandOptions, setUpQuantization } from "./quantization_setup.ts";
import { isSuccess, writeResult } from "./quantize.ts";
import { type Context, EXIT, type ExitCode, printResult } from "./terminal.ts";

/** Writes a folder per drop, and sweep.json, sweep.csv, sweep.svg and sweep.html beside them. */
export async function runSweep(
  context: Context,
  path: string | undefined,
  options: QuantizeCommandOptions,
  parameters: ReadonlyMap<string, string>,
): Promise<ExitCode> {
  const drops = dropsOf(parameters.get("maximal_drop"));
  const others = new Map([...parameters].filter(([name]) => name !== "maximal_drop"));
  // The tightest drop decides what a sweep costs.
  const tightest = String(Math.min(...drops.map(({ value }) => value)));
  const given = options.dryRun ? new Map([...others, ["maximal_drop", tightest] as const]) : others;
  using setup = await setUpQuantization(context, path, options, given);
  if (options.dryRun) return await runDryRun(context, setup, options);
  const { runtime, model, output } = setup;
  const entries = await sweepQuantization(runtime, model, drops.map(({ value }) => value), setup.options);
  const rows = [];
  for (const [index, { maximalDrop, result }] of entries.entries()) {
    const folder = drops[index]?.text ?? String(maximalDrop);
    const { report } = await writeResult(context, setup, result, await OutputFolder.open(output.pathOf(folder)));
    rows.push({ maximalDrop, folder, report });
  }
  const sweep = buildSweepReport(rows);
  for (const { folder, report } of rows) {
    const pages = await OutputFolder.open(output.pathOf(folder));
    await pages.write("report.html", await renderHtmlReport(report, sweep));
  }
  const paths = [
    await output.write("sweep.json", `${JSON.stringify(sweep, undefined, 2)}\n`),
    await output.write("sweep.csv", encodeSweepCsv(sweep)),
    await output.write("sweep.svg", await renderSweepPlot(sweep)),
    await output.write("sweep.html", await renderSweepPage(sweep)),
  ];
  printResult(context, options, `${formatSweep(sweep)}\n\n${paths.join("\n")}`, sweep);
  return rows.every(({ report }) => isSuccess(report)) ? EXIT.ok : EXIT.dropNotReached;
}

/** Values between commas; the text names the folder. */
function dropsOf(text: string | undefined): { readonly text: string; readonly value: number }[] {
  if (text === undefined) {
    throw new UsageError("Cannot start: --maximal-drop is missing, expected several between commas");
  }
  return text.split(",").map((part) => {
    const value = part.trim() === "" ? NaN : Number(part);
    if (!Number.isFinite(value) || value < 0) {
      throw new UsageError(`Cannot use --maximal-drop: "${part.trim()}", expected a number of at least 0`);
    }
    return { text: String(value), value };
  });
}
