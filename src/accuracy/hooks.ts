/** How a caller watches, interrupts and resumes a run. */
import type { Target } from "./drop.ts";
import type { Journal } from "./memo.ts";
import type { Step, Work } from "./trace.ts";

/** All optional. */
export interface AccuracyAwareHooks {
  /** Called once what is allowed is known: after the float network was measured. */
  readonly onTargets?: (targets: readonly Target[]) => void;
  /** Called when the evaluations for a step begin. A step may need several, and some end without one. */
  readonly onBegin?: (work: Work) => void;
  /** Called with every step as soon as it is decided. */
  readonly onStep?: (step: Step) => void;
  /** Honoured between evaluations and handed to the evaluator; the run then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Keeps evaluations beyond this run: a run that finds its own evaluations there takes the same decisions without repeating them. */
  readonly journal?: Journal;
  /** Start of every key in the journal; must identify model, data, configuration and version of the kernels. */
  readonly keyPrefix?: string;
}
