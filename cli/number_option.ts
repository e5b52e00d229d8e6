/** Numbers on the command line. */
import { UsageError } from "../mod.ts";

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
