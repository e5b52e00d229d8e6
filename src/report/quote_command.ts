/** Command lines as text. */

/** @internal A command line that a POSIX shell splits into exactly these arguments. */
export function quoteCommand(args: readonly string[]): string {
  return args.map((arg) => /^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", `'\\''`)}'`).join(" ");
}
