/** What a run gives back, put together from what it measured. */
import { type Assignment, FLOAT } from "../base/precision.ts";
import { dropIn, type Drops } from "./drop.ts";
import type { Spent } from "./memo.ts";
import { type Noise, pairedNoise } from "./noise.ts";
import type { AccuracyAwareOptions } from "./options.ts";
import { candidateLabel, floatMacs, type GroupInfo, isReverted } from "./problem.ts";
import { type Run, samplesAt, type State } from "./run.ts";
import { potNetworkEquivalents, type Step } from "./trace.ts";

/** Where one group ended. */
export interface GroupOutcome {
  /** Name of the group. */
  readonly name: string;
  /** "float", or the label of the int8 candidate in force. */
  readonly precision: string;
  /** Whether it went back to float. */
  readonly isReverted: boolean;
  /** What mending and reverting this group took off each drop when it was done; absent for groups that are as they were. */
  readonly bought?: Drops;
}

/** The outcome of a run. A target that was not met is a result, not an error. */
export interface AccuracyAwareResult {
  /** Whether every metric is within its drop. */
  readonly reached: boolean;
  /** The loop ran out of groups to revert. Under POT's rule this hides success in the last step. */
  readonly exhausted: boolean;
  /** The state of every group: FLOAT (-1) or the number of an int8 candidate. */
  readonly assignment: Assignment;
  /** Metric name → value of the chosen network. */
  readonly values: Readonly<Record<string, number>>;
  /** Metric name → drop, in the metric's own unit, positive for worse. */
  readonly drops: Drops;
  /** Share of the multiply-accumulates in float, 0 to 1. */
  readonly floatMacs: number;
  /** Metric name → value of the float network, and the drop allowed in the metric's own unit. */
  readonly baseline: Readonly<Record<string, number>>;
  /** Metric name → the largest drop allowed, in the metric's own unit. */
  readonly thresholds: Readonly<Record<string, number>>;
  /** Values after full quantization. */
  readonly quantized: Readonly<Record<string, number>>;
  /** Names of the groups in float, in the order in which they were reverted. */
  readonly reverted: readonly string[];
  /** What became of every group, by index. */
  readonly groups: readonly GroupOutcome[];
  /** Every step, in order. */
  readonly trace: readonly Step[];
  /** What this run spent, and what POT's plain loop spends on the same trace. */
  readonly cost: Spent & { readonly potNetworkEquivalents: number };
  /** How sure the drops are. */
  readonly noise: readonly Noise[];
  /** Plain sentences on what the user should know before trusting the result. */
  readonly warnings: readonly string[];
  /** What the run was told, with defaults filled in. */
  readonly options: AccuracyAwareOptions;
}

/** Describes `state` as the outcome of `run`. */
export function describeResult(
  run: Run,
  state: State,
  verdict: { readonly reached: boolean; readonly exhausted: boolean },
  cost: Spent,
): AccuracyAwareResult {
  const { problem: { groups, evaluator }, targets, options } = run;
  const { steps } = run.trace;
  const noise = noiseOf(run, state);
  return {
    ...verdict,
    assignment: state.assignment,
    values: state.values,
    drops: state.drops,
    floatMacs: floatMacs(groups, state.assignment),
    baseline: Object.fromEntries(targets.map(({ name, baseline }) => [name, baseline])),
    thresholds: Object.fromEntries(targets.map(({ name, threshold }) => [name, threshold])),
    quantized: run.measured[0]?.values ?? {},
    reverted: revertedNames(groups, state.assignment, steps),
    groups: outcomes(run, state),
    trace: steps,
    cost: {
      ...cost,
      potNetworkEquivalents: potNetworkEquivalents(steps, {
        all: evaluator.sampleCount,
        compared: run.compared.length,
        ranking: Math.min(options.rankingSubsetSize, run.compared.length),
      }),
    },
    noise,
    warnings: [...run.warnings, ...noiseWarnings(run, noise)],
    options,
  };
}

/** Groups in float: first those that steps reverted, by step, then those that the user holds there. */
function revertedNames(groups: readonly GroupInfo[], assignment: Assignment, steps: readonly Step[]): string[] {
  const byStep = steps.flatMap(({ action, group, kept }) =>
    action === "revert" && kept && group !== undefined ? [group] : []
  );
  return [...new Set([...byStep, ...groups.keys()])].flatMap((index) => {
    const group = groups[index];
    return group && isReverted(group, assignment[index] ?? FLOAT) ? [group.name] : [];
  });
}

function outcomes(run: Run, state: State): GroupOutcome[] {
  const [mending, reverting] = [gainsOf(run, "mend"), gainsOf(run, "revert")];
  return run.problem.groups.map((group, index) => {
    const candidate = state.assignment[index] ?? FLOAT;
    const reverted = isReverted(group, candidate);
    const bought = [mending.get(index), reverted ? reverting.get(index) : undefined].filter((gain) =>
      gain !== undefined
    );
    return {
      name: group.name,
      precision: run.labels.get(candidate) ?? candidateLabel(group, candidate),
      isReverted: reverted,
      ...(bought.length > 0 ? { bought: bought.reduce((sum, gain) => combine(sum, gain, 1)) } : {}),
    };
  });
}

/** Group → what the kept steps of one kind took off each drop. */
function gainsOf({ trace }: Run, action: Step["action"]): Map<number, Drops> {
  const gains = new Map<number, Drops>();
  let before: Drops = {};
  for (const step of trace.steps) {
    if (!step.kept || step.action === "rank" || step.action === "baseline") continue;
    if (step.action === action && step.group !== undefined) gains.set(step.group, combine(before, step.drops, -1));
    before = step.drops;
  }
  return gains;
}

function combine(first: Drops, second: Drops, sign: 1 | -1): Drops {
  return Object.fromEntries(
    Object.keys(second).map((metric) => [metric, dropIn(first, metric) + sign * dropIn(second, metric)]),
  );
}

function noiseOf(run: Run, state: State): Noise[] {
  const float = run.float.known;
  if (!float) return [];
  const { sampleCount } = run.problem.evaluator;
  return run.targets.flatMap(({ name, direction }) => {
    const values = float[name];
    const current = samplesAt(state.perSample[name], run.compared);
    const noise = values ? pairedNoise(name, values, current, direction, sampleCount) : undefined;
    return noise ? [noise] : [];
  });
}

function noiseWarnings(run: Run, noise: readonly Noise[]): string[] {
  return run.targets.flatMap(({ name, threshold }) => {
    const { standardError = 0, comparedSamples = 0 } = noise.find(({ metric }) => metric === name) ?? {};
    if (!(threshold < standardError)) return [];
    return [
      `The allowed drop ${threshold} of ${name} is below the standard error ${
        standardError.toPrecision(2)
      } of its drop ` +
      `(${comparedSamples} samples compared): the verdict may be chance`,
    ];
  });
}
