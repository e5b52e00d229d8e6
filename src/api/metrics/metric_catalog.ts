/** The metrics that come with the project, as the command line and configurations know them. */
import { UsageError } from "../../base/errors.ts";
import { didYouMean } from "../../data/spelling.ts";
import { floatCosine, floatSquaredError, topAgreement } from "../../evaluate/agreement.ts";
import { f1, matthewsCorrelation, meanClassAccuracy } from "../../evaluate/classification_scores.ts";
import { cocoMap } from "../../evaluate/coco_map.ts";
import { accuracy, type Metric } from "../../evaluate/metric.ts";
import {
  meanAbsolute,
  meanSquared,
  peakSignalToNoiseRatio,
  pearson,
  spearman,
  targetCosine,
} from "../../evaluate/regression_scores.ts";
import { meanIou, pixelAccuracy } from "../../evaluate/segmentation.ts";
import { characterAccuracy, lineAccuracy } from "../../evaluate/text_lines.ts";
import { ADAPTER_OPTIONS, adapterNamed } from "./detection_adapters.ts";
import type { MetricOptions, OptionTypes } from "./metric_options.ts";

/** A metric that can be asked for by name. */
export interface CatalogMetric {
  readonly name: string;
  readonly description: string;
  /** Options by name; none where absent. */
  readonly options?: OptionTypes;
  create(options: MetricOptions): Metric;
}

const DETECTION_OPTIONS: OptionTypes = {
  ...ADAPTER_OPTIONS,
  score: "number",
  iou: "number",
  limit: "number",
  category_ids: "boolean",
};

const TEXT_OPTIONS: OptionTypes = { blank: "number", case_sensitive: "boolean", counts_spaces: "boolean" };

/** All of them, in the order in which help shows them. */
export const CATALOG: readonly CatalogMetric[] = [
  {
    name: "accuracy",
    description: "Share of samples whose class has the highest value",
    options: { top_k: "number" },
    create: (options) => accuracy(options.positive("top_k") ?? 1),
  },
  {
    name: "f1",
    description: "F1 score of one class",
    options: { positive: "number" },
    create: (options) => f1("binary", options.number("positive")),
  },
  { name: "f1_macro", description: "Mean F1 score of the classes", create: () => f1("macro") },
  { name: "mcc", description: "Matthews correlation coefficient", create: matthewsCorrelation },
  { name: "mean_accuracy", description: "Mean accuracy of the classes", create: meanClassAccuracy },
  {
    name: "coco_map",
    description: "COCO's mean average precision at overlaps of 0.5 to 0.95",
    options: DETECTION_OPTIONS,
    create: (options) => cocoMap({ name: "coco_map", ...detection("coco_map", options) }),
  },
  {
    name: "coco_map50",
    description: "COCO's mean average precision at an overlap of 0.5",
    options: DETECTION_OPTIONS,
    create: (options) => cocoMap({ name: "coco_map50", thresholds: [0.5], ...detection("coco_map50", options) }),
  },
  {
    name: "mean_iou",
    description: "Mean over classes of intersection over union, of masks",
    options: { axis: "number" },
    create: (options) => meanIou(options.given({ axis: options.number("axis") })),
  },
  {
    name: "pixel_accuracy",
    description: "Share of right pixels, of masks",
    options: { axis: "number" },
    create: (options) => pixelAccuracy(options.given({ axis: options.number("axis") })),
  },
  {
    name: "line_accuracy",
    description: "Share of text lines read without an error (CTC)",
    options: TEXT_OPTIONS,
    create: (options) => lineAccuracy(text(options)),
  },
  {
    name: "character_accuracy",
    description: "One minus edits per character of text lines (CTC)",
    options: TEXT_OPTIONS,
    create: (options) => characterAccuracy(text(options)),
  },
  { name: "mse", description: "Mean squared error", create: meanSquared },
  { name: "mae", description: "Mean absolute error", create: meanAbsolute },
  {
    name: "psnr",
    description: "Peak signal to noise ratio in dB",
    options: { peak: "number" },
    create: (options) => peakSignalToNoiseRatio(options.number("peak")),
  },
  { name: "cosine", description: "Cosine of outputs and targets", create: targetCosine },
  { name: "pearson", description: "Pearson's correlation of outputs and targets", create: pearson },
  { name: "spearman", description: "Spearman's rank correlation of outputs and targets", create: spearman },
  {
    name: "agreement",
    description: "Share of samples with the float network's class; needs no labels",
    create: topAgreement,
  },
  { name: "float_mse", description: "Squared difference from the float network's outputs", create: floatSquaredError },
  { name: "float_cosine", description: "Cosine of the float network's outputs and the network's", create: floatCosine },
];

/** The row of a metric; throws UsageError that names what there is. */
export function catalogMetric(name: string): CatalogMetric {
  const found = CATALOG.find((row) => row.name === name);
  if (found) return found;
  const known = CATALOG.map((row) => row.name);
  const hint = didYouMean(name, known) || `, expected ${known.join(", ")} or the path of a module`;
  throw new UsageError(`Cannot use metric "${name}": there is none${hint}`);
}

function detection(name: string, options: MetricOptions) {
  return {
    adapter: adapterNamed(name, options),
    ...options.given({
      score: options.number("score"),
      iou: options.number("iou"),
      limit: options.positive("limit"),
      usesCategoryIds: options.boolean("category_ids"),
    }),
  };
}

function text(options: MetricOptions) {
  return options.given({
    blank: options.number("blank"),
    caseSensitive: options.boolean("case_sensitive"),
    countsSpaces: options.boolean("counts_spaces"),
  });
}
