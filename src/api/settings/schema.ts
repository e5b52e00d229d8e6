/** JSON Schemas of the two files that people write, from the tables that the parsers read: editors complete and check by them. */
import { DATASET_FORMATS, DATASET_KEYS, LAYOUTS } from "../../data/dataset_config.ts";
import { preprocessingSchema } from "./preprocessing_schema.ts";
import { ALGORITHMS, MODEL_KEYS, SHARED_KEYS } from "./configuration.ts";
import { CATALOG } from "../metrics/metric_catalog.ts";
import { IGNORED_KEYS, METRIC_KEYS, RANGE_KEYS, SCHEME_KEYS } from "./nested_keys.ts";
import type { ValueRule } from "./parameter_values.ts";
import { IDLE_PARAMETERS, type IdleParameter, type Parameter, PARAMETERS } from "./parameters.ts";

/** A JSON Schema of draft 7, which every editor knows. */
export type JsonSchema = boolean | { readonly [keyword: string]: unknown };

const DRAFT = "http://json-schema.org/draft-07/schema#";

/** Of files for `quantize --config`: valid is what `parseConfiguration` and `settingsOf` take, but for rules that join parameters. */
export function configurationSchema(): JsonSchema {
  const algorithm = objectOf({
    name: { enum: ALGORITHMS, description: "DefaultQuantization quantizes everything, whatever it costs." },
    params: parametersSchema(),
  }, ["name"]);
  const shared = Object.fromEntries(SHARED_KEYS.map((key) => [key, parameterSchemas()[key] ?? true]));
  return {
    $schema: DRAFT,
    title: "Holdfast configuration",
    description: "How a network is quantized: quantize, sweep and rank take it with --config.",
    allowTrailingCommas: true,
    ...objectOf({
      $schema: { type: "string" },
      model: { description: "The network; MODEL on the command line overrides it.", ...keysSchema(MODEL_KEYS) },
      compression: objectOf({ ...shared, algorithms: { type: "array", items: algorithm, minItems: 1, maxItems: 1 } }, [
        "algorithms",
      ]),
      engine: { description: "Has no effect: data come from --dataset." },
    }, ["compression"]),
  };
}

/** Of dataset.json: valid is what `parseDatasetConfig` takes, but for the order of preprocessing steps. */
export function datasetSchema(): JsonSchema {
  const path = { type: "string", minLength: 1 };
  const steps = { type: "array", items: preprocessingSchema() };
  const schemas: Readonly<Record<keyof typeof DATASET_KEYS, { readonly [keyword: string]: unknown }>> = {
    format: { enum: DATASET_FORMATS },
    inputs: { anyOf: [path, { type: "object", additionalProperties: path, minProperties: 1 }] },
    labels: { anyOf: [path, { type: "array" }, { type: "null" }] },
    label_offset: { type: ["integer", "null"], default: 0 },
    preprocessing: { anyOf: [steps, { type: "object", additionalProperties: steps }, { type: "null" }] },
    layout: { enum: LAYOUTS, default: "NCHW" },
    classes: { anyOf: [path, { type: "array", items: { type: "string" }, minItems: 1 }, { type: "null" }] },
    characters: { anyOf: [path, { type: "null" }] },
  };
  const described = Object.entries(schemas).map(([key, schema]) =>
    [key, { description: DATASET_KEYS[key as keyof typeof DATASET_KEYS], ...schema }] as const
  );
  return {
    $schema: DRAFT,
    title: "Holdfast dataset",
    description: "Samples, labels and preprocessing.",
    allowTrailingCommas: true,
    ...objectOf({ $schema: {}, ...Object.fromEntries(described) }, ["format", "inputs"]),
  };
}

function parametersSchema(): JsonSchema {
  const twice = PARAMETERS.flatMap(({ pot, aliases = [] }) =>
    aliases.map((alias) => ({ not: { required: [pot, alias], properties: { [pot]: GIVEN, [alias]: GIVEN } } }))
  );
  return { ...objectOf(parameterSchemas()), allOf: twice };
}

/** Null stands for what is not set. */
const GIVEN = { not: { type: "null" } };

/** Every parameter that a file can have, by name. */
function parameterSchemas(): Record<string, JsonSchema> {
  const own = PARAMETERS.filter(({ only }) => only !== "command line").flatMap((parameter) =>
    [parameter.pot, ...parameter.aliases ?? []].map((name) => [name, parameterSchema(parameter, name)] as const)
  );
  return Object.fromEntries([...own, ...IDLE_PARAMETERS.map((one) => [one.pot, idleSchema(one)] as const)]);
}

/** Rules of parameters with keys of their own. */
const NESTED: Readonly<Record<string, JsonSchema>> = {
  ignored: keysSchema(IGNORED_KEYS),
  weights: keysSchema(SCHEME_KEYS),
  activations: keysSchema(SCHEME_KEYS),
  range_estimator: keysSchema(RANGE_KEYS),
  metrics: { type: "array", items: metricSchema() },
};

function parameterSchema(parameter: Parameter, name: string): JsonSchema {
  const { pot, default: fallback } = parameter;
  const isAlias = name !== pot;
  const schema = NESTED[pot] ?? ruleSchema(parameter);
  return {
    description: isAlias ? `NNCF's name of ${pot}. ${parameter.description}` : parameter.description,
    ...(fallback === undefined || fallback === Infinity ? {} : { default: fallback }),
    anyOf: [schema, { type: "null" }],
  };
}

function idleSchema({ refused, reason }: IdleParameter): JsonSchema {
  const description = `Has no effect: ${reason}.`;
  if (refused === "any") return { description, type: "null" };
  return refused === "true" ? { description, not: { const: true } } : { description };
}

/** A metric: its own options are known where it is one of the catalog. */
function metricSchema(): JsonSchema {
  const { properties, ...rest } = keysSchema(METRIC_KEYS);
  const options = Object.assign({}, ...CATALOG.map((row) => row.options ?? {})) as Readonly<Record<string, string>>;
  const known = Object.fromEntries(
    Object.entries(options).map(([name, type]) => [name, { description: `Option of a metric: ${type}.` }]),
  );
  const names = CATALOG.map(({ name, description }) => ({ const: name, description: `${description}.` }));
  return {
    ...rest,
    // Others are names of modules, or of a metric whose type stands beside it.
    properties: { ...known, ...properties as object, name: { anyOf: [...names, { type: "string" }] } },
    required: ["name"],
    additionalProperties: true,
  };
}

function keysSchema(keys: Readonly<Record<string, ValueRule>>, required: readonly string[] = []) {
  return objectOf(Object.fromEntries(Object.entries(keys).map(([key, rule]) => [key, ruleSchema(rule)])), required);
}

function ruleSchema(rule: ValueRule): JsonSchema {
  const { type, choices, low, high, keys = {}, required = [], constant, pattern } = rule;
  const bounds = {
    ...(low === undefined ? {} : { minimum: low }),
    ...(high === undefined ? {} : { maximum: high }),
  };
  switch (type) {
    case "number":
    case "integer":
      return { type, ...bounds };
    case "boolean":
      return constant === undefined ? { type } : { const: constant };
    case "choice":
      return { enum: choices ?? [] };
    case "text":
      return { type: "string", ...(pattern === undefined ? {} : { pattern }) };
    case "names":
      return { type: "array", items: choices ? { enum: choices } : { type: "string" } };
    case "integers":
      return { type: "array", items: { type: "integer", minimum: 0 } };
    case "keys":
      return keysSchema(keys, required);
    case "list":
      return { type: "array", items: keysSchema(keys, required) };
    case "object":
      return { type: "object" };
    case "metrics":
    case "any":
      return true;
    case "none":
      return false;
  }
}

function objectOf(properties: Readonly<Record<string, JsonSchema>>, required: readonly string[] = []) {
  return {
    type: "object",
    properties,
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  } as const;
}
