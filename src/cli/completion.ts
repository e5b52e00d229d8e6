/** `completion`: what shells need to know of the command line, read off its grammar. */
import type { CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { flagOf, METRIC_NAMES, PARAMETERS, UsageError } from "../../mod.ts";
import {
  type Completed,
  type CompletedCommand,
  type CompletedOption,
  completionScript,
  type Shell,
  SHELLS,
} from "./completion_scripts.ts";
import { type Context, EXIT, type ExitCode } from "./terminal.ts";

/** Prints the script for a shell; `name` is what the program is called there. */
export function runCompletion(
  context: Context,
  program: CommandUnknownOpts,
  shell: string,
  name: string,
): ExitCode {
  const known = SHELLS.find((one): one is Shell => one === shell);
  if (!known) throw new UsageError(`Cannot complete in "${shell}", expected ${SHELLS.join(", ")}`);
  if (!/^[A-Za-z_][\w-]*$/.test(name)) {
    throw new UsageError(`Cannot use --name: "${name}", expected the name of a command, of letters, digits, - and _`);
  }
  context.terminal.print(completionScript(known, name, program.commands.map(commandOf)).trimEnd());
  return EXIT.ok;
}

function commandOf(command: CommandUnknownOpts): CompletedCommand {
  const [argument] = command.registeredArguments;
  return {
    name: command.name(),
    description: command.description(),
    options: [
      ...command.options.filter(({ hidden }) => !hidden).map(optionOf),
      { flag: "--help", description: "Print this help", value: undefined, isOptional: false },
    ],
    argument: argument && (argument.argChoices ?? "files"),
  };
}

function optionOf({ long, flags, description, required, optional }: Option): CompletedOption {
  const flag = long ?? flags;
  return { flag, description, value: required || optional ? valueOf(flag, flags) : undefined, isOptional: optional };
}

/** Placeholders that stand for files and folders. */
const PATHS = /<(file|path|folder|model)>/;

function valueOf(flag: string, flags: string): Completed {
  if (PATHS.test(flags)) return "files";
  if (flag === "--metric") return METRIC_NAMES.map(({ name }) => name);
  if (flag === "--algorithm") return ["AccuracyAwareQuantization", "DefaultQuantization"];
  const parameter = PARAMETERS.find(({ pot }) => flagOf(pot) === flag);
  if (parameter?.type === "boolean") return ["true", "false"];
  return parameter?.choices ?? "text";
}
