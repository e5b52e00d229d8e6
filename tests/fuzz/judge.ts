/** What a program that was given damaged input may say: one line in the project's own words. Anything else is a finding. */
import { DatasetError, DeviceError, ModelError, UnsupportedError, UsageError } from "../../src/base/errors.ts";

/** Words of the engine or of a library, which tell a user nothing. */
const FOREIGN = [
  /Cannot (read|set) propert/,
  /Cannot (convert|mix|destructure)/,
  /is not (a function|iterable|a constructor|defined)/,
  /\b(of|reading) (undefined|null)\b/,
  /Invalid (typed )?array (buffer )?length/,
  /[Aa]rray buffer allocation/,
  /Maximum call stack/,
  /BigInt/,
  /out of bounds|out of range|offset is outside/,
  /\bunreachable\b/,
  /\[object /,
  /^\s+at .*:\d+/m,
];

/** Classes whose messages are for users. */
const KNOWN = [DatasetError, DeviceError, ModelError, UnsupportedError, UsageError];

/** What is wrong with an error that a user would see; undefined for a good one. */
export function complaintAbout(error: unknown): string | undefined {
  if (!(error instanceof Error)) return `threw ${typeof error}`;
  const foreign = complaintAboutText(error.message);
  if (foreign !== undefined) return `${foreign}\n${error.stack}`;
  const isKnown = KNOWN.some((known) => error instanceof known);
  return isKnown || error.constructor === Error ? undefined : `threw ${error.constructor.name}\n${error.stack}`;
}

/** What is wrong with a message; undefined for a good one. */
export function complaintAboutText(message: string): string | undefined {
  if (!/^Cannot [a-z]/.test(message)) return `says ${JSON.stringify(message)}`;
  return FOREIGN.some((pattern) => pattern.test(message)) ? `says ${JSON.stringify(message)}` : undefined;
}
