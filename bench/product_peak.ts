/** What the product kernel reaches where nothing but its inner loop counts: deep 1×1 convolutions within a core's cache. */
import { Session } from "../src/run/session.ts";
import { gpuTime, interleave } from "./measure.ts";
import { inputsFor, planFor } from "./networks.ts";
import type { Bench } from "./section.ts";
import { convolutionChain } from "./synthetic.ts";

/** Results are stored once per `channels` steps of the loop, and operands are less than a MiB: stores and memory play no part. */
const CHAIN = { layers: 4, channels: 384, size: 24, kernel: 1 } as const;

/** GFLOP/s of the chain, a multiply-add counting 2. */
export async function measureProductPeak({ gpu, pipelines, tick, effort }: Bench): Promise<number> {
  const graph = convolutionChain(CHAIN);
  const { plan } = planFor(gpu, graph, 1);
  using session = await Session.create(gpu, pipelines, plan);
  for (const [name, tensor] of inputsFor(graph, 1)) session.writeInput(name, tensor);
  const [ms] = await interleave(
    [{ name: "chain", run: () => gpuTime(gpu, tick, (encoder) => session.encode(encoder)) }],
    effort,
  );
  return 2 * CHAIN.layers * CHAIN.channels ** 2 * CHAIN.size ** 2 / ms! / 1e6;
}
