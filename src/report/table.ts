/** Text in columns. */

/** One cell; numbers stand flush right. */
export type Cell = string | number;

/**
 * Lines of a table: columns two spaces apart, numbers flush right, nothing behind the last cell.
 *
 * ```ts
 * import { formatTable } from "@holdfast/holdfast";
 *
 * console.log(formatTable([["group", "score"], ["conv1", 0.25]]));
 * ```
 */
export function formatTable(rows: readonly (readonly Cell[])[], indent = ""): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from(
    { length: columns },
    (_, column) => Math.max(...rows.map((row) => String(row[column] ?? "").length)),
  );
  const lines = rows.map((row) =>
    indent + row.map((cell, column) => {
      const text = String(cell);
      return typeof cell === "number" ? text.padStart(widths[column]!) : text.padEnd(widths[column]!);
    }).join("  ").trimEnd()
  );
  return lines.join("\n");
}

/** @internal `1.2 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** @internal `1,234,567`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** @internal What a second brings, `1,234` or, below 10, `0.47`: two digits tell a slow run from one that stands still. */
export function formatRate(perSecond: number): string {
  return perSecond < 9.95 ? perSecond.toPrecision(2) : formatCount(perSecond);
}

/** @internal `1 group`, `3 groups`. */
export function formatPlural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** @internal `8.3 s`, `12 min 5 s`, `3 h 20 min`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${seconds < 9.95 ? seconds.toFixed(1) : whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
