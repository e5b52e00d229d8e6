/** Going on with less where the GPU has too little memory: first less is kept, or where that is not it, batches get smaller. */
import { OutOfMemoryError } from "../base/errors.ts";
import { formatBytes } from "../report/table.ts";
import type { Runtime } from "./runtime.ts";

/** Bytes of GPU memory that samples and activations may take unless the caller says otherwise. */
export const MEMORY_BUDGET = 2 * 1024 ** 3;

/** What decides how much memory is taken. */
export interface MemoryOptions {
  /** Samples per batch; chosen from the budget unless stated. */
  readonly batchSize?: number | undefined;
  /** Bytes. */
  readonly memoryBudget?: number | undefined;
}

/** Below this a smaller budget spares nothing worth mentioning. */
const LEAST_BUDGET = 32 * 1024 * 1024;

/** The sizes of an attempt. */
export class MemoryFit {
  /** What the user should know. */
  readonly notes: string[] = [];
  #batchSize: number | undefined;
  #memoryBudget: number;
  #chosen: number | undefined;
  #isOpen = false;

  constructor({ batchSize, memoryBudget = MEMORY_BUDGET }: MemoryOptions) {
    this.#batchSize = batchSize;
    this.#memoryBudget = memoryBudget;
  }

  /** What the attempt may take. */
  get sizes(): MemoryOptions & { readonly memoryBudget: number } {
    return { batchSize: this.#batchSize, memoryBudget: this.#memoryBudget };
  }

  /** Hears of the batch size that an attempt goes with. */
  choose(batchSize: number): void {
    this.#chosen = batchSize;
  }

  /** Hears that all is allocated that a batch takes: what comes is kept only to spare work. */
  open(): void {
    this.#isOpen = true;
  }

  /** Takes the next smaller sizes and notes them; false where there are none. */
  shrink(): boolean {
    const batch = this.#chosen ?? this.#batchSize;
    if (this.#memoryBudget > LEAST_BUDGET && (this.#isOpen || batch === undefined || batch === 1)) {
      // The batch stays, so that what was evaluated with it stays of use.
      this.#batchSize = batch;
      this.#memoryBudget = Math.max(LEAST_BUDGET, this.#memoryBudget / 4);
      this.notes.push(`The GPU ran out of memory: going on with a memory budget of ${formatBytes(this.#memoryBudget)}`);
    } else if (batch !== undefined && batch > 1) {
      this.#batchSize = Math.floor(batch / 2);
      this.notes.push(`The GPU ran out of memory with batch size ${batch}: going on with ${this.#batchSize}`);
    } else {
      return false;
    }
    this.#chosen = undefined;
    this.#isOpen = false;
    return true;
  }
}

/**
 * Runs `attempt`, and again with less memory as long as that runs out. An attempt gives back what it took before it throws. Throws what
 * the last attempt threw where there is nothing left to spare.
 */
export async function fitMemory<T>(
  runtime: Runtime,
  options: MemoryOptions,
  attempt: (fit: MemoryFit) => Promise<T>,
  onNote: (text: string) => void = () => {},
): Promise<T> {
  const fit = new MemoryFit(options);
  for (;;) {
    try {
      return await attempt(fit);
    } catch (error) {
      if (!(error instanceof OutOfMemoryError) || !await runtime.gpu.recover() || !fit.shrink()) throw error;
      onNote(fit.notes.at(-1)!);
    }
  }
}
