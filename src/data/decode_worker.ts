/** Worker thread of `decode_pool.ts`: takes settings once, then answers jobs in the order in which they come. */
import { createJobRunner, type DecodeJob, type DecodeOutcome, type DecodeSettings } from "./decode_job.ts";

/** What a worker is told. */
export type WorkerMessage = { readonly settings: DecodeSettings } | { readonly job: DecodeJob };

/** What a worker says: that it has loaded its decoders, then what came of each job. */
export type WorkerReply = { readonly ready: true } | DecodeOutcome;

interface WorkerScope {
  onmessage: ((event: MessageEvent<WorkerMessage>) => void) | null;
  postMessage(message: WorkerReply, transfer: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;
let runner: ReturnType<typeof createJobRunner> | undefined;

scope.onmessage = async ({ data }) => {
  if ("settings" in data) {
    runner = createJobRunner(data.settings);
    await runner;
    return scope.postMessage({ ready: true }, []);
  }
  const run = await runner;
  if (run === undefined) throw new Error("Cannot decode: a job came before the settings");
  const outcome = run(data.job);
  scope.postMessage(outcome, "data" in outcome ? [outcome.data.buffer] : []);
};
