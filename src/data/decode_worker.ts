/** Worker thread of `decode_pool.ts`: takes settings once, then answers jobs in the order in which they come. */
import { createJobRunner, type DecodeJob, type DecodeOutcome, type DecodeSettings } from "./decode_job.ts";

/** What a worker is told. */
export type WorkerMessage = { readonly settings: DecodeSettings } | { readonly job: DecodeJob };

/** What a worker says: that it has loaded its decoders, or why not, then what came of each job. */
export type WorkerReply = { readonly ready: true } | { readonly unstartable: string } | DecodeOutcome;

interface WorkerScope {
  onmessage: ((event: MessageEvent<WorkerMessage>) => void) | null;
  postMessage(message: WorkerReply, transfer: Transferable[]): void;
}

const scope = globalThis as unknown as WorkerScope;
let runner: ReturnType<typeof createJobRunner> | undefined;

scope.onmessage = async ({ data }) => {
  if ("settings" in data) {
    runner = createJobRunner(data.settings);
    return scope.postMessage(
      await runner.then(
        () => ({ ready: true }),
        (cause) => ({ unstartable: cause instanceof Error ? cause.message : String(cause) }),
      ),
      [],
    );
  }
  // Whoever sent the job was told why there is no runner.
  const run = await runner?.catch(() => null);
  if (run === null) return;
  if (run === undefined) throw new Error("Cannot decode: a job came before the settings");
  const outcome = run(data.job);
  scope.postMessage(outcome, "data" in outcome ? [outcome.data.buffer] : []);
};
