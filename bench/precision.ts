/** What fake-quant costs, and what toggling it costs. */
import { Session } from "../src/run/session.ts";
import { gpuTime, median, pairedRatio, runRounds } from "./measure.ts";
import { type BenchNetwork, inputsFor, loadNetwork, planFor } from "./networks.ts";
import { placeQuantizers, setAnyCandidate, uniform } from "./quantized.ts";
import type { Bench, Section, Value } from "./section.ts";

const BATCH = 8;

/** Times of each network in float and int8. */
export const precisionSection: Section = {
  name: "precision",
  async run(bench) {
    const rows: Value[][] = [];
    for (const network of bench.networks) {
      bench.say(`precision: ${network.name}`);
      rows.push(await measure(bench, network));
    }
    return {
      title: `Fake-quant and toggling, batch ${BATCH}`,
      columns: [
        "network",
        "steps",
        "groups",
        "fp32, ms",
        "quantizers off, ms",
        "int8, ms",
        "int8 / fp32",
        "encode, ms",
        "encode after first toggle, ms",
        "encode after later toggles, ms",
        "finish, ms",
      ],
      rows,
      remarks: [
        "fp32: the network without quantizers; quantizers off: planned with both variants, all groups in float. Times on the GPU.",
        "int8 / fp32: the median of the ratios of single rounds.",
        "Encoding is host time of one run of the whole network; a toggle changes the precision of all groups.",
        "Finishing is the WebGPU implementation's check of the command buffer, whatever was toggled.",
      ],
    };
  },
};

async function measure(bench: Bench, network: BenchNetwork): Promise<Value[]> {
  const { gpu, pipelines, tick, effort } = bench;
  const graph = await loadNetwork(network);
  const prepared = placeQuantizers(graph);
  const inputs = inputsFor(graph, BATCH);
  using plain = await Session.create(gpu, pipelines, planFor(gpu, graph, BATCH).plan);
  const { plan } = planFor(gpu, prepared.graph, BATCH, prepared.layout.quantizers);
  using quantized = await Session.create(gpu, pipelines, plan, prepared.layout);
  setAnyCandidate(quantized, prepared);
  for (const [name, tensor] of inputs) for (const session of [plain, quantized]) session.writeInput(name, tensor);
  const [off, on] = [uniform(prepared, false), uniform(prepared, true)];
  const encoding = encodeTimes(bench, quantized, off, on);
  const time = (session: Session, assignment?: number[]) =>
    gpuTime(gpu, tick, (encoder) => session.encode(encoder, assignment));
  const times = await runRounds([
    { name: "fp32", run: () => time(plain) },
    { name: "off", run: () => time(quantized, off) },
    { name: "int8", run: () => time(quantized, on) },
  ], effort);
  const { layout: { groups } } = prepared;
  const ratio = pairedRatio(times[2]!, times[0]!);
  return [network.name, plan.steps.length, groups.length, ...times.map(median), ratio, ...encoding];
}

/** Encodings before the first that counts: an evaluation has encoded many batches before it toggles anything. */
const WARM_UP = 20;

/** Encodings that medians are taken over. */
const ENCODINGS = 25;

/** Host times in ms: encoding a run with nothing toggled, with everything toggled for the first time, and again; finishing it. */
function encodeTimes({ gpu }: Bench, session: Session, off: readonly number[], on: readonly number[]): number[] {
  const finishing: number[] = [];
  const encode = (assignment: readonly number[]) => {
    const encoder = gpu.device.createCommandEncoder();
    const start = performance.now();
    session.encode(encoder, assignment);
    const encoded = performance.now();
    encoder.finish();
    finishing.push(performance.now() - encoded);
    return encoded - start;
  };
  for (let run = 0; run < WARM_UP; run++) encode(off);
  const steady = Array.from({ length: ENCODINGS }, () => encode(off));
  const first = encode(on);
  const later = Array.from({ length: ENCODINGS }, (_, run) => encode(run % 2 === 0 ? off : on));
  return [median(steady), first, median(later), median(finishing)];
}
