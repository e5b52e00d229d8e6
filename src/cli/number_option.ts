/** Values of options that belong to the command line alone. */
import { UsageError } from "../../mod.ts";

/** The number behind an option's text; throws UsageError unless it is finite and at least `low`. */
export function numberOption(flag: string, text: string | undefined, fallback: number, low = 0): number {
  if (text === undefined) return fallback;
  const value = text.trim() === "" ? NaN : Number(text);
  if (!Number.isFinite(value)) throw new UsageError(`Cannot use ${flag}: "${text}", expected a number`);
  if (value < low) throw new UsageError(`Cannot use ${flag}: ${text}, expected at least ${low}`);
  return value;
}

/** As `numberOption`, for whole numbers; undefined where the option is absent. */
export function integerOption(flag: string, text: string | undefined, low = 1): number | undefined {
  if (text === undefined) return undefined;
  const value = numberOption(flag, text, 0, low);
  if (!Number.isInteger(value)) throw new UsageError(`Cannot use ${flag}: ${text}, expected an integer`);
  return value;
}

/** Bytes behind `800M`, `2GiB` or a plain number; undefined where the option is absent. */
export function memoryOption(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*(?:([KMG])(?:i?B)?)?$/i.exec(text.trim()) ?? [];
  if (number === undefined) throw new UsageError(`Cannot use ${flag}: "${text}", expected bytes such as 800M or 2G`);
  const bytes = Math.floor(Number(number) * 1024 ** " KMG".indexOf(unit.toUpperCase() || " "));
  if (bytes < 1) throw new UsageError(`Cannot use ${flag}: ${text}, expected at least 1 byte`);
  return bytes;
}

/** The text of an option that a command cannot do without. */
export function requiredOption(flag: string, text: string | undefined): string {
  if (text === undefined) throw new UsageError(`Cannot start: ${flag} is missing`);
  return text;
}
