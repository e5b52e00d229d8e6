/** Mean average precision of object detectors, as COCO defines it. */
import { DatasetError } from "../base/errors.ts";
import type { BoxAnnotation, Dataset, Placement } from "../data/dataset.ts";
import { averagePrecision, type ClassMatches, matchClass } from "./coco_matching.ts";
import { type Detection, type DetectionAdapter, type DetectionFilter, filterDetections } from "./detections.ts";
import type { InputSize } from "./detections.ts";
import type { EvaluatedSample, Metric } from "./metric.ts";

/** How mean average precision is computed. */
export interface CocoMapOptions extends Partial<DetectionFilter> {
  /** Reads boxes out of the network's outputs. */
  readonly adapter: DetectionAdapter;
  /** Overlaps that make a detection right; COCO's 0.5, 0.55, … 0.95 unless stated. */
  readonly thresholds?: readonly number[];
  /** Whether the network's class numbers are category ids, rather than places in the list of classes. */
  readonly usesCategoryIds?: boolean;
  /** `coco_map` unless stated. */
  readonly name?: string;
}

/** 0.5, 0.55, … 0.95 with the rounding of NumPy's linspace, which is what pycocotools compares with. */
export const COCO_THRESHOLDS: readonly number[] = Array.from(
  { length: 10 },
  (_, index) => index === 9 ? 0.95 : 0.5 + index * ((0.95 - 0.5) / 9),
);

/** Detections are filtered like this unless stated: COCO counts 100 a picture. */
const DEFAULT_FILTER: DetectionFilter = { score: 0.001, iou: 0.45, limit: 100 };

/**
 * Mean of the average precisions over all thresholds and all categories that occur in the samples, as pycocotools gives for all areas
 * and 100 detections. A sample's own value is that of the picture alone; NaN where it has no object.
 *
 * ```ts
 * import { cocoMap, yoloV8Adapter } from "@holdfast/holdfast";
 *
 * const metric = cocoMap({ adapter: yoloV8Adapter, iou: 0.6 });
 * console.log(metric.name, metric.direction);
 * ```
 */
export function cocoMap(options: CocoMapOptions): Metric {
  const { adapter, thresholds = COCO_THRESHOLDS, name = "coco_map", usesCategoryIds = false, ...given } = options;
  const filter = { ...DEFAULT_FILTER, ...given };
  return {
    name,
    direction: "higher_better",
    start(dataset) {
      const size = inputSize(dataset, name);
      const categoryOf = usesCategoryIds ? (category: number) => category : categoryIds(dataset, name);
      const byCategory = new Map<number, ClassMatches[]>();
      return {
        add({ outputs, label, placement }: EvaluatedSample) {
          const found = filterDetections(adapter.decode(outputs, size), filter).flatMap((one): Detection[] => {
            const category = categoryOf(one.category);
            return category === undefined ? [] : [{ ...one, category, box: inPicture(one.box, placement) }];
          });
          const matches = matchPicture(label as readonly BoxAnnotation[], found, thresholds);
          for (const [category, one] of matches) byCategory.set(category, [...byCategory.get(category) ?? [], one]);
          return meanPrecision([...matches.values()].map((one) => [one]), thresholds);
        },
        value: () => meanPrecision([...byCategory.values()], thresholds),
      };
    },
  };
}

/** Category → how its detections fared in one picture, for categories of objects or detections. */
function matchPicture(
  truths: readonly BoxAnnotation[],
  found: readonly Detection[],
  thresholds: readonly number[],
): Map<number, ClassMatches> {
  const categories = new Set([...truths, ...found].map(({ category }) => category));
  return new Map([...categories].map((category) => {
    const isOf = (one: { readonly category: number }) => one.category === category;
    return [category, matchClass(truths.filter(isOf), found.filter(isOf), thresholds)];
  }));
}

/** NaN where no category has an object. */
function meanPrecision(categories: readonly (readonly ClassMatches[])[], thresholds: readonly number[]): number {
  let sum = 0;
  let count = 0;
  for (const pictures of categories) {
    for (const threshold of thresholds.keys()) {
      const precision = averagePrecision(pictures, threshold);
      if (precision === undefined) continue;
      sum += precision;
      count++;
    }
  }
  return count === 0 ? NaN : sum / count;
}

function inPicture([left, top, width, height]: Detection["box"], placement: Placement | undefined): Detection["box"] {
  if (!placement) return [left, top, width, height];
  const { scaleX, scaleY } = placement;
  return [placement.left + left * scaleX, placement.top + top * scaleY, width * scaleX, height * scaleY];
}

/** The network's class numbers → category ids: by name where the dataset names its classes, else in ascending order of the ids. */
function categoryIds(dataset: Dataset, metric: string): (category: number) => number | undefined {
  const { labels, classes } = dataset;
  if (labels?.kind !== "annotations") {
    throw new DatasetError(
      `Cannot compute ${metric} on dataset "${dataset.name}": it has no boxes, expected COCO's JSON`,
    );
  }
  const ids = [...labels.categories.keys()].sort((a, b) => a - b);
  if (!classes) return (category) => ids[category];
  const byName = new Map([...labels.categories].map(([id, name]) => [name, id]));
  const missing = ids.find((id) => !classes.includes(labels.categories.get(id) ?? ""));
  if (missing !== undefined) {
    throw new DatasetError(
      `Cannot compute ${metric} on dataset "${dataset.name}": category "${
        labels.categories.get(missing)
      }" is not in its file of classes`,
    );
  }
  return (category) => byName.get(classes[category] ?? "");
}

/** Width and height of the network's input, whichever axis the channels are on. */
function inputSize(dataset: Dataset, metric: string): InputSize {
  const [input] = dataset.inputs;
  const shape = input?.shape ?? [];
  const channelsFirst = (input?.normalization?.channelAxis ?? ((shape[0] ?? 0) <= 4 ? 0 : 2)) === 0;
  const [height, width] = channelsFirst ? shape.slice(1) : shape;
  if (shape.length !== 3 || height === undefined || width === undefined) {
    throw new DatasetError(
      `Cannot compute ${metric} on dataset "${dataset.name}": its first input has ${shape.length} axes, expected a picture of 3`,
    );
  }
  return { width, height };
}
