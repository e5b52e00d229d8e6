/** Whole networks beside ONNX Runtime: every call uploads inputs, runs and reads the outputs back. */
import { interleave, wallTime } from "./measure.ts";
import { type BenchNetwork, inputsFor, loadNetwork } from "./networks.ts";
import { largestDifference, openHoldfast, openNode, openWeb, type Runner } from "./runners.ts";
import type { Bench, Section, Value } from "./section.ts";

/** Largest difference between the runners' outputs, relative to the largest output, that counts as the same result. */
const AGREEMENT = 1e-3;

/** Length of a round, in ms, above which a batch is left out. */
const TOO_LONG = 60_000;

/** Samples per second of each runner on every network. */
export const peersSection: Section = {
  name: "peers",
  async run(bench) {
    const rows: Value[][] = [];
    const remarks: string[] = [];
    for (const network of bench.networks) {
      let expected = 0;
      for (const batch of bench.batches) {
        const address = `${network.name}, batch ${batch}`;
        if (expected * batch > TOO_LONG) {
          remarks.push(`${address}: left out, a round would take ${Math.round(expected * batch / 1000)} s`);
          continue;
        }
        bench.say(`peers: ${address}`);
        try {
          const { rates: [own, web, cpu], perSample } = await compare(bench, network, batch, remarks);
          expected = perSample;
          rows.push([network.name, batch, own, web, own && web ? own / web : undefined, cpu]);
        } catch (error) {
          remarks.push(`${address}: ${firstLine(error)}`);
        }
      }
    }
    if (bench.effort.longMs !== undefined) {
      remarks.push(`Measured once where a round takes more than ${bench.effort.longMs / 1000} s.`);
    }
    return {
      title: "Samples per second beside ONNX Runtime 1.30, with upload and read-back in every call",
      columns: ["network", "batch", "holdfast", "onnxruntime-web", "ratio", "onnxruntime-node (CPU)"],
      rows,
      remarks,
    };
  },
};

interface Compared {
  /** Samples per second of Holdfast, onnxruntime-web and onnxruntime-node; undefined for one that failed. */
  readonly rates: readonly (number | undefined)[];
  /** Time of one round, in ms per sample. */
  readonly perSample: number;
}

async function compare(bench: Bench, network: BenchNetwork, batch: number, remarks: string[]): Promise<Compared> {
  const graph = await loadNetwork(network);
  const inputs = inputsFor(graph, batch);
  const runners: Runner[] = [];
  const open = async (name: string, opening: () => Promise<Runner>) => {
    try {
      const runner = await opening();
      const outputs = await runner.run();
      const difference = runners[0] ? largestDifference(outputs, await runners[0].run()) : 0;
      if (difference > AGREEMENT) {
        remarks.push(`${network.name}, batch ${batch}: ${name} differs by ${difference.toExponential(1)}`);
      }
      runners.push(runner);
    } catch (error) {
      remarks.push(`${network.name}, batch ${batch}: ${name} fails: ${firstLine(error)}`);
    }
  };
  try {
    await open("onnxruntime-node", () => openNode(network.path, inputs));
    await open("holdfast", () => openHoldfast(bench, graph, inputs, batch));
    await open("onnxruntime-web", () => openWeb(network.path, inputs));
    const times = await interleave(
      runners.map((runner) => ({ name: runner.name, run: () => wallTime(() => runner.run()) })),
      bench.effort,
    );
    const rate = (name: string) => {
      const index = runners.findIndex((runner) => runner.name === name);
      return index < 0 ? undefined : 1000 * batch / times[index]!;
    };
    return {
      rates: [rate("holdfast"), rate("onnxruntime-web"), rate("onnxruntime-node")],
      perSample: times.reduce((sum, time) => sum + time, 0) / batch,
    };
  } finally {
    for (const runner of runners) await runner.close().catch(() => {});
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!.slice(0, 160);
}
