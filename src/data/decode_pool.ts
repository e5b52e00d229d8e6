/** Decoding on several threads, or inline where that does not pay. */
import { DatasetError } from "../base/errors.ts";
import {
  createJobRunner,
  type DecodeJob,
  type DecodeOutcome,
  type DecodeSettings,
  type JobKind,
} from "./decode_job.ts";
import type { PictureSize } from "./preprocessing.ts";
import type { WorkerMessage, WorkerReply } from "./decode_worker.ts";

/** What a job gives. */
export interface Decoded {
  readonly size: PictureSize;
  readonly data: Uint8Array<ArrayBuffer>;
}

/** Does jobs on files, several at once. */
export interface DecodePool {
  /** Whether jobs go on while the caller does something else. */
  readonly concurrent: boolean;
  /** @throws {DatasetError} naming the file, where it cannot be decoded */
  run(kind: JobKind, path: string): Promise<Decoded>;
  /** Stops the workers; jobs that are not done are rejected. */
  close(): void;
}

/** Jobs that wait inside a worker, so that it has work while the caller's thread is blocked by the GPU. */
const JOBS_PER_WORKER = 16;

/** Does jobs in the caller's thread, one at a time. */
export function createInlinePool(settings: DecodeSettings): DecodePool {
  let runner: ReturnType<typeof createJobRunner> | undefined;
  return {
    concurrent: false,
    async run(kind, path) {
      runner ??= createJobRunner(settings).catch((cause) => {
        throw unstartable(cause instanceof Error ? cause.message : String(cause));
      });
      return decodedOr((await runner)({ id: 0, kind, path }), path);
    },
    close() {},
  };
}

/** Does jobs in `count` workers, started at the first job. `script` is the module they run. */
export function createWorkerPool(
  settings: DecodeSettings,
  count: number,
  script: URL = new URL("./decode_worker.ts", import.meta.url),
): DecodePool {
  return new WorkerPool(settings, count, script);
}

interface Task {
  readonly job: DecodeJob;
  resolve(decoded: Decoded): void;
  reject(error: unknown): void;
}

/** A worker and the jobs it has, oldest first. */
interface Thread {
  readonly worker: Worker;
  readonly tasks: Task[];
  /** Whether it has loaded its decoders. */
  ready: boolean;
}

class WorkerPool implements DecodePool {
  readonly concurrent = true;
  #threads: Thread[] = [];
  #waiting: Task[] = [];
  #nextId = 0;
  #closed = false;

  constructor(readonly settings: DecodeSettings, readonly count: number, readonly script: URL) {}

  run(kind: JobKind, path: string): Promise<Decoded> {
    if (this.#closed) return Promise.reject(closedError());
    while (this.#threads.length < this.count) this.#threads.push(this.#start());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job: { id: this.#nextId++, kind, path }, resolve, reject });
      this.#assign();
    });
  }

  close(): void {
    this.#closed = true;
    this.#stop(closedError());
  }

  #stop(error: DatasetError): void {
    const tasks = [...this.#threads.flatMap((thread) => thread.tasks), ...this.#waiting];
    for (const { worker } of this.#threads) worker.terminate();
    this.#threads = [];
    this.#waiting = [];
    for (const task of tasks) task.reject(error);
  }

  #start(): Thread {
    const worker = new Worker(this.script, { type: "module" });
    const thread: Thread = { worker, tasks: [], ready: false };
    worker.onmessage = ({ data }: MessageEvent<WorkerReply>) => {
      if ("ready" in data) thread.ready = true;
      else if ("unstartable" in data) this.#stop(unstartable(data.unstartable));
      else this.#finish(thread, data);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      const [reason = ""] = event.message.trim().split("\n");
      if (thread.ready) this.#replace(thread, reason);
      else this.#stop(unstartable(reason));
    };
    worker.postMessage({ settings: this.settings } satisfies WorkerMessage);
    return thread;
  }

  #finish(thread: Thread, outcome: DecodeOutcome): void {
    const place = thread.tasks.findIndex((task) => task.job.id === outcome.id);
    const [task] = place < 0 ? [] : thread.tasks.splice(place, 1);
    this.#assign();
    if (task === undefined) return;
    try {
      task.resolve(decodedOr(outcome, task.job.path));
    } catch (error) {
      task.reject(error);
    }
  }

  /** A worker does its jobs in order, so the oldest is what it died of; the others are done again elsewhere. */
  #replace(thread: Thread, reason: string): void {
    thread.worker.terminate();
    const [culprit, ...others] = thread.tasks;
    this.#threads = this.#threads.filter((other) => other !== thread);
    this.#waiting.unshift(...others);
    culprit?.reject(undecodable(culprit.job.path, `the decoder died of it (${reason})`));
    if (!this.#closed && this.#waiting.length > 0) {
      this.#threads.push(this.#start());
      this.#assign();
    }
  }

  #assign(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#threads.reduce((a, b) => b.tasks.length < a.tasks.length ? b : a);
      const task = this.#waiting[0];
      if (task === undefined || thread.tasks.length >= JOBS_PER_WORKER) return;
      this.#waiting.shift();
      thread.tasks.push(task);
      thread.worker.postMessage({ job: task.job } satisfies WorkerMessage);
    }
  }
}

/** The error for a picture that cannot be used, with what can be done. */
export function undecodable(path: string, found: string): DatasetError {
  return new DatasetError(`Cannot read picture "${path}": ${found}; replace the file, or remove it and its label`);
}

function decodedOr(outcome: DecodeOutcome, path: string): Decoded {
  if ("error" in outcome) throw undecodable(path, outcome.error);
  return { size: outcome.size, data: outcome.data };
}

function closedError(): DatasetError {
  return new DatasetError("Cannot read pictures: the dataset is closed");
}

function unstartable(reason: string): DatasetError {
  return new DatasetError(`Cannot start the decoder of pictures: ${reason}`);
}
