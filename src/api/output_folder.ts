/** Writing results: tried out before the work begins, and never half a file. */
import { join } from "node:path";

/** Names of files under way: of the trial, and of results. */
const PROBE = /^\.holdfast-[0-9a-f-]{36}$/;
const PARTIAL = /\.[0-9a-f]{8}-[0-9a-f-]{27}\.partial$/;

/** Time after which nobody writes a file under way any more, in ms. */
const ABANDONED_MS = 10 * 60 * 1000;

/** @internal A folder that results go to. Throws Error, saying why, where it cannot be made or written. */
export class OutputFolder {
  private constructor(readonly path: string) {}

  /** Makes the folder, tries to write into it, and removes what a process that was killed left half written. */
  static async open(path: string): Promise<OutputFolder> {
    const probe = join(path, `.holdfast-${crypto.randomUUID()}`);
    try {
      await Deno.mkdir(path, { recursive: true });
      await Deno.writeTextFile(probe, "");
      await Deno.remove(probe);
    } catch (cause) {
      throw new Error(`Cannot write to folder "${path}": ${reasonOf(cause)}`, { cause });
    }
    // What lies around does no harm, so a folder that cannot be listed is good enough.
    await removeAbandoned(path).catch(() => {});
    return new OutputFolder(path);
  }

  /** A folder that nothing was tried on, for whoever does not write. */
  static untried(path: string): OutputFolder {
    return new OutputFolder(path);
  }

  /** Path of a file in the folder. */
  pathOf(name: string): string {
    return join(this.path, name);
  }

  /**
   * Writes a file beside its place and renames it there once it is on the disk, so that no reader sees half of it, whatever happens;
   * gives its path. A folder that was removed meanwhile is made again.
   */
  async write(name: string, content: Uint8Array | string): Promise<string> {
    const path = join(this.path, name);
    const beside = `${path}.${crypto.randomUUID()}.partial`;
    try {
      await Deno.mkdir(this.path, { recursive: true });
      await writeDurably(beside, typeof content === "string" ? new TextEncoder().encode(content) : content);
      await Deno.rename(beside, path);
    } catch (cause) {
      await Deno.remove(beside).catch(() => {});
      throw new Error(`Cannot write "${path}": ${reasonOf(cause)}`, { cause });
    }
    return path;
  }
}

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
  await file.syncData();
}

async function removeAbandoned(folder: string): Promise<void> {
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (!isFile || !(PROBE.test(name) || PARTIAL.test(name))) continue;
    const path = join(folder, name);
    const { mtime } = await Deno.lstat(path).catch(() => ({ mtime: null }));
    if (mtime && Date.now() - mtime.getTime() > ABANDONED_MS) await Deno.remove(path).catch(() => {});
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable) return "no permission";
  if (cause instanceof Deno.errors.NotADirectory || cause instanceof Deno.errors.AlreadyExists) {
    return "a part of the path is a file";
  }
  return cause instanceof Error ? cause.message : String(cause);
}
