/** What a sample costs in batches of different sizes, in kernels alone: where activations outgrow the processor's caches it shows. */
import { Session } from "../src/run/session.ts";
import { gpuTime, interleave } from "./measure.ts";
import { type BenchNetwork, inputsFor, loadNetwork, planFor } from "./networks.ts";
import type { Bench, Section, Value } from "./section.ts";

const SIZES = [1, 2, 4, 8, 16, 32];

/** Samples of one measurement at least: smaller batches run several times. */
const SAMPLES = 8;

const MIB = 1024 * 1024;

/** ms per sample of every network in batches of every size. */
export const batchesSection: Section = {
  name: "batches",
  async run(bench) {
    const rows: Value[][] = [];
    for (const network of bench.networks) {
      bench.say(`batches: ${network.name}`);
      rows.push(await measure(bench, network));
    }
    return {
      title: "Time of kernels per sample by batch, ms",
      columns: ["network", "largest live set of a sample, MiB", ...SIZES.map((size) => `batch ${size}`)],
      rows,
      remarks: ["Batches whose values no binding of the adapter can hold are left out."],
    };
  },
};

async function measure({ gpu, pipelines, tick, effort, isQuick }: Bench, network: BenchNetwork): Promise<Value[]> {
  const graph = await loadNetwork(network);
  using stack = new DisposableStack();
  const contenders = [];
  for (const size of isQuick ? SIZES.slice(0, 4) : SIZES) {
    const { plan } = planFor(gpu, graph, size);
    if (plan.slots.some(({ byteLength }) => byteLength > gpu.largestBinding)) continue;
    const session = stack.use(await Session.create(gpu, pipelines, plan));
    for (const [name, tensor] of inputsFor(graph, size)) session.writeInput(name, tensor);
    const runs = Math.max(1, SAMPLES / size);
    contenders.push({
      name: String(size),
      run: async () =>
        await gpuTime(gpu, tick, (encoder) => {
          for (let run = 0; run < runs; run++) session.encode(encoder);
        }) / (runs * size),
    });
  }
  const times = await interleave(contenders, effort);
  const live = planFor(gpu, graph, 1).plan.liveBytes / MIB;
  return [network.name, live, ...SIZES.map((_, place) => times[place])];
}
