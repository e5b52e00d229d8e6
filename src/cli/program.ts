/** The command line's grammar: commands, options, help. */
import { Argument, Command, CommanderError, Option } from "@commander-js/extra-typings";
import { flagOf, METRIC_NAMES, type Parameter, PARAMETERS, PROBE_SAMPLES, UsageError, VERSION } from "../../mod.ts";
import { runCompare } from "./compare.ts";
import { runCompletion } from "./completion.ts";
import { SHELLS } from "./completion_scripts.ts";
import { runDevice } from "./device.ts";
import { runEvaluate } from "./evaluate.ts";
import { runInit } from "./init.ts";
import { runInspect } from "./inspect.ts";
import { runQuantize } from "./quantize.ts";
import { runRank } from "./rank.ts";
import { reportError } from "./report_error.ts";
import { runSweep } from "./sweep.ts";
import { type Context, EXIT, type ExitCode } from "./terminal.ts";
import { runVerify } from "./verify.ts";

/** Runs the command line; resolves to the exit code whatever happens. */
export async function runCommandLine(context: Context): Promise<ExitCode> {
  const args = withBooleanValues(context.args);
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

type End = (code: ExitCode) => void;

const TEXTS = {
  software: "Use the software adapter",
  tune: "Take the tiles of kernels by rule, instead of measuring on a real GPU, once, which are fastest",
  json: "Print one JSON document instead of text",
  verbose: "Print causes and stack of an error",
  dataset: "Validation data: a folder, a dataset.json, an .npz, …",
  metric: `Metric, repeatable: ${
    METRIC_NAMES.map(({ name }) => name).join(", ")
  }, or a TypeScript module (default: accuracy). Options follow the name: coco_map:adapter=yolo_v8,iou=0.6`,
  limit: "Use the first N samples only",
  profile: "Write GPU times of every node into FILE, which chrome://tracing and Perfetto open",
  batchSize: "Samples per batch (default: what fits)",
  memoryBudget: "GPU memory for samples and activations, such as 800M (default: 2G)",
} as const;

function createProgram(context: Context, end: End) {
  const { terminal } = context;
  const program = new Command("holdfast")
    .description("Quantizes ONNX networks to int8 within an allowed accuracy drop, on any GPU through WebGPU.")
    .version(VERSION, "--version", "Print the version")
    .helpOption("-h, --help", "Print this help")
    .helpCommand(false)
    .configureHelp({ optionDescription: ({ description }) => description })
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.say(text.trimEnd()),
    })
    .exitOverride();
  program.command("init")
    .description("Writes a dataset.json and a configuration for a model and a folder of data, and says why.")
    .argument("<MODEL>", "ONNX file of the float network")
    .argument("<DATA_FOLDER>", "Folder with samples, and labels where there are some")
    .option(
      "--output <folder>",
      "Where both files go (default: dataset.json to the data, quantize.jsonc to the present folder)",
    )
    .option("--force", "Overwrite files that are there")
    .option(
      "--probe <N>",
      `Samples on which normalizations are compared where there are labels (default: ${PROBE_SAMPLES})`,
    )
    .option("--no-probe", "Guess only: nothing is run")
    .option("--software", TEXTS.software)
    .option("--json", TEXTS.json)
    .option("--verbose", TEXTS.verbose)
    .action(async (model, data, options) => end(await runInit(context, [model, data], options)));
  addQuantize(program, context, end);
  program.command("evaluate")
    .description("Measures metrics of a model, float or QDQ, on a dataset.")
    .argument("<MODEL>", "ONNX file")
    .option("--dataset <path>", TEXTS.dataset)
    .option("--metric <name>", TEXTS.metric, collect, [])
    .option("--reference <model>", "Float ONNX file, for metrics that compare with it")
    .option("--limit <N>", TEXTS.limit)
    .option("--batch-size <N>", TEXTS.batchSize)
    .option("--memory-budget <bytes>", TEXTS.memoryBudget)
    .option("--profile <file>", TEXTS.profile)
    .option("--no-tune", TEXTS.tune)
    .option("--software", TEXTS.software)
    .option("--json", TEXTS.json)
    .option("--verbose", TEXTS.verbose)
    .action(async (path, options) => end(await runEvaluate(context, path, options)));
  program.command("compare")
    .description("Shows, layer by layer, where a quantized network differs from the float one.")
    .argument("<FLOAT>", "ONNX file of the reference")
    .argument("<QUANTIZED>", "ONNX file to compare with it")
    .option("--dataset <path>", "Samples to run: a folder, a dataset.json, an .npz, …")
    .option("--output <folder>", "Write compare.json and compare.svg there")
    .option("--rows <N>", "Layers to show, the worst first (default: 25)")
    .option("--limit <N>", "Use the first N samples only (default: 100)")
    .option("--batch-size <N>", TEXTS.batchSize)
    .option("--memory-budget <bytes>", TEXTS.memoryBudget)
    .option("--software", TEXTS.software)
    .option("--json", TEXTS.json)
    .option("--verbose", TEXTS.verbose)
    .action(async (first, second, options) => end(await runCompare(context, [first, second], options)));
  program.command("inspect")
    .description("Lists operators, parameters, work, inputs and outputs, and quantizer groups of a model.")
    .argument("<MODEL>", "ONNX file")
    .option("--input-shape <name=shape>", "Shape of an input, such as data=1x3x224x224; repeatable", collect, [])
    .option("--graph <file>", "Draw the network, float or QDQ, with its precisions: .svg or .dot")
    .option("--json", TEXTS.json)
    .option("--verbose", TEXTS.verbose)
    .action(async (path, options) => end(await runInspect(context, path, options)));
  program.command("verify")
    .description("Runs folders in the layout of the ONNX backend tests on the GPU and compares the outputs.")
    .argument("<DIR...>", "Folders with model.onnx and test_data_set_*, or folders of such folders")
    .option("--rtol <number>", "Relative tolerance of floats (default: 0.001)")
    .option("--atol <number>", "Absolute tolerance of floats (default: 1e-7)")
    .option("--software", TEXTS.software)
    .option("--json", TEXTS.json)
    .option("--verbose", TEXTS.verbose)
    .action(async (paths, options) => end(await runVerify(context, paths, options)));
  program.command("device")
    .description("Shows which adapter computes, its limits and features.")
    .option("--software", TEXTS.software)
    .option("--json", TEXTS.json)
    .option("--verbose", TEXTS.verbose)
    .action(async (options) => end(await runDevice(context, options)));
  program.command("completion")
    .description("Prints the script that makes a shell complete commands, options and their values.")
    .addArgument(new Argument("<SHELL>", "Whose script").choices(SHELLS))
    .option("--name <command>", "What the program is called in that shell", "holdfast")
    .option("--verbose", TEXTS.verbose)
    .action((shell, { name }) => end(runCompletion(context, program, shell, name)));
  return program;
}

function addQuantize(program: Command, context: Context, end: End): void {
  addJob(
    program.command("quantize").description(
      "Quantizes a model to int8 within an allowed accuracy drop; writes model.onnx, report.json and report.html.",
    ),
  )
    .option("--verify", "Run the exported model again and compare its metrics")
    .option("--profile <file>", TEXTS.profile)
    .action(async (path, options) => end(await runQuantize(context, path, options, parametersIn(options))));
  addJob(
    program.command("sweep").description(
      "Quantizes for several allowed drops, --maximal-drop 0.001,0.002,0.005, for the price of the smallest; " +
        "writes a folder per drop, sweep.html, sweep.svg, sweep.csv and sweep.json.",
    ),
  ).action(async (path, options) => end(await runSweep(context, path, options, parametersIn(options))));
  addJob(
    program.command("rank").description(
      "Scores what every group of layers costs in int8; writes sensitivity.json, which quantize --sensitivity takes, " +
        "and sensitivity.csv.",
    ),
  ).action(async (path, options) => end(await runRank(context, path, options, parametersIn(options))));
}

/** Arguments and options of the commands that quantize. */
function addJob(command: Command) {
  const job = command
    .argument("[MODEL]", "ONNX file; without it the model of --config")
    .optionsGroup("Files and data:")
    .option("--dataset <path>", TEXTS.dataset)
    .option("--calibration <path>", "Calibration data (default: the validation data)")
    .option("--output <folder>", "Where results go (default: out)", "out")
    .option("--config <file>", "POT configuration: JSON with comments; the command line overrides it")
    .option("--limit <N>", TEXTS.limit)
    .option("--holdout <ratio>", "Share of the samples that decisions never see and the result is certified on")
    .option("--sensitivity <file>", "Table of rank whose keep_float and keep_int8 are obeyed")
    .optionsGroup("Accuracy:")
    .option("--algorithm <name>", "AccuracyAwareQuantization or DefaultQuantization (default: the former)")
    .option("--metric <name>", TEXTS.metric, collect, [])
    .option("--baseline-value <number>", "Known value of the float network, or metric=value; repeatable", collect, []);
  for (const option of parameterOptions("loop")) job.addOption(option);
  job.optionsGroup("Quantization:");
  for (const option of parameterOptions("quantization")) job.addOption(option);
  return job.optionsGroup("Running:")
    .option("--batch-size <N>", TEXTS.batchSize)
    .option("--memory-budget <bytes>", TEXTS.memoryBudget)
    .option("--no-journal", "Keep no journal.jsonl in the output folder, from which a run that was cut off goes on")
    .option("--dry-run", "Show groups, cost, time and memory from a short timing; nothing is quantized or written")
    .option("--restart", "Move the journal of an earlier run aside instead of going on with it")
    .option("--no-tune", TEXTS.tune)
    .option("--software", TEXTS.software)
    .option("--json", TEXTS.json)
    .option("--verbose", TEXTS.verbose);
}

/** The table's parameters among a command's options, as texts. */
function parametersIn(options: object): Map<string, string> {
  const given: Readonly<Record<string, unknown>> = { ...options };
  return new Map(PARAMETERS.flatMap(({ pot, aliases = [] }) => {
    const [first, second] = [pot, ...aliases].filter((name) => given[attributeOf(name)] !== undefined);
    if (first === undefined) return [];
    if (second !== undefined) {
      throw new UsageError(`Cannot use ${flagOf(second)}: it is another name of ${flagOf(first)}, which is given too`);
    }
    return [[pot, String(given[attributeOf(first)])] as const];
  }));
}

/** Options of the table's parameters that can be given on the command line. */
function parameterOptions(section: Parameter["section"]): Option[] {
  return PARAMETERS.filter((parameter) => parameter.section === section && parameter.only !== "file").flatMap(
    (parameter) => {
      const { pot, type, description, default: fallback } = parameter;
      const text = description.replace(/\.$/, "") + defaultText(fallback);
      const spelled = [pot, ...parameter.aliases ?? []];
      return spelled.flatMap((name, place) => {
        const option = new Option(`${flagOf(name)} ${placeholderOf(parameter)}`, text).hideHelp(place > 0);
        return type === "boolean" ? [option, new Option(flagOf(`no_${name}`), "").hideHelp()] : [option];
      });
    },
  );
}

function defaultText(fallback: unknown): string {
  if (fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)) return "";
  return ` (default: ${fallback === Infinity ? "unlimited" : String(fallback)})`;
}

function placeholderOf({ type, choices }: Parameter): string {
  switch (type) {
    case "boolean":
      return "[bool]";
    case "integer":
      return "<N>";
    case "number":
      return "<number>";
    case "integers":
      return "<N,…>";
    case "names":
      return "<name,…>";
    default:
      return choices && choices.join("|").length <= 24 ? `<${choices.join("|")}>` : "<name>";
  }
}

/** `maximal_drop` → `maximalDrop`, where commander keeps `--maximal-drop`. */
function attributeOf(pot: string): string {
  return pot.replaceAll(/_(.)/g, (_match, letter: string) => letter.toUpperCase());
}

/** `--mend MODEL` must not take the model for the value of an option that may stand alone. */
function withBooleanValues(args: readonly string[]): string[] {
  const booleans = PARAMETERS.filter(({ type }) => type === "boolean");
  const flags = new Set(booleans.flatMap(({ pot, aliases = [] }) => [pot, ...aliases].map(flagOf)));
  return args.map((arg, index) => {
    if (!flags.has(arg)) return arg;
    const next = args[index + 1];
    return next === "true" || next === "false" ? arg : `${arg}=true`;
  });
}

function collect(value: string, previous: string[]): string[] {
  return [...previous, value];
}
