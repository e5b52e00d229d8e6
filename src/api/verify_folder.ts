/** One folder of the ONNX backend tests: model.onnx, and test_data_set_* with input_*.pb and output_*.pb. */
import { join } from "node:path";
import { ModelError } from "../base/errors.ts";
import { bfloat16FromBits, type DType, type HostTensor } from "../base/tensor.ts";
import type { Graph } from "../graph/graph.ts";
import { importGraph } from "../graph/import.ts";
import { decodeModel, decodeTensorProto } from "../onnx/decode.ts";
import { tensorFromProto } from "../onnx/tensor.ts";
import { planFor, runBound } from "./bound_plan.ts";
import { type Closeness, closenessFor, differenceOf } from "./closeness.ts";
import { openNetwork } from "./planned_network.ts";
import type { Runtime } from "./runtime.ts";

/** What is found out about a folder on the way, kept even where the check fails. */
export interface FolderCheck {
  operators: readonly string[];
  opset: number | undefined;
  isHostOnly: boolean;
  isOnHost: boolean;
}

/** Runs all data sets of a folder. Returns the first difference, undefined where there is none; throws what stops it. */
export async function checkFolder(
  runtime: Runtime,
  folder: string,
  closeness: Closeness,
  check: FolderCheck,
): Promise<string | undefined> {
  const proto = decodeModel(await Deno.readFile(join(folder, "model.onnx")));
  check.operators = [...new Set((proto.graph?.node ?? []).map(({ opType }) => opType ?? ""))];
  const graph = importGraph(proto);
  check.opset = graph.opset;
  check.isHostOnly = true;
  const names = (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
  const sets = names.filter((name) => name.startsWith("test_data_set_")).sort();
  if (sets.length === 0) throw new ModelError(`Cannot verify "${folder}": it has no test_data_set_*`);
  for (const set of sets) {
    const inputs = inputsByName(graph, await readTensors(join(folder, set), "input"));
    const expected = (await readTensors(join(folder, set), "output"))
      .map((tensor, place) => withBits(tensor, graph.outputs[place]?.dtype));
    const isWide = [...inputs.values(), ...expected].some(hasWideDoubles);
    const bound = planFor(graph, inputs, {
      target: runtime.gpu.kernelTarget,
      fixed: isWide ? doublesAmong(inputs) : new Set(),
    });
    if (bound.plan.steps.length > 0) check.isHostOnly = false;
    if (bound.tail || bound.plan.outputs.some(({ slot }) => slot === undefined)) check.isOnHost = true;
    using session = await openNetwork(runtime, bound);
    const outputs = await runBound(runtime, session, bound, inputs);
    for (const [place, wanted] of expected.entries()) {
      const output = outputs[place];
      const difference = output ? differenceOf(output, wanted, closenessFor(check.operators, closeness)) : "is missing";
      if (difference !== undefined) return `output "${graph.outputs[place]?.name}" of ${set} ${difference}`;
    }
  }
  return undefined;
}

async function readTensors(folder: string, kind: "input" | "output"): Promise<HostTensor[]> {
  const names = (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
  const count = names.filter((name) => name.startsWith(`${kind}_`) && name.endsWith(".pb")).length;
  const tensors: HostTensor[] = [];
  for (let index = 0; index < count; index++) {
    tensors.push(tensorFromProto(decodeTensorProto(await Deno.readFile(join(folder, `${kind}_${index}.pb`)))));
  }
  return tensors;
}

/** Whether a value has no place in float32, which kernels compute in. */
function hasWideDoubles({ dtype, data }: HostTensor): boolean {
  return dtype === "float64" && data.some((value) => Number.isFinite(value) && !Number.isFinite(Math.fround(value)));
}

/** Inputs of type float64: as constants they are computed with on the host, in double precision. */
function doublesAmong(inputs: ReadonlyMap<string, HostTensor>): Set<string> {
  return new Set([...inputs].flatMap(([name, { dtype }]) => dtype === "float64" ? [name] : []));
}

/** Files follow the order of the network's inputs. */
function inputsByName(graph: Graph, tensors: readonly HostTensor[]): Map<string, HostTensor> {
  if (tensors.length !== graph.inputs.length) {
    throw new ModelError(
      `Cannot feed network: found ${tensors.length} input files, expected ${graph.inputs.length} (${
        graph.inputs.map(({ name }) => name).join(", ")
      })`,
    );
  }
  return new Map(graph.inputs.map(({ name, dtype }, place) => [name, withBits(tensors[place]!, dtype)]));
}

/** Older test files hold bfloat16 as its bits in uint16, which NumPy has. */
function withBits(tensor: HostTensor, dtype: DType | undefined): HostTensor {
  if (dtype !== "bfloat16" || tensor.dtype !== "uint16") return tensor;
  return { dtype, shape: tensor.shape, data: Float32Array.from(tensor.data, bfloat16FromBits) };
}
