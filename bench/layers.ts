/** How near each kind of layer comes to the adapter's peak. */
import type { TypedGraph } from "../src/ops/infer.ts";
import { nodeTimes } from "../src/report/profile.ts";
import { Session } from "../src/run/session.ts";
import { type BenchNetwork, inputsFor, loadNetwork, planFor } from "./networks.ts";
import { measurePeaks } from "./peaks.ts";
import type { Bench, Section, Value } from "./section.ts";

const CLASSES = ["1×1 conv", "3×3 conv", "other conv", "depthwise", "Gemm, MatMul", "rest"] as const;

/** Kinds of layers that are told apart. */
export type LayerClass = (typeof CLASSES)[number];

const BATCH = 8;

/** GFLOP/s of every kind of layer in every network. */
export const layersSection: Section = {
  name: "layers",
  async run(bench) {
    const peaks = await measurePeaks(bench);
    const rows: Value[][] = [];
    for (const network of bench.networks) {
      bench.say(`layers: ${network.name}`);
      rows.push(...await measure(bench, network, peaks.fma));
    }
    return {
      title: `Kinds of layers, batch ${BATCH}, by timestamps`,
      columns: ["network", "layers", "nodes", "ms", "share of time, %", "GFLOP", "GFLOP/s", "share of peak, %"],
      rows,
      remarks: [`Peak: ${peaks.fma.toFixed(1)} GFLOP/s of multiply-adds without memory; a multiply-add counts 2.`],
    };
  },
};

async function measure(bench: Bench, network: BenchNetwork, peak: number): Promise<Value[][]> {
  const graph = await loadNetwork(network);
  const { typed, plan } = planFor(bench.gpu, graph, BATCH);
  using session = await Session.create(bench.gpu, bench.pipelines, plan);
  for (const [name, tensor] of inputsFor(graph, BATCH)) session.writeInput(name, tensor);
  session.run();
  await session.read();
  const profiler = bench.gpu.startProfiler();
  for (let run = 0; run < bench.effort.rounds[0]; run++) {
    session.run();
    await session.read();
  }
  const passes = await profiler.read();
  bench.gpu.stopProfiler();
  const classOf = layerClasses(typed);
  const times = nodeTimes({ adapter: bench.gpu.adapter, passes });
  const total = times.reduce((sum, { microseconds }) => sum + microseconds, 0);
  const byClass = Map.groupBy(times, ({ node }) => classOf.get(node) ?? "rest");
  return CLASSES.flatMap((kind) => {
    const own = byClass.get(kind);
    if (!own) return [];
    const ms = own.reduce((sum, { microseconds }) => sum + microseconds, 0) / 1000;
    const gflop = 2 * own.reduce((sum, { macs }) => sum + macs, 0) / 1e9;
    const rate = gflop > 0 ? gflop / ms * 1000 : undefined;
    const share = rate === undefined ? undefined : 100 * rate / peak;
    return [[network.name, kind, own.length, ms, 100 * ms * 1000 / total, gflop, rate, share]];
  });
}

/** Kind of every node. */
export function layerClasses({ nodes, types }: TypedGraph): Map<string, LayerClass> {
  return new Map(nodes.map(({ node }) => {
    if (node.type === "Gemm" || node.type === "MatMul") return [node.name, "Gemm, MatMul"];
    if (node.type !== "Conv") return [node.name, "rest"];
    const [, channels, ...kernel] = types.get(node.inputs[1]!)!.shape;
    const inputChannels = types.get(node.inputs[0]!)!.shape[1]!;
    if (channels === 1 && inputChannels > 1) return [node.name, "depthwise"];
    if (kernel.every((extent) => extent === 1)) return [node.name, "1×1 conv"];
    return [node.name, kernel.every((extent) => extent === 3) ? "3×3 conv" : "other conv"];
  }));
}
