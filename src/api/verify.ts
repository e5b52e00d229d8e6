/** Runs folders in the layout of the ONNX backend tests on the GPU and compares what comes out with what they expect. */
import { join } from "node:path";
import { DatasetError, UnsupportedError } from "../base/errors.ts";
import { Runtime } from "./runtime.ts";
import type { Closeness } from "./closeness.ts";
import { checkFolder, type FolderCheck } from "./verify_folder.ts";

/** What became of one folder. */
export interface Verdict {
  /** Folder of the case. */
  readonly folder: string;
  /** Whether outputs agree, differ, or need what is not supported. */
  readonly status: "passed" | "failed" | "unsupported";
  /** What is wrong, or not supported; for a passed folder undefined. */
  readonly detail: string | undefined;
  /** Operator types of the network, each once; empty where the file could not be read. */
  readonly operators: readonly string[];
  /** Opset of the network, where it could be read. */
  readonly opset: number | undefined;
  /** Whether nothing ran on the GPU: the host computed everything, or nothing is computed at all (Reshape). */
  readonly isHostOnly: boolean;
  /** Whether the host computed some output: from constants and shapes, or since shapes depend on data. */
  readonly isOnHost: boolean;
}

/** Tolerances of the ONNX backend tests. */
export const DEFAULT_CLOSENESS: Closeness = { relative: 1e-3, absolute: 1e-7 };

/**
 * Finds the test folders at and below `paths`, sorted: those with a model.onnx.
 *
 * ```ts
 * import { findTestFolders } from "@holdfast/holdfast";
 *
 * console.log(await findTestFolders(["."]));
 * ```
 *
 * @throws {DatasetError} where a path has none
 */
export async function findTestFolders(paths: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of paths) {
    const folders = await testFoldersBelow(path);
    if (folders.length === 0) {
      throw new DatasetError(`Cannot verify "${path}": no folder with a model.onnx at or below it`);
    }
    found.push(...folders);
  }
  return [...new Set(found)];
}

/**
 * Verifies folders one after the other. Nothing in a folder ends the run; a GPU that failed is opened anew.
 *
 * ```ts
 * import { findTestFolders, verifyFolders } from "@holdfast/holdfast";
 *
 * for await (const { folder, status } of verifyFolders(await findTestFolders(["."]))) console.log(status, folder);
 * ```
 */
export async function* verifyFolders(
  folders: readonly string[],
  options: { readonly closeness?: Closeness; readonly software?: boolean; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Verdict> {
  const { closeness = DEFAULT_CLOSENESS, software = false, signal } = options;
  let runtime = await Runtime.open({ software });
  try {
    for (const folder of folders) {
      signal?.throwIfAborted();
      const { verdict, hasBrokenDevice } = await verdictOn(runtime, folder, closeness);
      yield verdict;
      if (hasBrokenDevice) {
        runtime[Symbol.dispose]();
        runtime = await Runtime.open({ software });
      }
    }
  } finally {
    runtime[Symbol.dispose]();
  }
}

async function verdictOn(
  runtime: Runtime,
  folder: string,
  closeness: Closeness,
): Promise<{ verdict: Verdict; hasBrokenDevice: boolean }> {
  const check: FolderCheck = { operators: [], opset: undefined, isHostOnly: false, isOnHost: false };
  let status: Verdict["status"] = "passed";
  let detail: string | undefined;
  let hasBrokenDevice = false;
  try {
    detail = await checkFolder(runtime, folder, closeness, check);
    runtime.gpu.check();
    if (detail !== undefined) status = "failed";
  } catch (error) {
    status = error instanceof UnsupportedError ? "unsupported" : "failed";
    detail = error instanceof Error ? error.message : String(error);
    hasBrokenDevice = isBroken(runtime);
  }
  return { verdict: { folder, status, detail, ...check }, hasBrokenDevice };
}

function isBroken(runtime: Runtime): boolean {
  try {
    runtime.gpu.check();
    return false;
  } catch {
    return true;
  }
}

async function testFoldersBelow(path: string): Promise<string[]> {
  const entries: Deno.DirEntry[] = [];
  try {
    for await (const entry of Deno.readDir(path)) entries.push(entry);
  } catch (cause) {
    throw new DatasetError(`Cannot verify "${path}": it is no folder that can be read`, { cause });
  }
  if (entries.some((entry) => entry.name === "model.onnx")) return [path];
  const below: string[] = [];
  for (const { name, isDirectory } of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
    if (isDirectory) below.push(...await testFoldersBelow(join(path, name)));
  }
  return below;
}
