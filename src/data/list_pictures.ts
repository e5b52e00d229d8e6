/** The picture files of a folder. */
import { DatasetError } from "../base/errors.ts";

/** Also kinds that cannot be decoded: they are named in an error instead of being left out without a word. */
const PICTURE = /\.(jpe?g|png|bmp|gif|webp|tiff?|ppm|pgm)$/i;

/** Paths of all pictures below `folder`, relative to it with forward slashes, in the order of their code units. */
export async function listPictures(folder: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (path: string, prefix: string): Promise<void> => {
    for await (const entry of Deno.readDir(path)) {
      if (entry.name.startsWith(".")) continue;
      const isFolder = entry.isDirectory ||
        (entry.isSymlink && (await Deno.stat(`${path}/${entry.name}`).catch(() => undefined))?.isDirectory);
      if (isFolder) await walk(`${path}/${entry.name}`, `${prefix}${entry.name}/`);
      else if (PICTURE.test(entry.name)) files.push(prefix + entry.name);
    }
  };
  try {
    await walk(folder.replace(/\/+$/, ""), "");
  } catch (cause) {
    const found = cause instanceof Deno.errors.NotFound
      ? "it does not exist"
      : cause instanceof Deno.errors.NotADirectory
      ? "it is a file, expected a folder of pictures"
      : String(cause);
    throw new DatasetError(`Cannot read folder "${folder}": ${found}`, { cause });
  }
  return files.sort(byCodeUnits);
}

/** The same order on every machine, whatever its language. */
export function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
