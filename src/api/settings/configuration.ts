/** Configuration files in POT's form: JSON with comments, sections model, compression and engine. */
import { parse, type ParseError, printParseErrorCode } from "jsonc-parser";
import { UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../data/spelling.ts";
import { checkedKeys, isRecord } from "./nested_parameters.ts";
import type { Keys } from "./nested_keys.ts";
import { type GivenValue, placeOf, type ValueRule } from "./parameter_values.ts";
import { parameterName } from "./parameters.ts";
import type { Algorithm } from "../quantize_options.ts";

/** What a configuration says. */
export interface Configuration {
  /** Path of the model, as in the file. */
  readonly model: string | undefined;
  /** Name of the model, where the file gives one. */
  readonly modelName: string | undefined;
  /** The algorithm that the file asks for. */
  readonly algorithm: Algorithm;
  /** Spelling of the configuration → value; not checked yet. */
  readonly parameters: ReadonlyMap<string, GivenValue>;
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

/** What `name` of an algorithm may be. */
export const ALGORITHMS: readonly Algorithm[] = ["AccuracyAwareQuantization", "DefaultQuantization"];

const ANY: ValueRule = { type: "any" };

const SECTION_KEYS: Keys = { $schema: { type: "text" }, model: ANY, compression: ANY, engine: ANY };

/** Keys of `model`; `weights` and `cascade` are OpenVINO's. */
export const MODEL_KEYS: Keys = {
  model: { type: "text", pattern: "^(?!.*\\.xml$)" },
  model_name: { type: "text" },
  weights: ANY,
  cascade: { type: "none", instead: "one model" },
};

/** Keys of `compression` that POT hands to every algorithm. */
export const SHARED_KEYS = ["target_device", "model_type", "inplace_statistics", "dump_intermediate_model"];

/**
 * Reads a configuration; throws UsageError that names the key and where it stands. `file` is shown in messages.
 *
 * ```ts
 * import { parseConfiguration } from "@holdfast/holdfast";
 *
 * const text = `{ "compression": { "algorithms": [
 *   { "name": "AccuracyAwareQuantization", "params": { "maximal_drop": 0.005 } },
 * ] } }`;
 * const { algorithm, parameters } = parseConfiguration(text, "pot.json");
 * console.log(algorithm, parameters.get("maximal_drop")?.value);
 * ```
 */
export function parseConfiguration(text: string, file: string): Configuration {
  const errors: ParseError[] = [];
  const root: unknown = parse(text, errors, { allowTrailingComma: true });
  const [first] = errors;
  if (first) {
    const line = text.slice(0, first.offset).split("\n").length;
    throw new UsageError(`Cannot read ${file}: ${printParseErrorCode(first.error)} in line ${line}`);
  }
  const given = { value: root, where: file };
  // Editors find the schema by its own key.
  const sections = checkedKeys(given, SECTION_KEYS);
  const { model, modelName } = parseModel(sections.model, file);
  const compression = parseCompression(sections.compression, file);
  const notes = sections.engine === undefined
    ? []
    : [`"engine" of ${file} has no effect: the data are those of --dataset, see docs on dataset.json`];
  return { model, modelName, ...compression, notes };
}

function parseModel(value: unknown, file: string): { model: string | undefined; modelName: string | undefined } {
  if (value === undefined) return { model: undefined, modelName: undefined };
  const where = `model of ${file}`;
  const { model, model_name } = checkedKeys({ value, where: "model", file }, MODEL_KEYS) as Record<
    string,
    string | undefined
  >;
  if (model?.endsWith(".xml")) {
    throw new UsageError(`Cannot use ${where}: "${model}" is OpenVINO IR, expected an ONNX file`);
  }
  return { model, modelName: model_name };
}

function parseCompression(
  value: unknown,
  file: string,
): { algorithm: Algorithm; parameters: Map<string, GivenValue> } {
  const where = `compression of ${file}`;
  if (value === undefined) throw new UsageError(`Cannot use ${file}: it has no "compression"`);
  const keys = Object.fromEntries([...SHARED_KEYS, "algorithms"].map((key) => [key, ANY]));
  const { algorithms, ...shared } = checkedKeys({ value, where: "compression", file }, keys);
  if (!Array.isArray(algorithms) || algorithms.length !== 1 || !isRecord(algorithms[0])) {
    throw new UsageError(`Cannot use ${where}: found ${countOf(algorithms)} algorithms, expected a list of one`);
  }
  const entry = { value: algorithms[0], where: "compression.algorithms[0]", file };
  const place = placeOf(entry);
  const { name, params } = checkedKeys(entry, { name: { type: "text" }, params: ANY });
  const algorithm = ALGORITHMS.find((one) => one === name);
  if (!algorithm) {
    throw new UsageError(
      `Cannot use ${place}: there is no algorithm ${JSON.stringify(name)}${
        didYouMean(String(name), ALGORITHMS) || `, expected ${ALGORITHMS.join(" or ")}`
      }`,
    );
  }
  if (params !== undefined && !isRecord(params)) throw new UsageError(`Cannot use ${place}: "params" is no object`);
  return { algorithm, parameters: collectParameters([["compression", shared], ["params", params ?? {}]], file) };
}

/** Under the names of the table. POT writes null for what is not set; what stands further in counts. */
function collectParameters(
  sections: readonly (readonly [string, Readonly<Record<string, unknown>>])[],
  file: string,
): Map<string, GivenValue> {
  const parameters = new Map<string, GivenValue>();
  for (const [section, values] of sections) {
    const given = Object.entries(values).filter(([, value]) => value !== null);
    for (const [key, value] of given) {
      const name = parameterName(key);
      const one = { value, where: `${section}.${key}`, file };
      if (key !== name && given.some(([other]) => other === name)) {
        throw new UsageError(`Cannot use ${placeOf(one)}: it is another name of ${name}, which is given too`);
      }
      parameters.set(name, one);
    }
  }
  return parameters;
}

function countOf(value: unknown): string {
  return Array.isArray(value) ? String(value.length) : "no list of";
}
