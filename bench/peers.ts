/** Whole networks beside ONNX Runtime: every call uploads inputs, runs and reads the outputs back. */
import { interleave, wallTime } from "./measure.ts";
import { type BenchNetwork, inputsFor, loadNetwork, planFor } from "./networks.ts";
import { largestDifference, openHoldfast, openNode, openWeb, type Runner } from "./runners.ts";
import type { Bench, Section, Value } from "./section.ts";

/** Largest difference between the runners' outputs, relative to the largest output, that counts as the same result. */
const AGREEMENT = 1e-3;

/** Samples per second of each runner on every network. */
export const peersSection: Section = {
  name: "peers",
  async run(bench) {
    const rows: Value[][] = [];
    const remarks: string[] = [];
    for (const network of bench.networks) {
      for (const batch of bench.batches) {
        bench.say(`peers: ${network.name}, batch ${batch}`);
        rows.push(await compare(bench, network, batch, remarks));
      }
    }
    return {
      title: "Samples per second beside ONNX Runtime 1.30, with upload and read-back in every call",
      columns: ["network", "batch", "holdfast", "onnxruntime-web", "ratio", "onnxruntime-node (CPU)"],
      rows,
      remarks,
    };
  },
};

async function compare(bench: Bench, network: BenchNetwork, batch: number, remarks: string[]): Promise<Value[]> {
  const graph = await loadNetwork(network);
  const inputs = inputsFor(graph, batch);
  const runners: Runner[] = [];
  const open = async (name: string, opening: Promise<Runner>) => {
    try {
      const runner = await opening;
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
  await open("onnxruntime-node", openNode(network.path, inputs));
  await open("holdfast", openHoldfast(bench, planFor(bench.gpu, graph, batch).plan, inputs));
  await open("onnxruntime-web", openWeb(network.path, inputs));
  const times = await interleave(
    runners.map((runner) => ({ name: runner.name, run: () => wallTime(() => runner.run()) })),
    bench.effort,
  );
  for (const runner of runners) await runner.close();
  const rate = (name: string) => {
    const index = runners.findIndex((runner) => runner.name === name);
    return index < 0 ? undefined : 1000 * batch / times[index]!;
  };
  const [own, web] = [rate("holdfast"), rate("onnxruntime-web")];
  return [network.name, batch, own, web, own && web ? own / web : undefined, rate("onnxruntime-node")];
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!.slice(0, 160);
}
