/** What a drop is, how much of it is allowed, and whether a state keeps within it. Total functions: no input makes them fail. */
import type { MetricDirection } from "../base/precision.ts";

/** `absolute`: in the metric's own unit; `relative`: as a share of the baseline. */
export type DropType = "absolute" | "relative";

/** Whose decisions are taken: those of OpenVINO POT to the letter, or ours. */
export type Compatibility = "pot" | "default";

/**
 * How much worse `value` is than `baseline`, in the metric's own unit; negative where it is better. A value without meaning
 * (NaN, or two infinities) is infinitely worse, so that no broken network passes for a good one.
 */
export function dropOf(baseline: number, value: number, direction: MetricDirection): number {
  const drop = direction === "higher_better" ? baseline - value : value - baseline;
  return Number.isNaN(drop) ? Infinity : drop;
}

/**
 * The largest drop allowed, in the metric's own unit. A relative drop is a share of the baseline's magnitude: a negative baseline
 * allows as much as a positive one, and a baseline of zero allows no drop at all. POT multiplies by the signed baseline, so that a
 * negative baseline there demands an improvement.
 */
export function thresholdOf(
  baseline: number,
  maximalDrop: number,
  dropType: DropType,
  compatibility: Compatibility = "default",
): number {
  if (dropType === "absolute") return maximalDrop;
  return (compatibility === "pot" ? baseline : Math.abs(baseline)) * maximalDrop;
}

/** One metric that must stay within its drop. Drops and thresholds are in the metric's own unit. */
export interface Target {
  /** Name of the metric. */
  readonly name: string;
  /** Which way the metric improves. */
  readonly direction: MetricDirection;
  /** Value of the float network. */
  readonly baseline: number;
  /** The largest drop allowed. */
  readonly threshold: number;
  /** Divides drops to make those of several metrics comparable. Positive, and independent of the drop that a sweep varies. */
  readonly scale: number;
}

/** Metric name → drop. */
export type Drops = Readonly<Record<string, number>>;

/** The drops of `values`, per target. */
export function dropsOf(targets: readonly Target[], values: Readonly<Record<string, number>>): Drops {
  return Object.fromEntries(
    targets.map(({ name, baseline, direction }) => [name, dropOf(baseline, values[name] ?? NaN, direction)]),
  );
}

/**
 * Keeps differences of rounded numbers from hiding a drop that fits exactly: 0.945 - 0.943 is a little more than 0.002. A share of the
 * numbers that are subtracted, far below one sample of any validation set.
 */
const ROUNDING = 1e-9;

/** Whether a drop is within what is allowed, equality included; POT compares without regard to rounding. */
export function isWithin(
  drop: number,
  { baseline, threshold }: Pick<Target, "baseline" | "threshold">,
  compatibility: Compatibility = "default",
): boolean {
  const slack = compatibility === "pot" ? 0 : ROUNDING * Math.max(Math.abs(baseline), Math.abs(threshold));
  return drop <= threshold + slack;
}

/** Whether every drop is within its threshold. */
export function isMet(targets: readonly Target[], drops: Drops, compatibility: Compatibility = "default"): boolean {
  return targets.every((target) => isWithin(dropIn(drops, target.name), target, compatibility));
}

/** The target whose scaled drop is largest, the first one on ties: the one to improve next. Independent of the thresholds. */
export function worstTarget(targets: readonly Target[], drops: Drops): Target {
  return targets.reduce((worst, target) => scaledDrop(target, drops) > scaledDrop(worst, drops) ? target : worst);
}

/** The largest scaled drop: the one number by which two states are compared. */
export function worstDrop(targets: readonly Target[], drops: Drops): number {
  return scaledDrop(worstTarget(targets, drops), drops);
}

/**
 * POT's choice of the metric to optimise: the largest (drop − threshold) / baseline, the last one on ties. A baseline of zero
 * divides by 1, where POT fails.
 */
export function potWorstTarget(targets: readonly Target[], drops: Drops): Target {
  const excess = (target: Target) => (dropIn(drops, target.name) - target.threshold) / (target.baseline || 1);
  return targets.reduce((worst, target) => excess(target) >= excess(worst) ? target : worst);
}

/** The drop of one metric; infinite where it was not measured. */
export function dropIn(drops: Drops, metric: string): number {
  return drops[metric] ?? Infinity;
}

function scaledDrop(target: Target, drops: Drops): number {
  return dropIn(drops, target.name) / target.scale;
}
