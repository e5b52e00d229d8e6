/** One run of one network from a fresh process; prints how long each phase took. Usage: deno run -A bench/first_run.ts MODEL */
import { openGpu } from "../src/gpu/device.ts";
import { PipelineCache } from "../src/gpu/pipelines.ts";
import { Session } from "../src/run/session.ts";
import { inputsFor, loadNetwork, planFor } from "./networks.ts";

/** Times in ms; `total` is counted from the start of the process. */
export interface FirstRun {
  readonly modules: number;
  readonly device: number;
  readonly load: number;
  readonly plan: number;
  readonly session: number;
  readonly run: number;
  readonly total: number;
}

if (import.meta.main) {
  const [path] = Deno.args;
  if (!path) {
    console.error("usage: deno run -A bench/first_run.ts MODEL");
    Deno.exit(2);
  }
  const modules = performance.now();
  let last = modules;
  const lap = () => {
    const now = performance.now();
    const time = now - last;
    last = now;
    return time;
  };
  const gpu = await openGpu();
  const device = lap();
  const graph = await loadNetwork({ name: path, path });
  const load = lap();
  const { plan } = planFor(gpu, graph, 1);
  const planning = lap();
  using session = await Session.create(gpu, new PipelineCache(gpu), plan);
  const creation = lap();
  for (const [name, tensor] of inputsFor(graph, 1)) session.writeInput(name, tensor);
  session.run();
  await session.read();
  const times: FirstRun = {
    modules,
    device,
    load,
    plan: planning,
    session: creation,
    run: lap(),
    total: performance.now(),
  };
  console.log(JSON.stringify(times));
  gpu.destroy();
}
