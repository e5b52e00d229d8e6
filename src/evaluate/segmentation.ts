/** Metrics of semantic segmentation, on label masks. */
import { DatasetError } from "../base/errors.ts";
import { formatShape, type HostTensor, isFloat, type TensorType } from "../base/tensor.ts";
import type { Dataset } from "../data/dataset.ts";
import type { EvaluatedSample, Metric, Reduction } from "./metric.ts";

/** Mask value of pixels that do not count. */
const IGNORED = 255;

/** How predictions are read. */
export interface SegmentationOptions {
  /** Axis of the classes in one sample's scores; 0 unless stated. Outputs of rank 2 hold classes already. */
  readonly axis?: number;
}

/** Pixels by class. */
interface Tally {
  /** Pixels of the class that were given it. */
  readonly right: Float64Array;
  /** Pixels of the class. */
  readonly labelled: Float64Array;
  /** Pixels that were given the class. */
  readonly predicted: Float64Array;
}

/**
 * Mean over the classes that occur in the masks of `TP / (TP + FP + FN)`; pixels labelled 255 do not count.
 *
 * ```ts
 * import { meanIou } from "@holdfast/holdfast";
 *
 * const metric = meanIou();
 * console.log(metric.name, metric.direction);
 * ```
 */
export function meanIou(options: SegmentationOptions = {}): Metric {
  return segmentationMetric("mean_iou", options, ({ right, labelled, predicted }) => {
    let sum = 0;
    let classes = 0;
    labelled.forEach((count, one) => {
      if (count === 0) return;
      sum += right[one]! / (count + predicted[one]! - right[one]!);
      classes++;
    });
    return classes === 0 ? NaN : sum / classes;
  });
}

/**
 * Share of right pixels among those that are not labelled 255.
 *
 * ```ts
 * import { pixelAccuracy } from "@holdfast/holdfast";
 *
 * const metric = pixelAccuracy({ axis: 2 });
 * console.log(metric.name, metric.direction);
 * ```
 */
export function pixelAccuracy(options: SegmentationOptions = {}): Metric {
  return segmentationMetric("pixel_accuracy", options, ({ right, labelled }) => {
    const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0);
    return sum(labelled) === 0 ? NaN : sum(right) / sum(labelled);
  });
}

function segmentationMetric(name: string, { axis = 0 }: SegmentationOptions, score: (tally: Tally) => number): Metric {
  return {
    name,
    direction: "higher_better",
    reduction: (output) => segmentationReduction(output, axis),
    start(dataset) {
      checkMasks(dataset, name);
      const total = emptyTally();
      return {
        add(sample) {
          const own = emptyTally();
          count(sample, own);
          for (const key of ["right", "labelled", "predicted"] as const) {
            own[key].forEach((pixels, one) => total[key][one]! += pixels);
          }
          return score(own);
        },
        value: () => score(total),
      };
    },
  };
}

/** Scores need the best class alone; integers and planes are classes already. */
function segmentationReduction({ dtype, shape }: TensorType, axis: number): Reduction | undefined {
  return isFloat(dtype) && shape.length === 3 && shape.at(axis) !== 1 ? { kind: "arg_max", axis } : undefined;
}

function emptyTally(): Tally {
  const counts = () => new Float64Array(256);
  return { right: counts(), labelled: counts(), predicted: counts() };
}

function count({ outputs: [classes], label, index }: EvaluatedSample, { right, labelled, predicted }: Tally): void {
  const mask = label as HostTensor;
  const extents = classes!.shape.filter((extent) => extent !== 1);
  const wanted = mask.shape.filter((extent) => extent !== 1);
  if (extents.length !== wanted.length || extents.some((extent, axis) => extent !== wanted[axis])) {
    throw new DatasetError(
      `Cannot score sample ${index}: its mask is ${formatShape(mask.shape)}, the network's classes are ${
        formatShape(classes!.shape)
      }`,
    );
  }
  const [truths, found] = [mask.data, classes!.data];
  for (let pixel = 0; pixel < truths.length; pixel++) {
    const truth = truths[pixel]!;
    if (truth === IGNORED) continue;
    const one = found[pixel]!;
    labelled[truth]!++;
    // A typed array takes no notice of classes beyond those a mask can hold.
    predicted[one]!++;
    if (one === truth) right[truth]!++;
  }
}

function checkMasks({ labels, name: dataset }: Dataset, name: string): void {
  if (labels?.kind === "masks" || (labels?.kind === "tensor" && !isFloat(labels.tensor.dtype))) return;
  throw new DatasetError(
    `Cannot compute ${name} on dataset "${dataset}": it has no masks, expected a folder of them or an array of integers as labels`,
  );
}
