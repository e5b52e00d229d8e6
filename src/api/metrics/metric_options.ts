/** Options of metrics: `NAME:key=value,key=value` on the command line, keys beside the name in configurations. */
import { UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../data/spelling.ts";

/** What an option may be. */
export type OptionType = "number" | "text" | "boolean" | "numbers";

/** Options by name. */
export type OptionTypes = Readonly<Record<string, OptionType>>;

/** Splits `NAME:key=value,key=value`; lists are written `1/2/3`. Values stay text where they are no numbers or booleans. */
export function parseMetricText(text: string): { name: string; options: Record<string, unknown> } {
  const at = text.indexOf(":");
  if (at < 0) return { name: text, options: {} };
  const name = text.slice(0, at);
  const options: Record<string, unknown> = {};
  for (const part of text.slice(at + 1).split(",")) {
    const [, key, value] = /^\s*([^=]+?)\s*=\s*(.*?)\s*$/.exec(part) ?? [];
    if (key === undefined || value === undefined) {
      throw new UsageError(`Cannot use metric "${text}": "${part}" is no option, expected key=value`);
    }
    options[key] = valueOf(value);
  }
  return { name, options };
}

function valueOf(text: string): unknown {
  if (text === "true" || text === "false") return text === "true";
  const numbers = text.split("/").map((part) => part.trim() === "" ? NaN : Number(part));
  if (numbers.some(Number.isNaN)) return text;
  return numbers.length === 1 ? numbers[0] : numbers;
}

/** Checked options of one metric. */
export class MetricOptions {
  readonly #metric: string;
  readonly #values: Readonly<Record<string, unknown>>;

  /** Throws UsageError for a name that `types` lacks, or a value of another type. */
  constructor(metric: string, values: Readonly<Record<string, unknown>>, types: OptionTypes) {
    this.#metric = metric;
    this.#values = values;
    for (const [name, value] of Object.entries(values)) {
      const type = Object.hasOwn(types, name) ? types[name] : undefined;
      if (type === undefined) {
        const known = Object.keys(types);
        const expected = known.length === 0
          ? "; it has none"
          : didYouMean(name, known) || `, expected ${known.join(", ")}`;
        throw new UsageError(`Cannot use metric "${metric}": there is no option "${name}"${expected}`);
      }
      if (!fits(value, type)) throw this.#refusal(name, type === "numbers" ? "a list of numbers" : `a ${type}`);
    }
  }

  /** Names of the options that are given. */
  get names(): string[] {
    return Object.keys(this.#values);
  }

  number(name: string): number | undefined {
    return this.#values[name] as number | undefined;
  }

  /** A positive integer. */
  positive(name: string): number | undefined {
    const value = this.number(name);
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
      throw this.#refusal(name, "an integer of at least 1");
    }
    return value;
  }

  text(name: string): string | undefined {
    return this.#values[name] as string | undefined;
  }

  /** One of `choices`. */
  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const value = this.text(name);
    const found = choices.find((one) => one === value);
    if (value !== undefined && found === undefined) throw this.#refusal(name, choices.join(", "));
    return found;
  }

  boolean(name: string): boolean | undefined {
    return this.#values[name] as boolean | undefined;
  }

  numbers(name: string): readonly number[] | undefined {
    return this.#values[name] as readonly number[] | undefined;
  }

  /** The object without the keys that are undefined. */
  given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
    return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
      [K in keyof T]?: Exclude<T[K], undefined>;
    };
  }

  #refusal(name: string, expected: string): UsageError {
    const value = JSON.stringify(this.#values[name]);
    return new UsageError(`Cannot use metric "${this.#metric}": ${name} is ${value}, expected ${expected}`);
  }
}

function fits(value: unknown, type: OptionType): boolean {
  if (type === "numbers") return Array.isArray(value) && value.every((one) => typeof one === "number");
  if (type === "text") return typeof value === "string";
  return type === "number" ? typeof value === "number" : typeof value === "boolean";
}
