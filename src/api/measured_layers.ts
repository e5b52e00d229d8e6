/** What the layers of a quantized network cost and lose, measured one by one when its precision is settled. */
import { type Assignment, FLOAT } from "../base/precision.ts";
import { DeviceError, ModelError, UnsupportedError } from "../base/errors.ts";
import { limitDataset } from "../evaluate/limited_dataset.ts";
import { PassProfiler } from "../gpu/profiler.ts";
import { nodeTimes } from "../report/profile.ts";
import type { Session } from "../run/session.ts";
import { chooseBatch } from "./network.ts";
import { pairedErrors } from "./paired_errors.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import { MEMORY_BUDGET } from "./memory_fit.ts";
import type { Runtime } from "./runtime.ts";
import type { Workbench } from "./workbench.ts";

/** Samples that outputs are compared on: errors of layers hardly depend on how many. */
const SAMPLES = 32;

/** Samples per batch of the comparison, which keeps two networks in memory at a time. */
const LARGEST_BATCH = 8;

/** Rounds of timing, and the time after which no further one begins, in ms. */
const [ROUNDS, ROUNDS_MS] = [5, 1500];

/** GPU time of a layer per batch, in µs. Of the emulation on this adapter, not of an int8 runtime. */
export interface LayerTime {
  /** In float. */
  readonly float: number;
  /** In the precision that the layer ended in. */
  readonly final: number;
}

/** What was measured, by name of the node. */
export interface MeasuredLayers {
  /** Signal-to-noise ratio of the node's first output in dB, against the float network: Infinity where nothing differs. */
  readonly sqnr: ReadonlyMap<string, number>;
  /** Nodes that are fused into another's kernel have none. Empty where the adapter has no timestamps. */
  readonly times: ReadonlyMap<string, LayerTime>;
}

/** Nothing measured. */
export const UNMEASURED: MeasuredLayers = { sqnr: new Map(), times: new Map() };

/** Measures the layers of `bench` under an assignment. What cannot be measured is left out with a note: the result does not hang on it. */
export async function measureLayers(
  { runtime, bench, session }: { readonly runtime: Runtime; readonly bench: Workbench; readonly session: Session },
  assignment: Assignment,
  options: QuantizeOptions,
): Promise<MeasuredLayers> {
  try {
    const times = await layerTimes(runtime, bench, session, assignment);
    return { times, sqnr: await layerRatios(runtime, bench, assignment, options) };
  } catch (error) {
    const isExpected = error instanceof DeviceError || error instanceof ModelError || error instanceof UnsupportedError;
    if (!isExpected) throw error;
    bench.note(`Layers were not measured: ${error.message}`);
    return UNMEASURED;
  }
}

/** Error of every node's first output over the first samples. */
async function layerRatios(
  runtime: Runtime,
  bench: Workbench,
  assignment: Assignment,
  { memoryBudget = MEMORY_BUDGET, onEvent, signal }: QuantizeOptions,
): Promise<Map<string, number>> {
  const dataset = limitDataset(bench.data.decisions, SAMPLES);
  const { network, pairs } = bench.besideFloat(assignment);
  const fitting = chooseBatch(network, dataset, { runtime, batchSize: undefined, memoryBudget });
  const errors = await pairedErrors(runtime, network, dataset, {
    batchSize: Math.min(LARGEST_BATCH, fitting),
    memoryBudget,
    onProgress: (done, total) => onEvent?.({ kind: "progress", done, total }),
    signal,
  });
  return new Map(
    pairs.flatMap(({ node, value }, place) =>
      value === node.outputs[0] ? [[node.name, errors[place]!.sqnr] as const] : []
    ),
  );
}

/** Times of the session's nodes; its inputs are whatever ran last. */
async function layerTimes(
  { gpu }: Runtime,
  { prepared: { graph, layout } }: Workbench,
  session: Session,
  assignment: Assignment,
): Promise<Map<string, LayerTime>> {
  if (!gpu.device.features.has("timestamp-query")) return new Map();
  using profiler = new PassProfiler(gpu);
  const states = { float: assignment.map(() => FLOAT), final: assignment };
  const start = performance.now();
  for (let round = 0; round < ROUNDS && performance.now() - start < ROUNDS_MS; round++) {
    const encoder = gpu.device.createCommandEncoder();
    const hasRoom = Object.entries(states).every(([track, state]) =>
      session.encodeTimed(encoder, state, { profiler, track })
    );
    if (!hasRoom) break;
    gpu.device.queue.submit([encoder.finish()]);
    await gpu.device.queue.onSubmittedWorkDone();
  }
  gpu.check();
  const makers = new Map(graph.nodes.flatMap(({ name, outputs }) => outputs.map((value) => [value, name] as const)));
  const copied = new Map(layout.quantizers.map(({ name, value }) => [name, makers.get(value)]));
  const times = new Map<string, { float: number; final: number }>();
  for (
    const { track, node, operator, microseconds } of nodeTimes({ adapter: gpu.adapter, passes: await profiler.read() })
  ) {
    // The quantized copy of a value counts with the node that makes the value.
    const name = operator === "FakeQuantize" ? copied.get(node) : node;
    if (name === undefined) continue;
    const time = times.get(name) ?? { float: 0, final: 0 };
    time[track.endsWith("float") ? "float" : "final"] += microseconds;
    times.set(name, time);
  }
  return times;
}
