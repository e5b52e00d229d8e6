/** Whole networks beside ONNX Runtime: call by call, and as a stream of batches. */
import { createPool, readBuffers } from "../src/gpu/buffers.ts";
import { interleave, wallTime } from "./measure.ts";
import { type BenchNetwork, inputsFor, loadNetwork } from "./networks.ts";
import { largestDifference, openHoldfast, openNode, openWeb, type Runner } from "./runners.ts";
import type { Bench, Section, Value } from "./section.ts";

/** Largest difference between the runners' outputs, relative to the largest output, that counts as the same result. */
const AGREEMENT = 1e-3;

/** Length of a round, in ms, above which a batch is left out. */
const TOO_LONG = 60_000;

/** Length of a call, in ms, above which a read-back of 11 ms more or less is not worth a stream. */
const LONG_CALL = 500;

/** Length of a stream, in ms of this project's calls, and batches in it at least and at most. */
const STREAM_MS = 300;
const STREAM_BATCHES = [2, 16] as const;

/** Samples per second of each runner on every network. */
export const peersSection: Section = {
  name: "peers",
  async run(bench) {
    const [calls, streams]: [Value[][], Value[][]] = [[], []];
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
          const compared = await compare(bench, network, batch, remarks);
          const { rates: [own, web, cpu], perSample, withoutWait, stream } = compared;
          expected = perSample;
          calls.push([network.name, batch, own, web, own && web ? own / web : undefined, withoutWait, cpu]);
          if (stream) {
            const [own, web] = stream.rates;
            streams.push([network.name, batch, stream.batches, own, web, own! / web!]);
          }
        } catch (error) {
          remarks.push(`${address}: ${firstLine(error)}`);
        }
      }
    }
    if (bench.effort.longMs !== undefined) {
      remarks.push(`Measured once where a round takes more than ${bench.effort.longMs / 1000} s.`);
    }
    remarks.push(
      "Without the wait: the same after taking off what reading 4 bytes of an idle adapter takes in the same rounds, once for Holdfast and once per output for onnxruntime-web.",
    );
    return [
      {
        title: "Samples per second beside ONNX Runtime 1.30, call by call: upload and read-back in every call",
        columns: [
          "network",
          "batch",
          "holdfast",
          "onnxruntime-web",
          "ratio",
          "ratio without the wait",
          "onnxruntime-node (CPU)",
        ],
        rows: calls,
        remarks,
      },
      {
        name: "stream",
        title: "Samples per second beside onnxruntime-web, in a stream: upload of every batch, waiting at the end",
        columns: ["network", "batch", "batches", "holdfast", "onnxruntime-web", "ratio"],
        rows: streams,
        remarks: [
          "Holdfast submits batches and reads all results together, as in an evaluation; onnxruntime-web keeps outputs in GPU buffers, which are disposed of, and reads those of the last batch.",
          `Left out where a call takes Holdfast more than ${LONG_CALL} ms.`,
        ],
      },
    ];
  },
};

interface Compared {
  /** Samples per second of Holdfast, onnxruntime-web and onnxruntime-node; undefined for one that failed. */
  readonly rates: readonly (number | undefined)[];
  /** Time of one round, in ms per sample. */
  readonly perSample: number;
  /** Of the times of onnxruntime-web and Holdfast, without what waiting for results takes on an idle adapter. */
  readonly withoutWait: number | undefined;
  /** Of Holdfast and onnxruntime-web; undefined where it was not measured. */
  readonly stream: { readonly batches: number; readonly rates: readonly number[] } | undefined;
}

async function compare(bench: Bench, network: BenchNetwork, batch: number, remarks: string[]): Promise<Compared> {
  const graph = await loadNetwork(network);
  const inputs = inputsFor(graph, batch);
  const runners: Runner[] = [];
  const { gpu } = bench;
  const word = createPool(gpu, 4, "a word");
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
    const [wait, ...times] = await interleave([
      { name: "wait", run: () => wallTime(() => readBuffers(gpu, [{ buffer: word, byteLength: 4 }])) },
      ...runners.map((runner) => ({ name: runner.name, run: () => wallTime(() => runner.run()) })),
    ], bench.effort);
    const timeOf = (name: string) => times[runners.findIndex((runner) => runner.name === name)];
    const rate = (name: string) => {
      const time = timeOf(name);
      return time === undefined ? undefined : 1000 * batch / time;
    };
    const [own, web] = [timeOf("holdfast"), timeOf("onnxruntime-web")];
    return {
      withoutWait: own && web ? (web - wait! * graph.outputs.length) / (own - wait!) : undefined,
      rates: [rate("holdfast"), rate("onnxruntime-web"), rate("onnxruntime-node")],
      perSample: times.reduce((sum, time) => sum + time, 0) / batch,
      stream: await compareStreams(bench, runners, batch, timeOf("holdfast")),
    };
  } finally {
    for (const runner of runners) await runner.close().catch(() => {});
    word.destroy();
  }
}

/** Samples per second of the runners that stream, as long a stream as `callTime`, in ms, makes worth while. */
async function compareStreams(
  { effort }: Bench,
  runners: readonly Runner[],
  batch: number,
  callTime: number | undefined,
): Promise<Compared["stream"]> {
  const streaming = runners.flatMap(({ name, stream }) => stream ? [{ name, stream }] : []);
  if (callTime === undefined || callTime > LONG_CALL || streaming.length < 2) return undefined;
  const [least, most] = STREAM_BATCHES;
  const batches = Math.min(most, Math.max(least, Math.round(STREAM_MS / callTime)));
  const times = await interleave(
    streaming.map(({ name, stream }) => ({ name, run: () => wallTime(() => stream(batches)) })),
    effort,
  );
  return { batches, rates: times.map((time) => 1000 * batch * batches / time) };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!.slice(0, 160);
}
