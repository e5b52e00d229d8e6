/** The record of a run: every step with what was evaluated, what it gave, whether it was kept and why, and what it cost. */
import type { Assignment } from "../base/precision.ts";
import type { Drops } from "./drop.ts";
import type { Memo, Spent } from "./memo.ts";

/** What a step did. `try` puts the whole network on another int8 candidate, `mend` one group. */
export type Action =
  | "baseline"
  | "quantize"
  | "mixed"
  | "try"
  | "tune"
  | "rank"
  | "mend"
  | "revert"
  | "put_back";

/** Why a step was kept or undone, with the sentence that reports show. */
export const REASONS = {
  measured: "measured for comparison",
  target_met: "the target is met",
  first_state: "the state to start from",
  better: "the drop is smaller than before",
  not_better: "the drop is not smaller than before",
  replaces: "it replaces the first state, better or not",
  ranked: "groups were scored on the ranking subset",
  no_worse: "the drop is no larger than before",
  worse: "the drop is larger than before",
  worse_tolerated: "the drop is larger, which is tolerated once after each ranking",
  worse_kept: "the drop is not smaller, but no step is undone",
  least_harm: "no change tried here makes the drop smaller, and this one does the least harm",
  metric_switched: "this metric is met but another is not, which is optimised from here on",
  nothing_left: "no quantized group is left",
  target_holds: "the target still holds",
  target_lost: "the target no longer holds",
} as const;

/** Key of a reason; stable, for scripts. */
export type Reason = keyof typeof REASONS;

/** One step, before its cost is known. */
export interface StepDraft {
  /** What the step did. */
  readonly action: Action;
  /** Index of the group that changed, for steps that change one. */
  readonly group?: number;
  /** Indices of the groups that `put_back` changed together. */
  readonly groups?: readonly number[];
  /** The state that was evaluated; for `rank` the state that the groups were scored against. */
  readonly assignment: Assignment;
  /** Metric name → value over the whole set. Empty for `rank`, whose values are the scores. */
  readonly values: Readonly<Record<string, number>>;
  /** Metric name → drop, in the metric's own unit, positive for worse. */
  readonly drops: Drops;
  /** Whether the step was kept, or undone. */
  readonly kept: boolean;
  /** Why. */
  readonly reason: Reason;
  /** For `rank`: the metric that orders the groups, the number of samples, and the groups best first. */
  readonly ranking?: RankingRecord;
}

/** A ranking, as the trace keeps it. */
export interface RankingRecord {
  /** Name of the metric that orders the groups. */
  readonly metric: string;
  /** Samples that groups were scored on. */
  readonly sampleCount: number;
  /** Best first; a larger score is better whatever the metric's direction. */
  readonly scores: readonly { readonly group: number; readonly score: number }[];
}

/** One step with its cost: everything spent since the step before it. */
export interface Step extends StepDraft, Spent {
  /** Wall clock since the step before. */
  readonly seconds: number;
}

/** What a run evaluates from here on: a step in the making, with the indices of the groups that it may change or scores. */
export interface Work {
  readonly action: Action;
  readonly groups: readonly number[];
}

/** Collects steps and tells each to `onStep` as soon as it is decided, and to `onBegin` as soon as its evaluations begin. */
export class Trace {
  readonly steps: Step[] = [];
  #spent: Spent;
  #time = performance.now();

  constructor(
    readonly memo: Memo,
    readonly onStep?: (step: Step) => void,
    readonly onBegin?: (work: Work) => void,
  ) {
    this.#spent = memo.spent;
  }

  /** Says what the next evaluations are for. No decision depends on it. */
  begin(action: Action, groups: readonly number[] = []): void {
    this.onBegin?.({ action, groups });
  }

  /** Appends a step; its cost is what the memo counted since the last one. */
  record(draft: StepDraft): void {
    const spent = this.memo.spent;
    const time = performance.now();
    const step = { ...draft, ...spentBetween(this.#spent, spent), seconds: (time - this.#time) / 1000 };
    this.#spent = spent;
    this.#time = time;
    this.steps.push(step);
    this.onStep?.(step);
  }
}

/** What was spent from one count to a later one. */
export function spentBetween(earlier: Spent, later: Spent): Spent {
  return {
    evaluations: later.evaluations - earlier.evaluations,
    samples: later.samples - earlier.samples,
    reused: later.reused - earlier.reused,
    networkEquivalents: later.networkEquivalents - earlier.networkEquivalents,
  };
}

/** Sizes of the sample sets of a run. */
export interface SampleCounts {
  readonly all: number;
  /** Samples compared with the float network. */
  readonly compared: number;
  /** Samples on which groups are ranked and parameters tuned. */
  readonly ranking: number;
}

/** Quantizations that POT evaluates on the ranking subset when it tunes. */
const TUNED_QUANTIZATIONS = 12;

/**
 * What POT's plain loop spends on the same trace (spec: POT's cost model): every evaluation over all samples, every group of every
 * ranking over the ranking subset, nothing shared or remembered. Steps that POT does not have cost it nothing here.
 */
export function potNetworkEquivalents(steps: readonly Step[], counts: SampleCounts): number {
  const isBaselineMeasured = steps.some(({ action }) => action === "baseline");
  const needsComparison = steps.some(({ action }) => action === "rank" || action === "tune");
  return steps.reduce(
    (sum, step) => sum + potCost(step, counts),
    isBaselineMeasured || !needsComparison ? 0 : counts.compared,
  );
}

function potCost({ action, reason, ranking }: Step, counts: SampleCounts): number {
  switch (action) {
    case "rank":
      return (ranking?.sampleCount ?? 0) * (ranking?.scores.length ?? 0);
    case "tune":
      return counts.all + TUNED_QUANTIZATIONS * counts.ranking;
    case "revert":
      return reason === "least_harm" ? 0 : counts.all;
    case "mend":
    case "put_back":
    case "try":
      return 0;
    default:
      return counts.all;
  }
}
