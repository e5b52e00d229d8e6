/** Tiles that earlier runs chose, in the user's cache folder: one file per adapter and version of the project. */
import { KNOBS, readKnob } from "../base/knobs.ts";
import type { AdapterDescription } from "../gpu/device.ts";
import { VERSION } from "./version.ts";

/** What a run knows of the tiles before it measures any. */
export class TileCache {
  /** Shape → numbers of its tile. */
  readonly tiles: Map<string, string>;
  /** undefined where nothing can be kept. */
  readonly #file: { readonly folder: string; readonly name: string } | undefined;

  private constructor(tiles: Map<string, string>, file: { folder: string; name: string } | undefined) {
    this.tiles = tiles;
    this.#file = file;
  }

  /** Reads what is there; a file that cannot be read, or is none of ours, counts as empty. */
  static async open(adapter: AdapterDescription): Promise<TileCache> {
    const folder = cacheFolder();
    if (folder === undefined) return new TileCache(new Map(), undefined);
    const identity = JSON.stringify([VERSION, adapter.vendor, adapter.architecture, adapter.description]);
    const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(identity)));
    const file = { folder, name: `tiles-${hash.toHex().slice(0, 16)}.json` };
    return new TileCache(await readTiles(`${folder}/${file.name}`), file);
  }

  /** Adds the tiles to those that the file has by now; gives why not, or where they are. */
  async save(): Promise<{ readonly path: string } | { readonly reason: string }> {
    if (!this.#file) return { reason: "there is no cache folder: XDG_CACHE_HOME and HOME are not to be read" };
    const { folder, name } = this.#file;
    if (!isGranted("write", folder)) return { reason: `writing to "${folder}" is not allowed` };
    try {
      const others = await readTiles(`${folder}/${name}`);
      const tiles = Object.fromEntries([...others, ...this.tiles].sort(([a], [b]) => a < b ? -1 : 1));
      const text = JSON.stringify({ version: 1, holdfast: VERSION, tiles }, undefined, 2);
      const path = `${folder}/${name}`;
      const beside = `${path}.${crypto.randomUUID()}.partial`;
      await Deno.mkdir(folder, { recursive: true });
      await Deno.writeTextFile(beside, `${text}\n`);
      await Deno.rename(beside, path);
      return { path };
    } catch (error) {
      return { reason: error instanceof Error ? error.message : String(error) };
    }
  }
}

/** `$XDG_CACHE_HOME/holdfast`, `%LOCALAPPDATA%\holdfast` or `~/.cache/holdfast`; undefined where none of them is known. */
function cacheFolder(): string | undefined {
  const home = readKnob(KNOBS.home);
  const base = readKnob(KNOBS.cacheHome) || readKnob(KNOBS.localData) || (home && `${home}/.cache`);
  return base ? `${base}/holdfast` : undefined;
}

async function readTiles(path: string): Promise<Map<string, string>> {
  if (!isGranted("read", path)) return new Map();
  try {
    const { tiles } = JSON.parse(await Deno.readTextFile(path)) as { readonly tiles?: unknown };
    const entries = tiles !== null && typeof tiles === "object" ? Object.entries(tiles) : [];
    return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"));
  } catch {
    return new Map();
  }
}

/** Asks nobody: a cache is not worth a prompt. */
function isGranted(name: "read" | "write", path: string): boolean {
  return Deno.permissions.querySync({ name, path }).state === "granted";
}
