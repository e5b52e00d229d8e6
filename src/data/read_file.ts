/** Files of a dataset, with errors that name them. */
import { DatasetError } from "../base/errors.ts";

/** What lies at a path; undefined where nothing does. */
export async function pathKind(path: string): Promise<"file" | "folder" | undefined> {
  try {
    return (await Deno.stat(path)).isDirectory ? "folder" : "file";
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw unreadable(path, cause);
  }
}

/** A whole file, inflated where its name ends in `.gz`. */
export async function readDataFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return path.endsWith(".gz") ? await gunzip(bytes, path) : bytes;
}

/** A whole file as UTF-8 text without byte order mark. */
export async function readTextFile(path: string): Promise<string> {
  return new TextDecoder().decode(await readDataFile(path));
}

/** Lines of a text file, without line ends; blank lines at the end are not lines. */
export async function readLines(path: string): Promise<string[]> {
  return (await readTextFile(path)).replace(/\s+$/, "").split(/\r?\n/);
}

/** The error for a file that the system does not give. */
export function unreadable(path: string, cause: unknown): DatasetError {
  const found = cause instanceof Deno.errors.NotFound
    ? "it does not exist"
    : cause instanceof Deno.errors.IsADirectory
    ? "it is a folder, expected a file"
    : cause instanceof Error
    ? cause.message
    : String(cause);
  return new DatasetError(`Cannot read "${path}": ${found}`, { cause });
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>, path: string): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    for await (const chunk of stream) {
      length += chunk.length;
      if (length > MAX_INFLATED_BYTES) break;
      chunks.push(chunk);
    }
  } catch (cause) {
    throw new DatasetError(`Cannot inflate "${path}": it is no whole gzip file`, { cause });
  }
  if (length > MAX_INFLATED_BYTES) {
    throw new DatasetError(`Cannot inflate "${path}": it holds more than ${MAX_INFLATED_BYTES} bytes; unpack it first`);
  }
  const result = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    result.set(chunk, offset);
    offset += chunk.length;
  }
  return result;
}

/** Compressed files are held inflated in memory, so a small file may not ask for all of it. */
const MAX_INFLATED_BYTES = 2 ** 31;
