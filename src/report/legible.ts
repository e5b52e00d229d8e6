/** Names from files, made fit to be read. */

/** Control characters but tab and line feed, and marks that turn the direction of text. */
const DECEPTIVE = /[[\p{Cc}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]--[\t\n]]/gv;

/** @internal The text with U+FFFD for lone surrogates, control characters and marks that turn the direction of text. */
export function legible(text: string): string {
  return text.toWellFormed().replaceAll(DECEPTIVE, "\uFFFD");
}
