/**
 * Writes what documents say of options and operators from the tables that the program itself reads: docs/configuration.md, docs/schema,
 * README.md.
 */
import { CATALOG } from "../src/api/metrics/metric_catalog.ts";
import { flagOf, IDLE_PARAMETERS, type Parameter, PARAMETERS } from "../src/api/settings/parameters.ts";
import { configurationSchema, datasetSchema } from "../src/api/settings/schema.ts";
import { KNOBS } from "../src/base/knobs.ts";
import { OPSET_RANGE } from "../src/graph/import.ts";
import { OPERATORS } from "../src/ops/registry.ts";

const ROOT = new URL("../", import.meta.url);

/** The example of docs/configuration.md; a test reads it as `quantize --config` does. */
export const EXAMPLE_CONFIGURATION = `{
  // A path from where the command runs; MODEL on the command line overrides it.
  "model": { "model_name": "mobilenet", "model": "model.onnx" },
  "compression": {
    "target_device": "CPU",
    "algorithms": [
      {
        "name": "AccuracyAwareQuantization",
        "params": {
          "preset": "mixed",
          "stat_subset_size": 300,
          "maximal_drop": 0.005,
          "drop_type": "absolute",
          "ranking_subset_size": 300,
          "metrics": [{ "name": "accuracy@top1", "type": "accuracy", "top_k": 1, "baseline_value": 0.757 }],
          "weights": {
            "bits": 8,
            "mode": "symmetric",
            "granularity": "perchannel",
            "range_estimator": { "max": { "type": "quantile", "outlier_prob": 0.0001 } },
          },
          "activations": {
            "mode": "asymmetric",
            "range_estimator": {
              "min": { "aggregator": "mean", "type": "min" },
              "max": { "aggregator": "mean", "type": "max", "clipping_value": 6 },
            },
          },
          "ignored": {
            "scope": ["conv1", "fc"],
            "patterns": ["^head/.*"],
            "operations": [{ "type": "Softmax" }],
          },
        },
      },
    ],
  },
}
`;

/** docs/configuration.md. */
export function configurationPage(): string {
  return `# Configuration

Written by \`deno task docs\` from the table of parameters that the program reads (\`src/api/settings/parameters.ts\`).

Every parameter has one name. A configuration file spells it \`maximal_drop\`, the command line \`--maximal-drop\`, the library
\`maximalDrop\`. The command line overrides the file. A name that does not exist is an error that says what was probably meant.

## The file

\`quantize --config FILE\` reads POT's form: JSON, comments and trailing commas allowed. Editors complete and check it by
[schema/configuration.schema.json](schema/configuration.schema.json), and dataset.json by
[schema/dataset.schema.json](schema/dataset.schema.json): name the schema's path or URL under \`"$schema"\`, as the files of
\`init\` do.

\`\`\`jsonc
${EXAMPLE_CONFIGURATION}\`\`\`

\`compression.algorithms\` holds one algorithm: \`AccuracyAwareQuantization\`, or \`DefaultQuantization\`, which quantizes everything
whatever it costs. \`engine\` has no effect: data come from \`--dataset\`. \`null\` stands for what is not set.

## The accuracy-aware loop

${parameterTable("loop")}

## Quantization

${parameterTable("quantization")}

## Parameters with keys of their own

| parameter | keys |
| --- | --- |
| \`weights\`, \`activations\` | \`bits\` (8), \`mode\` (symmetric, asymmetric), \`granularity\` (perchannel, pertensor), \`level_low\` and \`level_high\` (the integer range), \`range_estimator\` |
| \`range_estimator\` | \`preset\` (default, quantile, mse, entropy), \`min\` and \`max\`, each with \`type\`, \`aggregator\`, \`outlier_prob\`, \`clipping_value\` |
| \`ignored\` | \`scope\` (names of nodes), \`patterns\` (regular expressions over names), \`operations\` (each \`type\`, and \`attributes\` that must be equal) |
| \`metrics\` | for each metric \`name\`, and where wanted \`type\`, \`top_k\`, \`baseline_value\` (then the float network is not measured), \`maximal_drop\` (its own) |

## Metrics

\`--metric\` and \`metrics\` take these names, or the path of a TypeScript module whose default export is a metric or a list of them
(\`examples/custom_metric.ts\`). Several may be given; all must keep within their drop.

${metricTable()}

## Accepted without effect

POT's configurations may have these; the run says so in a note. Values that would change something are refused.

${idleTable()}

## Environment

| variable | effect |
| --- | --- |
${Object.values(KNOBS).map(({ name, description }) => `| \`${name}\` | ${cell(description)} |`).join("\n")}
`;
}

function parameterTable(section: Parameter["section"]): string {
  const rows = PARAMETERS.filter((parameter) => parameter.section === section).map((parameter) => {
    const { pot, only, aliases = [] } = parameter;
    const description = [parameter.description, ...aliases.map((name) => `NNCF's name: \`${name}\`.`)].join(" ");
    const flag = only === "file" ? "–" : `\`${flagOf(pot)}\``;
    const name = only === "command line" ? "–" : `\`${pot}\``;
    return `| ${name} | ${flag} | ${valuesOf(parameter)} | ${defaultOf(parameter)} | ${cell(description)} |`;
  });
  return ["| file | command line | values | default | meaning |", "| --- | --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
}

function valuesOf({ type, choices, low, high }: Parameter): string {
  if (type === "choice" && choices) return choices.join(", ");
  const bounds = [low === undefined ? "" : `from ${low}`, high === undefined ? "" : `to ${high}`].filter(Boolean);
  const names: Partial<Record<Parameter["type"], string>> = {
    boolean: "true, false",
    names: "list of names",
    integers: "list of candidate numbers",
    object: "see below",
    metrics: "see below",
  };
  return [names[type] ?? type, ...bounds].join(" ");
}

function defaultOf({ default: fallback, ...rest }: Parameter): string {
  const inPot = "potDefault" in rest && rest.potDefault !== undefined
    ? ` (${rest.potDefault} with compatibility pot)`
    : "";
  if (fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)) return "–";
  return `${fallback === Infinity ? "unlimited" : String(fallback)}${inPot}`;
}

function metricTable(): string {
  const rows = CATALOG.map(({ name, description, options = {} }) => {
    const keys = Object.keys(options).map((key) => `\`${key}\``).join(", ");
    return `| \`${name}\` | ${cell(description)} | ${keys || "–"} |`;
  });
  return ["| metric | meaning | options |", "| --- | --- | --- |", ...rows].join("\n");
}

function idleTable(): string {
  const rows = IDLE_PARAMETERS.map(({ pot, refused, reason }) =>
    `| \`${pot}\` | ${refused ? "some values are refused" : "accepted"} | ${cell(reason)} |`
  );
  return ["| parameter | | why |", "| --- | --- | --- |", ...rows].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** The README's account of the registry. */
export function operatorsSection(): string {
  const names = [...new Set(OPERATORS.filter(({ domain = "" }) => domain === "").map(({ type }) => type))].sort();
  return `${names.length} operators of the ONNX standard, opsets up to ${OPSET_RANGE.newest}: convolutions, matrix products, pooling,
normalizations, reductions, resizing, gathering and scattering, attention as it is exported, recurrent layers, control flow with static
shapes, and the tails of detectors. [Operators](docs/operators.md) lists each with the result of ONNX's own tests. What is not supported
is refused by name, all of it at once, before any work.`;
}

/** The text with what stands between `<!-- name -->` and `<!-- /name -->` replaced. */
export function replaceSection(text: string, name: string, content: string): string {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [start, end] = [text.indexOf(open), text.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`Cannot replace section "${name}": its marks are missing`);
  return `${text.slice(0, start + open.length)}\n\n${content.trim()}\n\n${text.slice(end)}`;
}

/** Files of docs/schema. */
export const SCHEMAS = {
  "configuration.schema.json": configurationSchema,
  "dataset.schema.json": datasetSchema,
} as const;

/** Writes every document that is generated in whole or in part below `root`, formatted as the project formats all text. */
export async function writeDocuments(root: URL): Promise<void> {
  const readme = new URL("README.md", root);
  const page = new URL("docs/configuration.md", root);
  await Deno.writeTextFile(readme, replaceSection(await Deno.readTextFile(readme), "operators", operatorsSection()));
  await Deno.writeTextFile(page, configurationPage());
  const schemas = [];
  await Deno.mkdir(new URL("docs/schema", root), { recursive: true });
  for (const [name, schema] of Object.entries(SCHEMAS)) {
    const file = new URL(`docs/schema/${name}`, root);
    await Deno.writeTextFile(file, JSON.stringify(schema(), undefined, 2));
    schemas.push(file.pathname);
  }
  const config = new URL("deno.json", ROOT);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--config", config.pathname, readme.pathname, page.pathname, ...schemas],
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`Cannot format documents: ${new TextDecoder().decode(stderr).trim()}`);
}

if (import.meta.main) await writeDocuments(ROOT);
