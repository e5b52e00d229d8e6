/** Which values stand for a metric when samples are compared and when groups are scored (POT's stand-ins). */
import { UsageError } from "../base/errors.ts";
import type { Evaluator, MetricDirection } from "../base/precision.ts";
import type { MetricOption } from "./options.ts";

/** A metric of the evaluator. */
export interface MetricSource {
  readonly name: string;
  readonly direction: MetricDirection;
}

/** The three views of one metric: itself for drops, `perSample` to compare samples, `ranking` to score groups. */
export interface MetricView extends MetricSource {
  readonly option: MetricOption;
  /** "outputs": samples are compared by the cosine distance of their outputs to the float network's. */
  readonly perSample: MetricSource | "outputs";
  readonly ranking: MetricSource;
}

/** Metric type → metrics that stand in for it: per sample, and when groups are scored. */
const STAND_INS: Readonly<Record<string, { readonly perSample: string; readonly ranking?: string }>> = {
  hit_ratio: { perSample: "log_loss", ranking: "log_loss" },
  ndcg: { perSample: "log_loss", ranking: "log_loss" },
  coco_orig_precision: { perSample: "coco_precision" },
  coco_orig_keypoints_precision: { perSample: "coco_precision" },
  coco_orig_segm_precision: { perSample: "coco_segm_precision" },
};

/** Metric types whose value for a single sample means nothing. */
const WITHOUT_SAMPLE_VALUES: ReadonlySet<string> = new Set([
  "cmc",
  "reid_map",
  "pairwise_accuracy_subsets",
  "pairwise_accuracy",
  "normalized_embedding_accuracy",
  "face_recognition_tafa_pair_metric",
  "localization_recall",
  "coco_orig_keypoints_precision",
  "coco_orig_segm_precision",
  "spearman_correlation_coef",
  "pearson_correlation_coef",
]);

/**
 * The views of the metrics that `options` names, or of all that the evaluator has. A stand-in is used where the evaluator offers it
 * (a metric of that name; `distances` for outputs), otherwise the metric's own values. Throws UsageError for unknown names.
 */
export function metricViews(evaluator: Evaluator, options: readonly MetricOption[]): MetricView[] {
  const chosen = options.length > 0 ? options : evaluator.metrics.map(({ name }) => ({ name }));
  const sourceOf = (name: string | undefined) => evaluator.metrics.find((metric) => metric.name === name);
  return chosen.map((option: MetricOption) => {
    const own = sourceOf(option.name);
    if (!own) {
      const known = evaluator.metrics.map(({ name }) => name).join(", ");
      throw new UsageError(`Cannot use metric "${option.name}": it is not evaluated, expected one of ${known}`);
    }
    const type = option.type ?? option.name;
    const comparesOutputs = WITHOUT_SAMPLE_VALUES.has(type) && evaluator.distances !== undefined;
    return {
      ...own,
      option,
      perSample: comparesOutputs ? "outputs" : sourceOf(STAND_INS[type]?.perSample) ?? own,
      ranking: sourceOf(STAND_INS[type]?.ranking) ?? own,
    };
  });
}
