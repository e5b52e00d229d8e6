/** Loading a model: bytes or a file → a graph ready for everything else. */
import { ModelError } from "../base/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { importGraph } from "../graph/import.ts";
import { decodeModel } from "../onnx/decode.ts";
import { externalReader, reasonOf } from "./external_files.ts";

/** A loaded model. */
export interface Model {
  /** File stem, or "model". */
  readonly name: string;
  /** @internal The network as the file has it. */
  readonly graph: Graph;
  /** Size of the file, and of the files of external data that it reads. */
  readonly byteLength: number;
  /** Hex SHA-256 of the file. */
  readonly sha256: string;
}

/**
 * Loads an ONNX model from a file (external data beside it included) or from bytes.
 *
 * ```ts
 * import { loadModel } from "@holdfast/holdfast";
 *
 * const model = await loadModel("model.onnx");
 * console.log(model.name, model.byteLength);
 * ```
 */
export async function loadModel(source: string | Uint8Array<ArrayBuffer>): Promise<Model> {
  const bytes = typeof source === "string" ? await readModelFile(source) : source;
  const folder = typeof source === "string" ? source.replace(/[^/\\]*$/, "") : undefined;
  // Copied before this returns, and computed in a thread of its own.
  const digest = crypto.subtle.digest("SHA-256", bytes);
  const external = new Map<string, number>();
  const graph = importGraph(
    decodeModel(bytes, typeof source === "string" ? ` "${source}"` : ""),
    folder === undefined ? undefined : externalReader(folder, external),
  );
  return {
    name: typeof source === "string" ? source.replace(/^.*[/\\]/, "").replace(/\.onnx$/i, "") : graph.name || "model",
    graph,
    byteLength: [...external.values()].reduce((sum, size) => sum + size, bytes.length),
    sha256: new Uint8Array(await digest).toHex(),
  };
}

async function readModelFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { isCharDevice, isBlockDevice } = await Deno.stat(path);
    if (isCharDevice || isBlockDevice) throw new Error("it is a device, expected a file");
    return await Deno.readFile(path);
  } catch (cause) {
    throw new ModelError(`Cannot read model "${path}": ${reasonOf(cause)}`, { cause });
  }
}
