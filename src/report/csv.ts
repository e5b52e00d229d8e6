/** Tables as comma-separated values (RFC 4180, lines ended by line feeds). */

/** A cell; null is empty. */
export type CsvCell = string | number | boolean | null;

/** A head and its rows. */
export function encodeCsv(head: readonly string[], rows: readonly (readonly CsvCell[])[]): string {
  return [head, ...rows].map((row) => row.map(encodeCell).join(",") + "\n").join("");
}

function encodeCell(cell: CsvCell): string {
  if (cell === null) return "";
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
