/** Whoever runs a network: call by call, with an upload and a read-back in each, or as a stream of batches. */
import ort from "onnxruntime-node";
import * as ortWeb from "onnxruntime-web/webgpu";
import { allocate, type HostTensor } from "../src/base/tensor.ts";
import { createPool, readBuffers, tensorFromWords } from "../src/gpu/buffers.ts";
import type { Gpu } from "../src/gpu/device.ts";
import { StagingBuffers } from "../src/gpu/staging.ts";
import type { PipelineCache } from "../src/gpu/pipelines.ts";
import type { Graph } from "../src/graph/graph.ts";
import { byteLengthOf } from "../src/plan/plan.ts";
import { Session } from "../src/run/session.ts";
import { planFor } from "./networks.ts";

/** Runs one network for inputs of one batch size. */
export interface Runner {
  readonly name: string;
  /** Outputs of the inputs that it was made for. */
  run(): Promise<ArrayLike<number>[]>;
  /** Uploads and runs the inputs so many times, waiting for results as seldom as its interface permits; the last batch's outputs. */
  stream?(batches: number): Promise<ArrayLike<number>[]>;
  close(): Promise<void>;
}

/** Bytes of results that are gathered on the GPU before they are read, as in an evaluation. */
const RESULT_BYTES = 48 * 1024 * 1024;

/** A session with what its results are read through. */
interface Running {
  readonly gpu: Gpu;
  readonly session: Session;
  readonly staging: StagingBuffers;
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
  const staging = new StagingBuffers(gpu.device);
  return {
    name: "holdfast",
    run: () => runParts({ gpu, session, staging }, parts),
    async stream(batches) {
      const all = Array.from({ length: batches }, () => parts).flat();
      return joined((await streamOf({ gpu, session, staging }, all)).slice(-parts.length));
    },
    close() {
      staging[Symbol.dispose]();
      session[Symbol.dispose]();
      return Promise.resolve();
    },
  };
}

/** Outputs of a batch that runs in parts, each read to where it belongs in the whole. */
async function runParts(
  { gpu, session, staging }: Running,
  parts: readonly ReadonlyMap<string, HostTensor>[],
): Promise<ArrayLike<number>[]> {
  const outputs = session.plan.outputs.map(({ type, slot }) => ({ type, ...session.slotPart(slot!) }));
  const wholes = outputs.map(({ type }) => new Uint8Array(parts.length * byteLengthOf(type)));
  for (const [place, inputs] of parts.entries()) {
    for (const [name, tensor] of inputs) session.writeInput(name, tensor);
    session.run();
    await readBuffers(
      gpu,
      outputs.map(({ type, buffer, offset }, output) => {
        const byteLength = byteLengthOf(type);
        const target = wholes[output]!.subarray(place * byteLength, (place + 1) * byteLength);
        return { buffer, byteOffset: offset, byteLength, target };
      }),
      staging,
    );
  }
  return outputs.map(({ type: { dtype, shape } }, output) => {
    const [batch = 1, ...rest] = shape;
    return tensorFromWords(wholes[output]!.buffer, dtype, [parts.length * batch, ...rest]).data;
  });
}

/** Outputs of all batches: they are submitted one after the other, and their results read together. */
async function streamOf(
  { gpu, session, staging }: Running,
  batches: readonly ReadonlyMap<string, HostTensor>[],
): Promise<HostTensor[][]> {
  const computed = session.plan.outputs.filter(({ slot }) => slot !== undefined);
  const batchBytes = computed.reduce((sum, { type }) => sum + byteLengthOf(type), 0);
  const atOnce = Math.min(batches.length, Math.max(1, Math.floor(RESULT_BYTES / batchBytes)));
  const results = createPool(gpu, atOnce * batchBytes, "results");
  const found: HostTensor[][] = [];
  try {
    for (let start = 0; start < batches.length; start += atOnce) {
      const chosen = batches.slice(start, start + atOnce);
      const parts = chosen.flatMap((inputs, place) => {
        for (const [name, tensor] of inputs) session.writeInput(name, tensor);
        const encoder = gpu.device.createCommandEncoder();
        session.encode(encoder);
        let at = place * batchBytes;
        const copied = computed.map(({ type, slot }) => {
          const { buffer, offset } = session.slotPart(slot!);
          const part = { buffer: results, byteOffset: at, byteLength: byteLengthOf(type), type };
          encoder.copyBufferToBuffer(buffer, offset, results, at, part.byteLength);
          at += part.byteLength;
          return part;
        });
        gpu.device.queue.submit([encoder.finish()]);
        return copied;
      });
      const words = await readBuffers(gpu, parts, staging);
      const tensors = parts.map(({ type }, index) => tensorFromWords(words[index]!, type.dtype, type.shape));
      for (const place of chosen.keys()) {
        found.push(tensors.slice(place * computed.length, (place + 1) * computed.length));
      }
    }
    return found;
  } finally {
    results.destroy();
  }
}

/** Outputs of the parts of a batch as those of the batch. */
function joined(parts: readonly (readonly HostTensor[])[]): ArrayLike<number>[] {
  return parts[0]!.map(({ dtype, data }, output) => {
    if (parts.length === 1) return data;
    const whole = allocate(dtype, data.length * parts.length);
    parts.forEach((part, index) => whole.set(part[output]!.data, index * data.length));
    return whole;
  });
}

function samplesOf({ dtype, shape, data }: HostTensor, start: number, count: number): HostTensor {
  const [batch, ...rest] = shape;
  const length = data.length / batch!;
  return { dtype, shape: [count, ...rest], data: data.slice(start * length, (start + count) * length) };
}

/** onnxruntime-web on WebGPU, in this process and on the same adapter. */
export async function openWeb(path: string, inputs: ReadonlyMap<string, HostTensor>): Promise<Runner> {
  ortWeb.env.logLevel = "error";
  const bytes = await Deno.readFile(path);
  const options = { executionProviders: ["webgpu"], logSeverityLevel: 3 } as const;
  const session = await ortWeb.InferenceSession.create(bytes, options);
  let streaming: ortWeb.InferenceSession | undefined;
  const feeds = Object.fromEntries([...inputs].map(([name, tensor]) => [name, webTensor(tensor)]));
  const read = (results: ortWeb.InferenceSession.ReturnType) =>
    Promise.all(session.outputNames.map(async (name) => await results[name]!.getData() as ArrayLike<number>));
  return {
    name: "onnxruntime-web",
    run: async () => await read(await session.run(feeds)),
    async stream(batches) {
      streaming ??= await ortWeb.InferenceSession.create(bytes, { ...options, preferredOutputLocation: "gpu-buffer" });
      for (let batch = 1; batch < batches; batch++) {
        const results = await streaming.run(feeds);
        for (const name of session.outputNames) results[name]!.dispose();
      }
      const last = await streaming.run(feeds);
      const outputs = await read(last);
      for (const name of session.outputNames) last[name]!.dispose();
      return outputs;
    },
    async close() {
      await session.release();
      await streaming?.release();
    },
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
