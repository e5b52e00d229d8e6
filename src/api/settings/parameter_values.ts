/** Raw parameters, from the command line or a file → checked ones. */
import { UsageError } from "../../base/errors.ts";
import type { Parameter } from "./parameters.ts";

/** What a value may be. */
export interface ValueRule extends Pick<Parameter, "choices" | "low" | "high" | "default"> {
  /** `keys`: an object with `keys`; `list`: a list of such. Both are checked by who reads them. `none`: no value is taken. */
  readonly type: Parameter["type"] | "text" | "any" | "keys" | "list" | "none";
  readonly keys?: Readonly<Record<string, ValueRule>>;
  /** The only value of a boolean. */
  readonly constant?: boolean;
  /** Of texts, for the schema alone: who reads them says more. */
  readonly pattern?: string;
  /** What is expected in place of `none`. */
  readonly instead?: string;
  /** Keys that cannot be absent. */
  readonly required?: readonly string[];
}

/** A value with where it was given, for messages. */
export interface GivenValue {
  /** The value as the file or the command line has it. */
  readonly value: unknown;
  /** `--maximal-drop`, or `params.maximal_drop`. */
  readonly where: string;
  /** The configuration that it is from; undefined for the command line. */
  readonly file?: string;
}

/** Where a value was given, as messages say it. */
export function placeOf({ where, file }: GivenValue): string {
  return file === undefined ? where : `${where} of ${file}`;
}

/** A member of a given object or list. */
export function memberOf({ where, file }: GivenValue, suffix: string, value: unknown): GivenValue {
  return { value, where: `${where}${suffix}`, ...(file === undefined ? {} : { file }) };
}

/** @internal A value from the command line in the type that a file would have; what cannot be read stays text and fails the check. */
export function valueFromText({ type }: Parameter, text: string): unknown {
  switch (type) {
    case "number":
    case "integer":
      return numberFromText(text);
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "integers":
      return text.split(",").map((item) => numberFromText(item.trim()));
    case "names":
      return text.split(",").map((item) => item.trim()).filter((item) => item !== "");
    default:
      return text;
  }
}

function numberFromText(text: string): unknown {
  const value = Number(text);
  return text.trim() === "" || Number.isNaN(value) ? text : value;
}

/** Throws UsageError unless the value keeps to the rule. Objects and metrics are checked by who reads them. */
export function checkValue(rule: ValueRule, given: GivenValue): void {
  const expected = expectation(rule, given.value);
  if (expected !== undefined) throw refusal(given, expected);
}

/** The error for a value that a parameter does not take. */
export function refusal(given: GivenValue, expected: string): UsageError {
  const found = typeof given.value === "number" ? String(given.value) : JSON.stringify(given.value);
  return new UsageError(`Cannot use ${placeOf(given)}: ${found}, expected ${expected}`);
}

/** What would be expected in place of a wrong value; undefined for a right one. */
function expectation(rule: ValueRule, value: unknown): string | undefined {
  const { type, choices = [] } = rule;
  switch (type) {
    case "boolean":
      if (rule.constant !== undefined) return value === rule.constant ? undefined : String(rule.constant);
      return typeof value === "boolean" ? undefined : "true or false";
    case "none":
      return rule.instead ?? "nothing";
    case "choice":
      return choices.includes(value as string) ? undefined : enumerated(choices);
    case "text":
      return typeof value === "string" ? undefined : "a text";
    case "number":
    case "integer":
      return numberExpectation(rule, value);
    case "integers": {
      const isList = Array.isArray(value) && value.every((item) => Number.isInteger(item) && item >= 0);
      return isList ? undefined : "a list of candidate numbers";
    }
    case "names": {
      const isList = Array.isArray(value) && value.every((item) => typeof item === "string");
      if (!isList) return "a list of names";
      return choices.length === 0 || value.every((item) => choices.includes(item))
        ? undefined
        : `a list of ${enumerated(choices)}`;
    }
    default:
      return undefined;
  }
}

function enumerated(choices: readonly string[]): string {
  return choices.join(", ").replace(/, ([^,]*)$/, " or $1");
}

function numberExpectation({ type, low, high, default: fallback }: ValueRule, value: unknown): string | undefined {
  if (typeof value !== "number" || Number.isNaN(value)) return type === "integer" ? "an integer" : "a number";
  if (type === "integer" && !Number.isInteger(value) && value !== fallback) return "an integer";
  if (type === "number" && !Number.isFinite(value)) return "a finite number";
  if (low !== undefined && value < low) return `at least ${low}`;
  if (high !== undefined && value > high) return `at most ${high}`;
  return undefined;
}
