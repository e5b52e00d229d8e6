/** Files of weights beside a model: read in parts, and only from the model's folder. */
import { ModelError } from "../base/errors.ts";
import type { ReadExternal } from "../onnx/tensor.ts";

/**
 * Reads parts of files in `folder` ("" for the current one, else with its separator) or below it. Refuses locations that lead out of it,
 * by their text or by symbolic links, and whatever is no plain file; of a file no more is read than was asked for and is there.
 * `sizes` gets the bytes of each file that was read of.
 */
export function externalReader(folder: string, sizes: Map<string, number> = new Map()): ReadExternal {
  return (location, offset, length) => {
    const path = `${folder}${location}`;
    const read = <T>(step: () => T): T => {
      try {
        return step();
      } catch (cause) {
        if (cause instanceof ModelError) throw cause;
        throw new ModelError(`Cannot read external data "${location}": ${reasonOf(cause)}`, { cause });
      }
    };
    const size = sizes.get(location) ?? read(() => checkedSize(folder, location));
    sizes.set(location, size);
    if (offset + length > size) {
      throw new ModelError(
        `Cannot read external data "${location}": bytes ${offset} to ${offset + length}, the file has ${size}`,
      );
    }
    return read(() => readPart(path, offset, length));
  };
}

/** Bytes of a file that may be read; throws where it lies elsewhere or is no file. */
function checkedSize(folder: string, location: string): number {
  const outside = new ModelError(`Cannot read external data "${location}": it lies outside the model's folder`);
  const isOutside = location.startsWith("/") || location.startsWith("\\") || /^[A-Za-z]:/.test(location) ||
    location.split(/[/\\]/).includes("..");
  if (isOutside) throw outside;
  const path = `${folder}${location}`;
  const root = Deno.realPathSync(folder || ".").replace(/[/\\]$/, "");
  if (!Deno.realPathSync(path).replaceAll("\\", "/").startsWith(`${root.replaceAll("\\", "/")}/`)) throw outside;
  const { isFile, isDirectory, size } = Deno.statSync(path);
  if (!isFile) {
    throw new ModelError(
      `Cannot read external data "${location}": it is ${isDirectory ? "a folder" : "a device"}, expected a file`,
    );
  }
  return size;
}

function readPart(path: string, offset: number, length: number): Uint8Array {
  using file = Deno.openSync(path);
  file.seekSync(offset, Deno.SeekMode.Start);
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const count = file.readSync(bytes.subarray(filled));
    if (count === null) throw new Error(`it ends at byte ${offset + filled}`);
    filled += count;
  }
  return bytes;
}

/** Why the system does not give a file. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof Deno.errors.NotFound) return "no such file";
  if (cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable) return "no permission";
  if (cause instanceof Deno.errors.IsADirectory) return "it is a folder";
  return cause instanceof Error ? cause.message : String(cause);
}
