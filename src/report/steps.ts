/** The steps of the loop as reports show them. */
import { FLOAT } from "../base/precision.ts";
import type { Drops } from "../accuracy/drop.ts";
import { REASONS, type Step } from "../accuracy/trace.ts";

/** One step of the loop. `value` and `drop` are those of the first metric, null where the step measured none. */
export interface ReportedStep {
  /** What the step did. */
  readonly action: Step["action"];
  /** The group that changed; null for steps that change none, or several. */
  readonly group: string | null;
  /** Label of the int8 candidate that the groups, or for steps without any the whole network, were put on; null for none. */
  readonly candidate: string | null;
  /** Names of the groups that changed. */
  readonly groups: readonly string[];
  /** Value of the first metric. */
  readonly value: number | null;
  /** How much worse than the float network, in the metric's own unit. */
  readonly drop: number | null;
  /** Metric name → value over all samples. */
  readonly values: Readonly<Record<string, number>>;
  /** Metric name → drop, in the metric's own unit, positive for worse. */
  readonly drops: Drops;
  /** Whether the step was kept, or undone. */
  readonly kept: boolean;
  /** Why, as a key that stays the same. */
  readonly reason: Step["reason"];
  /** The reason as a sentence. */
  readonly explanation: string;
  /** Wall clock since the step before. */
  readonly seconds: number;
  /** Networks evaluated. */
  readonly evaluations: number;
  /** Samples evaluated, summed over the evaluations. */
  readonly samples: number;
  /** Forward passes of one sample through the whole network. */
  readonly networkEquivalents: number;
  /** Scores of the groups, for steps that rank; null for others. */
  readonly ranking: {
    readonly metric: string;
    readonly samples: number;
    /** Best first. */
    readonly scores: readonly { readonly group: string; readonly score: number }[];
  } | null;
}

/**
 * A step as reports and progress show it; `metric` is the one whose value leads, `nameOf` gives names of groups, and
 * `candidates` are the labels of the int8 candidates by number, as far as they are known.
 *
 * ```ts
 * import { accuracy, loadModel, openDataset, quantizeModel, reportStep, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()], accuracy: { maximalDrop: 0.01 } };
 * const result = await quantizeModel(runtime, model, options);
 * const names = result.groups.map(({ name }) => name);
 * for (const step of result.accuracy.trace) {
 *   const { action, groups, drop } = reportStep(step, "accuracy", {
 *     nameOf: (group) => names[group] ?? "",
 *     candidates: result.candidates,
 *   });
 *   console.log(action, groups, drop);
 * }
 * ```
 */
export function reportStep(
  step: Step,
  metric: string,
  { nameOf, candidates }: { readonly nameOf: (group: number) => string; readonly candidates: readonly string[] },
): ReportedStep {
  const { action, group, groups, values, drops, kept, reason, seconds, ranking } = step;
  return {
    action,
    group: group === undefined ? null : nameOf(group),
    candidate: candidates[candidateOf(step)] ?? null,
    groups: (group === undefined ? groups ?? [] : [group]).map(nameOf),
    value: values[metric] ?? null,
    drop: drops[metric] ?? null,
    values,
    drops,
    kept,
    reason,
    explanation: REASONS[reason],
    seconds,
    evaluations: step.evaluations,
    samples: step.samples,
    networkEquivalents: step.networkEquivalents,
    ranking: ranking
      ? {
        metric: ranking.metric,
        samples: ranking.sampleCount,
        scores: ranking.scores.map(({ group, score }) => ({ group: nameOf(group), score })),
      }
      : null,
  };
}

/** Number of the int8 candidate that a step was about; -1 for none. */
function candidateOf({ action, assignment, group }: Step): number {
  if (action === "baseline" || action === "rank") return FLOAT;
  if (group !== undefined) return assignment[group] ?? FLOAT;
  return action === "put_back" ? FLOAT : assignment.find((state) => state !== FLOAT) ?? FLOAT;
}
