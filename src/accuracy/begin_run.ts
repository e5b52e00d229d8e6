/** The start of a run: checked options, the float network's values, and the drops that they allow. */
import { UsageError } from "../base/errors.ts";
import type { Evaluation } from "../base/precision.ts";
import { type Target, thresholdOf } from "./drop.ts";
import type { AccuracyAwareHooks } from "./hooks.ts";
import type { Memo } from "./memo.ts";
import { type MetricView, metricViews } from "./metric_view.ts";
import type { AccuracyAwareOptions } from "./options.ts";
import { type AccuracyProblem, floatAssignment } from "./problem.ts";
import { FloatSamples, type Run, samplesAt } from "./run.ts";
import { comparedIndices } from "./subset.ts";
import { Trace } from "./trace.ts";

/**
 * Checks that the problem offers what the options ask for, and evaluates the float network where its values are not given: under
 * POT's rule given values count only if every metric has one, otherwise each counts.
 */
export async function beginRun(
  problem: AccuracyProblem,
  options: AccuracyAwareOptions,
  hooks: Pick<AccuracyAwareHooks, "onTargets" | "onBegin" | "onStep" | "signal">,
  memo: Memo,
): Promise<Run> {
  const { evaluator, groups } = problem;
  const { signal } = hooks;
  checkProblem(problem, options);
  const views = metricViews(evaluator, options.metrics);
  const trace = new Trace(memo, hooks.onStep, hooks.onBegin);
  const isGiven = !options.annotationFree && views.every(({ option }) => option.baselineValue !== undefined);
  const compared = comparedIndices(evaluator.sampleCount, options.metricSubsetRatio, isGiven, options.seed);
  const float = floatAssignment(groups);
  if (!isGiven) trace.begin("baseline");
  const measured = isGiven ? undefined : await memo.evaluate(float, undefined, signal);
  const targets = targetsOf(views, options, isGiven, measured);
  hooks.onTargets?.(targets);
  if (measured) {
    const drops = Object.fromEntries(targets.map(({ name }) => [name, 0]));
    const { values } = measured;
    trace.record({ action: "baseline", assignment: float, values, drops, kept: true, reason: "measured" });
  }
  const evaluateFloat = async () => (await memo.evaluate(float, compared, signal)).perSample;
  return {
    problem,
    options,
    views,
    targets,
    memo,
    trace,
    signal,
    compared,
    float: new FloatSamples(evaluateFloat, measured && samplesOf(measured, compared)),
    measured: [],
    labels: new Map(),
    warnings: [],
  };
}

function checkProblem({ evaluator, groups, requantize }: AccuracyProblem, options: AccuracyAwareOptions): void {
  if (evaluator.metrics.length === 0) throw new UsageError("Cannot keep accuracy: the evaluator offers no metric");
  if (evaluator.sampleCount < 1) throw new UsageError("Cannot keep accuracy: the validation set is empty");
  if (options.ranking !== "metric" && !evaluator.distances) {
    throw new UsageError(
      `Cannot rank by ${options.ranking}: the evaluator does not compare outputs, expected ranking metric`,
    );
  }
  const missing = options.tryFirst.find((candidate) =>
    groups.every(({ candidates }) => candidate >= candidates.length)
  );
  if (missing !== undefined) {
    throw new UsageError(`Cannot try candidate ${missing} first: no group has it`);
  }
  if (options.tuneHyperparams && !requantize) {
    throw new UsageError("Cannot tune hyperparameters: the problem cannot be quantized again");
  }
}

function targetsOf(
  views: readonly MetricView[],
  options: AccuracyAwareOptions,
  isGiven: boolean,
  measured: Evaluation | undefined,
): Target[] {
  const { compatibility, dropType, annotationFree } = options;
  const usesGiven = isGiven || (compatibility === "default" && !annotationFree);
  const haveOwnDrop = views.every(({ option }) => (option.maximalDrop ?? 0) > 0);
  return views.map(({ name, direction, option }) => {
    const baseline = (usesGiven ? option.baselineValue : undefined) ?? measured?.values[name] ?? NaN;
    if (!Number.isFinite(baseline)) {
      throw new UsageError(
        `Cannot measure drops of metric "${name}": its baseline is ${baseline}, expected a finite number`,
      );
    }
    const threshold = thresholdOf(baseline, option.maximalDrop ?? options.maximalDrop, dropType, compatibility);
    const scale = views.length === 1 ? 1 : haveOwnDrop && threshold > 0 ? threshold : Math.abs(baseline) || 1;
    return { name, direction, baseline, threshold, scale };
  });
}

function samplesOf({ perSample }: Evaluation, indices: readonly number[]): Evaluation["perSample"] {
  return Object.fromEntries(Object.entries(perSample).map(([name, values]) => [name, samplesAt(values, indices)]));
}
