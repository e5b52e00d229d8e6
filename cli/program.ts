/** The command line's grammar: commands, options, help. */
import { Command, CommanderError } from "@commander-js/extra-typings";
import { VERSION } from "../mod.ts";
import { runDevice } from "./device.ts";
import { reportError } from "./report_error.ts";
import { type Context, EXIT, type ExitCode } from "./terminal.ts";
import { runVerify } from "./verify.ts";

/** Runs a command line; resolves to the exit code whatever happens. */
export async function runCommandLine(args: readonly string[], context: Context): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = createProgram(context, (result) => code = result);
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const has = (flag: string) => args.includes(flag) ? true : undefined;
    return reportError(error, context, { json: has("--json"), verbose: has("--verbose") });
  }
}

function createProgram(context: Context, end: (code: ExitCode) => void) {
  const { terminal } = context;
  const program = new Command("holdfast")
    .description("Quantizes ONNX networks to int8 within an allowed accuracy drop, on any GPU through WebGPU.")
    .version(VERSION, "--version", "Print the version")
    .helpOption("-h, --help", "Print this help")
    .helpCommand(false)
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.say(text.trimEnd()),
    })
    .exitOverride();
  program.command("verify")
    .description("Runs folders in the layout of the ONNX backend tests on the GPU and compares the outputs.")
    .argument("<DIR...>", "Folders with model.onnx and test_data_set_*, or folders of such folders")
    .option("--rtol <number>", "Relative tolerance of floats (default: 0.001)")
    .option("--atol <number>", "Absolute tolerance of floats (default: 1e-7)")
    .option("--software", SOFTWARE)
    .option("--json", JSON_OUTPUT)
    .option("--verbose", VERBOSE)
    .action(async (paths, options) => end(await runVerify(context, paths, options)));
  program.command("device")
    .description("Shows which adapter computes, its limits and features.")
    .option("--software", SOFTWARE)
    .option("--json", JSON_OUTPUT)
    .option("--verbose", VERBOSE)
    .action(async (options) => end(await runDevice(context, options)));
  return program;
}

const SOFTWARE = "Use the software adapter";
const JSON_OUTPUT = "Print one JSON document instead of text";
const VERBOSE = "Print causes and stack of an error";
