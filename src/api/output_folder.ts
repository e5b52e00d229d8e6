/** Writing results: tried out before the work begins, and never half a file. */
import { join } from "node:path";

/** A folder that results go to. Throws Error, saying why, where it cannot be made or written. */
export class OutputFolder {
  private constructor(readonly path: string) {}

  /** Makes the folder and tries to write into it. */
  static async open(path: string): Promise<OutputFolder> {
    const probe = join(path, `.holdfast-${crypto.randomUUID()}`);
    try {
      await Deno.mkdir(path, { recursive: true });
      await Deno.writeTextFile(probe, "");
      await Deno.remove(probe);
    } catch (cause) {
      throw new Error(`Cannot write to folder "${path}": ${reasonOf(cause)}`, { cause });
    }
    return new OutputFolder(path);
  }

  /** Path of a file in the folder. */
  pathOf(name: string): string {
    return join(this.path, name);
  }

  /** Writes a file beside its place and renames it there, so that no reader sees half of it; gives its path. */
  async write(name: string, content: Uint8Array | string): Promise<string> {
    const path = join(this.path, name);
    const beside = `${path}.${crypto.randomUUID()}.partial`;
    try {
      await Deno.writeFile(beside, typeof content === "string" ? new TextEncoder().encode(content) : content);
      await Deno.rename(beside, path);
    } catch (cause) {
      await Deno.remove(beside).catch(() => {});
      throw new Error(`Cannot write "${path}": ${reasonOf(cause)}`, { cause });
    }
    return path;
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof Deno.errors.PermissionDenied || cause instanceof Deno.errors.NotCapable) return "no permission";
  if (cause instanceof Deno.errors.NotADirectory || cause instanceof Deno.errors.AlreadyExists) {
    return "a part of the path is a file";
  }
  return cause instanceof Error ? cause.message : String(cause);
}
