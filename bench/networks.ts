/** The networks that are measured: the embedded one, and those of ../shared/data where that folder is there. */
import { createRandom } from "../src/base/random.ts";
import { elementCount, type HostTensor, hostTensor, isFloat, type TensorType } from "../src/base/tensor.ts";
import { loadModel } from "../src/api/model.ts";
import type { Gpu } from "../src/gpu/device.ts";
import type { Graph } from "../src/graph/graph.ts";
import type { Quantizer } from "../src/graph/quantizer.ts";
import { inferTypes, type TypedGraph } from "../src/ops/infer.ts";
import { inlineControlFlow } from "../src/passes/inline_control_flow.ts";
import { liftBatch } from "../src/passes/lift_batch.ts";
import { runPasses } from "../src/passes/run_passes.ts";
import { widenFloats } from "../src/passes/widen_floats.ts";
import { buildPlan } from "../src/plan/build.ts";
import type { Plan } from "../src/plan/plan.ts";

/** A model file to measure. */
export interface BenchNetwork {
  readonly name: string;
  readonly path: string;
}

/** A network for one batch size. */
export interface BenchPlan {
  readonly typed: TypedGraph;
  readonly plan: Plan;
}

const ROOT = new URL("../", import.meta.url).pathname;

/** Names of networks in ../shared/data, roughly from the fastest to the slowest. */
const SHARED = [
  "mlperf_tiny_kws_dscnn",
  "mlperf_tiny_resnet8_cifar10",
  "cifar10_resnet20",
  "mobilenet_v1_0.25_224",
  "use_lite_sst2",
  "squeezenet1.1_224",
  "fastestdet_coco_352",
  "mobilenet_v2_1.0_224",
  "deeplabv3_mnv2_voc_257",
  "ppocrv4_rec_48x480",
];

/** Networks that are there, in order; says which are not. */
export function benchNetworks(pattern: RegExp): BenchNetwork[] {
  const all = [
    { name: "mobilenet_v3_fashion", path: `${ROOT}models/fashion_mnist/mobilenet_v3_fashion.onnx` },
    ...SHARED.map((name) => ({ name, path: `${ROOT}../shared/data/models/${name}.onnx` })),
  ];
  const wanted = all.filter(({ name }) => pattern.test(name));
  const missing = wanted.filter(({ path }) => !exists(path));
  if (missing.length > 0) console.error(`SKIPPED: ${missing.map(({ name }) => name).join(", ")} not found`);
  return wanted.filter((network) => !missing.includes(network));
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Shapes of the inputs for a batch size. */
export function inputTypes(graph: Graph, batch: number): Map<string, TensorType> {
  return new Map(graph.inputs.map(({ name, dtype, shape }) => {
    const rest = (shape ?? []).slice(1).map((extent) => {
      if (typeof extent !== "number") throw new Error(`Cannot measure network: input "${name}" has extent ${extent}`);
      return extent;
    });
    return [name, { dtype, shape: [batch, ...rest] }];
  }));
}

/** Loads a network and runs the passes, as an evaluation would. */
export async function loadNetwork({ path }: BenchNetwork): Promise<Graph> {
  const { graph } = await loadModel(path);
  const straight = inlineControlFlow(widenFloats(graph), inputTypes(graph, 1));
  const lifted = liftBatch(straight, inputTypes);
  if (!lifted.takesAnyBatch) throw new Error(`Cannot measure network: ${lifted.reason}`);
  return runPasses(lifted.graph, inputTypes(lifted.graph, 1));
}

/** Plans a network for a batch size. */
export function planFor(gpu: Gpu, graph: Graph, batch: number, quantizers: readonly Quantizer[] = []): BenchPlan {
  const typed = inferTypes(graph, inputTypes(graph, batch));
  return { typed, plan: buildPlan(typed, quantizers, { target: gpu.kernelTarget }) };
}

/** Seeded inputs: floats in [-1, 1), small positive integers, masks of ones. */
export function inputsFor(graph: Graph, batch: number): Map<string, HostTensor> {
  const random = createRandom(1);
  return new Map([...inputTypes(graph, batch)].map(([name, { dtype, shape }]) => {
    const draw = isFloat(dtype)
      ? () => 2 * random() - 1
      : /mask/.test(name)
      ? () => 1
      : () => 1 + Math.floor(99 * random());
    return [name, hostTensor(dtype, shape, Float64Array.from({ length: elementCount(shape) }, draw))];
  }));
}
