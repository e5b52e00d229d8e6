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

/** How much of a compressed file is wanted, known once its first bytes are. */
export interface InflateLimit {
  /** Bytes that `needed` has to see, fewer only where the file has fewer. */
  readonly headBytes: number;
  needed(head: Uint8Array): number;
}

/** A whole file, inflated where its name ends in `.gz`: then only as far as `limit` says. */
export async function readDataFile(path: string, limit?: InflateLimit): Promise<Uint8Array<ArrayBuffer>> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const { isCharDevice, isBlockDevice } = await Deno.stat(path);
    if (isCharDevice || isBlockDevice) throw new Error("it is a device, expected a file");
    bytes = await Deno.readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  return path.endsWith(".gz") ? await gunzip(bytes, path, limit) : bytes;
}

/** A whole file as UTF-8 text without byte order mark. */
export async function readTextFile(path: string): Promise<string> {
  return new TextDecoder().decode(await readDataFile(path));
}

/** Lines of a text file, without line ends; blank lines at the end are not lines. */
export async function readLines(path: string): Promise<string[]> {
  return (await readTextFile(path)).trimEnd().split(/\r?\n/);
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

/** Compressed files are held inflated in memory, so a small file may not ask for all of it. */
const MAX_INFLATED_BYTES = 2 ** 31;

async function gunzip(
  bytes: Uint8Array<ArrayBuffer>,
  path: string,
  limit: InflateLimit | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  let needed = limit === undefined ? MAX_INFLATED_BYTES : undefined;
  const stream = ReadableStream.from(pieces(bytes)).pipeThrough(new DecompressionStream("gzip"));
  const reader = stream.getReader();
  while (needed === undefined || length < needed) {
    const { done, value } = await reader.read().catch((cause) => {
      throw new DatasetError(`Cannot inflate "${path}": it is no whole gzip file`, { cause });
    });
    if (done) break;
    chunks.push(value);
    length += value.length;
    if (limit !== undefined && needed === undefined && length >= limit.headBytes) {
      needed = Math.min(MAX_INFLATED_BYTES, limit.needed(joined(chunks, length)));
    }
  }
  await reader.cancel();
  if (length >= MAX_INFLATED_BYTES) {
    throw new DatasetError(`Cannot inflate "${path}": it holds ${MAX_INFLATED_BYTES} bytes or more; unpack it first`);
  }
  return joined(chunks, length);
}

/** Each piece is inflated whole, so pieces are small: then at most 4 MiB are inflated beyond what is needed. */
function* pieces(bytes: Uint8Array<ArrayBuffer>): Generator<Uint8Array<ArrayBuffer>> {
  const length = 4096;
  for (let start = 0; start < bytes.length; start += length) yield bytes.subarray(start, start + length);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    result.set(chunk, offset);
    offset += chunk.length;
  }
  return result;
}
