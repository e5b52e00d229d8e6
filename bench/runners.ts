/** Whoever runs a network: upload, run, read back, once per call. */
import ort from "onnxruntime-node";
import * as ortWeb from "onnxruntime-web/webgpu";
import type { HostTensor } from "../src/base/tensor.ts";
import type { Gpu } from "../src/gpu/device.ts";
import type { PipelineCache } from "../src/gpu/pipelines.ts";
import type { Graph } from "../src/graph/graph.ts";
import { Session } from "../src/run/session.ts";
import { planFor } from "./networks.ts";

/** Runs one network for inputs of one batch size. */
export interface Runner {
  readonly name: string;
  /** Outputs of the inputs that it was made for. */
  run(): Promise<ArrayLike<number>[]>;
  close(): Promise<void>;
}

/** This project. A batch whose values no binding of the adapter can hold runs in equal parts, as in an evaluation. */
export async function openHoldfast(
  { gpu, pipelines }: { readonly gpu: Gpu; readonly pipelines: PipelineCache },
  graph: Graph,
  inputs: ReadonlyMap<string, HostTensor>,
  batch: number,
): Promise<Runner> {
  let part = batch;
  let { plan } = planFor(gpu, graph, part);
  while (part % 2 === 0 && plan.slots.some(({ byteLength }) => byteLength > gpu.largestBinding)) {
    part /= 2;
    ({ plan } = planFor(gpu, graph, part));
  }
  const parts = Array.from(
    { length: batch / part },
    (_, index) => new Map([...inputs].map(([name, tensor]) => [name, samplesOf(tensor, index * part, part)])),
  );
  const session = await Session.create(gpu, pipelines, plan);
  return {
    name: "holdfast",
    async run() {
      const found: ArrayLike<number>[][] = [];
      for (const own of parts) {
        for (const [name, tensor] of own) session.writeInput(name, tensor);
        session.run();
        found.push((await session.read()).map(({ data }) => data));
      }
      return found[0]!.map((first, output) =>
        parts.length === 1 ? first : found.flatMap((one) => Array.from(one[output]!))
      );
    },
    close: () => Promise.resolve(session[Symbol.dispose]()),
  };
}

function samplesOf({ dtype, shape, data }: HostTensor, start: number, count: number): HostTensor {
  const [batch, ...rest] = shape;
  const length = data.length / batch!;
  return { dtype, shape: [count, ...rest], data: data.slice(start * length, (start + count) * length) };
}

/** onnxruntime-web on WebGPU, in this process and on the same adapter. */
export async function openWeb(path: string, inputs: ReadonlyMap<string, HostTensor>): Promise<Runner> {
  ortWeb.env.logLevel = "error";
  const session = await ortWeb.InferenceSession.create(await Deno.readFile(path), {
    executionProviders: ["webgpu"],
    logSeverityLevel: 3,
  });
  const feeds = Object.fromEntries([...inputs].map(([name, tensor]) => [name, webTensor(tensor)]));
  return {
    name: "onnxruntime-web",
    async run() {
      const results = await session.run(feeds);
      return await Promise.all(
        session.outputNames.map(async (name) => await results[name]!.getData() as ArrayLike<number>),
      );
    },
    close: () => session.release(),
  };
}

/** onnxruntime-node on the CPU, with as many threads as it likes. */
export async function openNode(path: string, inputs: ReadonlyMap<string, HostTensor>): Promise<Runner> {
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 });
  const feeds = Object.fromEntries([...inputs].map(([name, tensor]) => [name, nodeTensor(tensor)]));
  return {
    name: "onnxruntime-node",
    async run() {
      const results = await session.run(feeds);
      return session.outputNames.map((name) => results[name]!.data as unknown as ArrayLike<number>);
    },
    close: () => session.release(),
  };
}

function webTensor(tensor: HostTensor): ortWeb.Tensor {
  const { type, data, dims } = contentOf(tensor);
  return type === "int64" ? new ortWeb.Tensor(type, data, dims) : new ortWeb.Tensor(type, data, dims);
}

function nodeTensor(tensor: HostTensor): ort.Tensor {
  const { type, data, dims } = contentOf(tensor);
  return type === "int64" ? new ort.Tensor(type, data, dims) : new ort.Tensor(type, data, dims);
}

type Content =
  | { readonly type: "int64"; readonly data: BigInt64Array; readonly dims: number[] }
  | { readonly type: "float32"; readonly data: Float32Array; readonly dims: number[] };

function contentOf({ dtype, shape, data }: HostTensor): Content {
  const dims = [...shape];
  if (dtype === "int64") return { type: "int64", data: BigInt64Array.from(data, (value) => BigInt(value)), dims };
  if (dtype === "float32") return { type: "float32", data: Float32Array.from(data), dims };
  throw new TypeError(`Cannot give ONNX Runtime a tensor of ${dtype}`);
}

/** Largest difference of any output, relative to the largest magnitude in that output. */
export function largestDifference(
  actual: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
): number {
  let largest = 0;
  expected.forEach((output, index) => {
    let [scale, difference] = [1e-12, 0];
    for (let place = 0; place < output.length; place++) {
      scale = Math.max(scale, Math.abs(output[place]!));
      difference = Math.max(difference, Math.abs(actual[index]![place]! - output[place]!));
    }
    largest = Math.max(largest, difference / scale);
  });
  return largest;
}
