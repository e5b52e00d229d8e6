/** Configuration files in POT's form: JSON with comments, sections model, compression and engine. */
import { parse, type ParseError, printParseErrorCode } from "jsonc-parser";
import { UsageError } from "../base/errors.ts";
import { didYouMean } from "../data/spelling.ts";
import { checkedKeys, isRecord } from "./nested_parameters.ts";
import { type GivenValue, placeOf } from "./parameter_values.ts";
import type { Algorithm } from "./quantize_options.ts";

/** What a configuration says. */
export interface Configuration {
  /** Path of the model, as in the file. */
  readonly model: string | undefined;
  readonly modelName: string | undefined;
  readonly algorithm: Algorithm;
  /** Spelling of the configuration → value; not checked yet. */
  readonly parameters: ReadonlyMap<string, GivenValue>;
  readonly notes: readonly string[];
}

const ALGORITHMS: readonly Algorithm[] = ["AccuracyAwareQuantization", "DefaultQuantization"];

/** Keys of `compression` that POT hands to every algorithm. */
const SHARED_KEYS = ["target_device", "model_type", "inplace_statistics", "dump_intermediate_model"];

/** Reads a configuration; throws UsageError that names the key and where it stands. `file` is shown in messages. */
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
  const sections = checkedKeys(given, { $schema: "text", model: "any", compression: "any", engine: "any" });
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
  const { model, model_name, cascade } = checkedKeys({ value, where: "model", file }, {
    model: "text",
    model_name: "text",
    weights: "any",
    cascade: "any",
  }) as Record<string, string | undefined>;
  if (cascade !== undefined) {
    throw new UsageError(`Cannot use ${where}: cascades are not supported, expected one model`);
  }
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
  const keys = Object.fromEntries([...SHARED_KEYS, "algorithms"].map((key) => [key, "any" as const]));
  const { algorithms, ...shared } = checkedKeys({ value, where: "compression", file }, keys);
  if (!Array.isArray(algorithms) || algorithms.length !== 1 || !isRecord(algorithms[0])) {
    throw new UsageError(`Cannot use ${where}: found ${countOf(algorithms)} algorithms, expected a list of one`);
  }
  const entry = { value: algorithms[0], where: "compression.algorithms[0]", file };
  const place = placeOf(entry);
  const { name, params } = checkedKeys(entry, { name: "text", params: "any" });
  const algorithm = ALGORITHMS.find((one) => one === name);
  if (!algorithm) {
    throw new UsageError(
      `Cannot use ${place}: there is no algorithm ${JSON.stringify(name)}${
        didYouMean(String(name), ALGORITHMS) || `, expected ${ALGORITHMS.join(" or ")}`
      }`,
    );
  }
  if (params !== undefined && !isRecord(params)) throw new UsageError(`Cannot use ${place}: "params" is no object`);
  const parameters = new Map<string, GivenValue>();
  for (const [key, one] of Object.entries(shared)) {
    // POT writes null for what is not set.
    if (one !== null) parameters.set(key, { value: one, where: `compression.${key}`, file });
  }
  for (const [key, one] of Object.entries(params ?? {})) {
    if (one !== null) parameters.set(key, { value: one, where: `params.${key}`, file });
  }
  return { algorithm, parameters };
}

function countOf(value: unknown): string {
  return Array.isArray(value) ? String(value.length) : "no list of";
}
