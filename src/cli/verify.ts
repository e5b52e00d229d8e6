/** `verify`: folders of the ONNX backend tests on the GPU. */
import { DEFAULT_CLOSENESS, findTestFolders, legible, type Verdict, verifyFolders } from "../../mod.ts";
import { numberOption } from "./number_option.ts";
import { type CommonOptions, type Context, EXIT, type ExitCode, printResult } from "./terminal.ts";

/** Options of `verify`. */
export interface VerifyOptions extends CommonOptions {
  readonly rtol?: string | undefined;
  readonly atol?: string | undefined;
  readonly software?: true | undefined;
}

/** Prints a line per folder as it is done, and the totals. */
export async function runVerify(context: Context, paths: readonly string[], options: VerifyOptions): Promise<ExitCode> {
  const { terminal, signal } = context;
  const closeness = {
    relative: numberOption("--rtol", options.rtol, DEFAULT_CLOSENESS.relative),
    absolute: numberOption("--atol", options.atol, DEFAULT_CLOSENESS.absolute),
  };
  const folders = await findTestFolders(paths);
  const verdicts: Verdict[] = [];
  const software = options.software ?? false;
  for await (const verdict of verifyFolders(folders, { closeness, software, signal })) {
    verdicts.push(verdict);
    if (options.json) {
      const [done, total] = [verdicts.length, folders.length];
      terminal.showLive([{ name: "Verifying", progress: done / total, text: `${done} of ${total} folders` }]);
    } else {
      terminal.print(legible(lineOf(verdict)));
    }
  }
  const count = (status: Verdict["status"]) => verdicts.filter((verdict) => verdict.status === status).length;
  const totals = { passed: count("passed"), failed: count("failed"), unsupported: count("unsupported") };
  printResult(
    context,
    options,
    `${totals.passed} passed, ${totals.failed} failed, ${totals.unsupported} unsupported`,
    { version: 1, ...totals, folders: verdicts },
  );
  return totals.failed > 0 ? EXIT.failed : EXIT.ok;
}

function lineOf(verdict: Verdict): string {
  const { folder, status, detail } = verdict;
  return `${status.padEnd(11)}  ${folder}${detail === undefined ? remarkOn(verdict) : `: ${detail}`}`;
}

function remarkOn({ isHostOnly, isOnHost }: Verdict): string {
  if (isOnHost) return isHostOnly ? " (on the host)" : " (partly on the host)";
  return isHostOnly ? " (nothing to compute)" : "";
}
