/** One run of the loop in progress: what it knows, what it has measured, and the one way to measure more. */
import type { Assignment, Evaluation } from "../base/precision.ts";
import { type Drops, dropsOf, isMet, type Target, worstDrop } from "./drop.ts";
import type { Memo } from "./memo.ts";
import type { MetricView } from "./metric_view.ts";
import type { AccuracyAwareOptions } from "./options.ts";
import { type AccuracyProblem, floatMacs, revertedGroups } from "./problem.ts";
import { potRegressions, sampleRegressions } from "./subset.ts";
import type { Reason, StepDraft, Trace } from "./trace.ts";

/** A precision assignment evaluated over the whole set. */
export interface State {
  readonly assignment: Assignment;
  readonly values: Readonly<Record<string, number>>;
  /** Metric name → value per sample of the whole set. */
  readonly perSample: Readonly<Record<string, Float64Array>>;
  readonly drops: Drops;
}

/** The run's context. Only what it collects grows. */
export interface Run {
  readonly problem: AccuracyProblem;
  readonly options: AccuracyAwareOptions;
  readonly views: readonly MetricView[];
  readonly targets: readonly Target[];
  readonly memo: Memo;
  readonly trace: Trace;
  readonly signal: AbortSignal | undefined;
  /** Samples that are compared with the float network's. */
  readonly compared: readonly number[];
  readonly float: FloatSamples;
  /** Every state evaluated so far, in order; the fully quantized one first. */
  readonly measured: State[];
  /** Labels of candidates made during the run. */
  readonly labels: Map<number, string>;
  readonly warnings: string[];
}

/** Per-sample values of the float network on the compared samples, evaluated when first asked for. */
export class FloatSamples {
  constructor(readonly evaluate: () => Promise<Evaluation["perSample"]>, public known?: Evaluation["perSample"]) {}

  /** Metric name → values in the order of the compared samples. */
  async get(): Promise<Evaluation["perSample"]> {
    return this.known ??= await this.evaluate();
  }
}

/** Evaluates an assignment over the whole set. */
export async function measure(run: Run, assignment: Assignment): Promise<State> {
  const { values, perSample } = await run.memo.evaluate(assignment, undefined, run.signal);
  const state = { assignment, values, perSample, drops: dropsOf(run.targets, values) };
  run.measured.push(state);
  return state;
}

/** Whether a state keeps every metric within its drop. */
export function meetsTarget(run: Run, state: State): boolean {
  return isMet(run.targets, state.drops, run.options.compatibility);
}

/** The largest scaled drop of a state. */
export function worstOf(run: Run, state: State): number {
  return worstDrop(run.targets, state.drops);
}

/** Records what became of a measured state. */
export function recordState(
  run: Run,
  action: StepDraft["action"],
  state: State,
  kept: boolean,
  reason: Reason,
  group?: number,
): void {
  const { assignment, values, drops } = state;
  run.trace.record({ action, assignment, values, drops, kept, reason, ...(group === undefined ? {} : { group }) });
}

/** How much worse than in the float network each compared sample became, for one metric. */
export async function regressionsOf(run: Run, state: State, view: MetricView): Promise<Float64Array> {
  const { perSample } = view;
  if (perSample === "outputs") {
    const { assignment } = state;
    const found = await run.memo.distances("cosine", assignment, [assignment], run.compared, run.signal);
    return found?.[0] ?? new Float64Array(run.compared.length);
  }
  const float = (await run.float.get())[perSample.name] ?? new Float64Array();
  const current = samplesAt(state.perSample[perSample.name], run.compared);
  const regressions = run.options.compatibility === "pot" ? potRegressions : sampleRegressions;
  return regressions(float, current, perSample.direction);
}

/** The values at some indices; NaN where there are none. */
export function samplesAt(values: Float64Array | undefined, indices: readonly number[]): Float64Array {
  return Float64Array.from(indices, (index) => values?.[index] ?? NaN);
}

/**
 * The best state measured: among those that meet the target the one with the fewest float multiply-accumulates, otherwise the one
 * with the smallest drop. Ties: fewer float groups, then the smaller drop (fewer multiply-accumulates where none meets), then the
 * earlier state.
 */
export function bestState(run: Run): State | undefined {
  const { groups } = run.problem;
  const met = run.measured.filter((state) => meetsTarget(run, state));
  const keysOf = (state: State): readonly number[] => {
    const macs = floatMacs(groups, state.assignment);
    const count = revertedGroups(groups, state.assignment).length;
    return met.length > 0 ? [macs, count, worstOf(run, state)] : [worstOf(run, state), macs, count];
  };
  const candidates = met.length > 0 ? met : run.measured;
  return candidates.reduce<State | undefined>(
    (best, state) => !best || isLess(keysOf(state), keysOf(best)) ? state : best,
    undefined,
  );
}

function isLess(a: readonly number[], b: readonly number[]): boolean {
  for (const [place, value] of a.entries()) {
    const other = b[place] ?? 0;
    if (value !== other) return value < other;
  }
  return false;
}
