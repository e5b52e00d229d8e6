/** One folder of the ONNX backend tests: model.onnx, and test_data_set_* with input_*.pb and output_*.pb. */
import { join } from "node:path";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { elementCount, type HostTensor, isFloat } from "../base/tensor.ts";
import { withInitializers } from "../graph/edit.ts";
import type { Graph } from "../graph/graph.ts";
import { importGraph } from "../graph/import.ts";
import { decodeModel, decodeTensorProto } from "../onnx/decode.ts";
import { tensorFromProto } from "../onnx/tensor.ts";
import { inferTypes } from "../ops/infer.ts";
import { Session } from "../run/session.ts";
import { type Closeness, differenceOf } from "./closeness.ts";
import type { Runtime } from "./runtime.ts";
import { buildPlan } from "../plan/build.ts";
import type { Plan } from "../plan/plan.ts";

/** What is found out about a folder on the way, kept even where the check fails. */
export interface FolderCheck {
  operators: readonly string[];
  opset: number | undefined;
  isHostOnly: boolean;
}

/** Elements up to which a float input may be what an operator takes for scales or a region rather than for data. */
const SMALL = 16;

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
    const expected = await readTensors(join(folder, set), "output");
    for (const tensor of [...inputs.values(), ...expected]) refuseWideDoubles(tensor);
    const { plan, bound } = planFor(graph, inputs);
    if (plan.steps.length > 0) check.isHostOnly = false;
    const outputs = await runPlan(runtime, plan, inputs, bound);
    for (const [place, wanted] of expected.entries()) {
      const output = outputs[place];
      const difference = output ? differenceOf(output, wanted, closeness) : "is missing";
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

/** float64 is computed in float32. */
function refuseWideDoubles({ dtype, data }: HostTensor): void {
  const wide = dtype === "float64"
    ? data.find((value) => Number.isFinite(value) && !Number.isFinite(Math.fround(value)))
    : undefined;
  if (wide !== undefined) {
    throw new UnsupportedError(`Cannot compute with ${wide}: float64 is computed in float32, which ends at 3.4e38`);
  }
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
  return new Map(graph.inputs.map(({ name }, place) => [name, tensors[place]!]));
}

/**
 * Plans the network with every input given at run time. Where that is not supported because the contents of an input decide
 * shapes, inputs that may be such (integers, then short float vectors) become constants, as they are in real networks.
 */
function planFor(graph: Graph, inputs: ReadonlyMap<string, HostTensor>): { plan: Plan; bound: ReadonlySet<string> } {
  const entries = [...inputs];
  const attempts = [
    [],
    entries.filter(([, { dtype }], place) => place > 0 && !isFloat(dtype)),
    entries.filter(([, { dtype }]) => !isFloat(dtype)),
    entries.filter(([, tensor], place) => place > 0 && maySteer(tensor)),
    entries.filter(([, tensor]) => maySteer(tensor)),
  ];
  let refusal: UnsupportedError | undefined;
  for (const constants of attempts) {
    if (refusal && constants.length === 0) continue;
    try {
      return { plan: planWith(graph, inputs, new Map(constants)), bound: new Set(constants.map(([name]) => name)) };
    } catch (error) {
      if (!(error instanceof UnsupportedError)) throw error;
      refusal ??= error;
    }
  }
  throw refusal ?? new UnsupportedError("Cannot plan network");
}

function maySteer({ dtype, shape }: HostTensor): boolean {
  return !isFloat(dtype) || (shape.length <= 1 && elementCount(shape) <= SMALL);
}

function planWith(
  graph: Graph,
  inputs: ReadonlyMap<string, HostTensor>,
  constants: ReadonlyMap<string, HostTensor>,
): Plan {
  const bound = withInitializers(
    { ...graph, inputs: graph.inputs.filter(({ name }) => !constants.has(name)) },
    constants,
  );
  const types = new Map(bound.inputs.map(({ name }) => {
    const { dtype, shape } = inputs.get(name)!;
    return [name, { dtype, shape }] as const;
  }));
  return buildPlan(inferTypes(bound, types));
}

async function runPlan(
  runtime: Runtime,
  plan: Plan,
  inputs: ReadonlyMap<string, HostTensor>,
  bound: ReadonlySet<string>,
): Promise<HostTensor[]> {
  using session = await Session.create(runtime.gpu, runtime.pipelines, plan);
  for (const [name, tensor] of inputs) if (!bound.has(name)) session.writeInput(name, tensor);
  session.run();
  const outputs = await session.read();
  runtime.gpu.check();
  return outputs;
}
