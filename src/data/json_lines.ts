/** JSON Lines: one object per sample, such as `{"input_ids": [101, 2023, 102], "label": 1}`. */
import { DatasetError } from "../base/errors.ts";
import { elementCount, type HostTensor, hostTensor } from "../base/tensor.ts";
import { readTextFile } from "./read_file.ts";

/** The fields of a file, by name in the order of the first line: one value per sample. */
export type Columns = ReadonlyMap<string, readonly unknown[]>;

/** Names of files in this format. */
export const JSON_LINES = /\.(jsonl|ndjson)(\.gz)?$/;

/** A path of the form `FILE.jsonl:FIELD`, divided; the field is undefined where the path has none. */
export function splitField(path: string): { readonly file: string; readonly field: string | undefined } {
  const divided = /^(.*\.(?:jsonl|ndjson)(?:\.gz)?):(.+)$/.exec(path);
  return { file: divided?.[1] ?? path, field: divided?.[2] };
}

/** Reads a whole file; every line has the fields of the first. Throws DatasetError that names the line. */
export async function readColumns(path: string): Promise<Columns> {
  const columns = new Map<string, unknown[]>();
  const lines = (await readTextFile(path)).split(/\r?\n/);
  let samples = 0;
  lines.forEach((text, index) => {
    if (text.trim() === "") return;
    const row = parseLine(text, index + 1, path);
    if (samples === 0) { for (const field of Object.keys(row)) columns.set(field, []); }
    for (const [field, values] of columns) {
      if (!Object.hasOwn(row, field)) {
        throw new DatasetError(
          `Cannot read "${path}": line ${index + 1} has no "${field}", expected it as in the first line`,
        );
      }
      values.push(row[field]);
    }
    samples++;
  });
  return columns;
}

function parseLine(text: string, line: number, path: string): Readonly<Record<string, unknown>> {
  let row: unknown;
  try {
    row = JSON.parse(text);
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new DatasetError(`Cannot read "${path}": line ${line} is no JSON (${found})`, { cause });
  }
  if (typeof row === "object" && row !== null && !Array.isArray(row)) return row as Readonly<Record<string, unknown>>;
  throw new DatasetError(`Cannot read "${path}": line ${line} is ${text.slice(0, 40)}, expected an object`);
}

/** One field of a file, given as `FILE.jsonl:FIELD`. */
export async function readField(path: string): Promise<readonly unknown[]> {
  const { file, field } = splitField(path);
  const columns = await readColumns(file);
  const values = field === undefined ? undefined : columns.get(field);
  if (values !== undefined) return values;
  const names = [...columns.keys()].join(", ");
  throw new DatasetError(
    `Cannot read "${path}": it has the fields ${names || "(none)"}; name one of them as in "${file}:FIELD"`,
  );
}

/** Axes of a sample: deeper lists are no data, and would end in a stack that overflows. */
const MOST_AXES = 8;

/** Whether a value is a number, or lists of such. */
export function isNumeric(value: unknown): boolean {
  return isNumericBelow(value, MOST_AXES);
}

function isNumericBelow(value: unknown, axes: number): boolean {
  if (typeof value === "number") return true;
  return Array.isArray(value) && axes > 0 && value.every((item) => isNumericBelow(item, axes - 1));
}

/** Samples along the first axis: int64 where all values are whole, else float32. `what` names the field in errors. */
export function tensorOfColumn(values: readonly unknown[], what: string): HostTensor {
  const shape = depthOf(values[0]) > MOST_AXES ? [] : shapeOf(values[0]);
  const count = elementCount(shape);
  const flat: number[] = [];
  values.forEach((value, sample) => {
    const before = flat.length;
    if (depthOf(value) > MOST_AXES) {
      throw new DatasetError(`Cannot read ${what}: sample ${sample} has more than ${MOST_AXES} axes`);
    }
    collect(value, flat, `${what}, sample ${sample}`);
    if (flat.length - before !== count || JSON.stringify(shapeOf(value)) !== JSON.stringify(shape)) {
      throw new DatasetError(
        `Cannot read ${what}: sample ${sample} has ${
          flat.length - before
        } values, expected ${count} as sample 0 has; pad all to one length`,
      );
    }
  });
  const dtype = flat.every(Number.isSafeInteger) ? "int64" : "float32";
  return hostTensor(dtype, [values.length, ...shape], flat);
}

/** Of the first values; without recursion, for it may be anything. */
function depthOf(value: unknown): number {
  let depth = 0;
  for (let inner = value; Array.isArray(inner); inner = inner[0]) depth++;
  return depth;
}

function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...(value.length > 0 ? shapeOf(value[0]) : [])] : [];
}

function collect(value: unknown, flat: number[], where: string, axes = MOST_AXES): void {
  if (Array.isArray(value) && axes > 0) { for (const item of value) collect(item, flat, where, axes - 1); }
  else if (typeof value === "number") flat.push(value);
  else {throw new DatasetError(
      `Cannot read ${where}: found ${Array.isArray(value) ? "a list" : JSON.stringify(value)}, expected a number`,
    );}
}
