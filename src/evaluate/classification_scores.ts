/** Metrics of classifiers that count kinds of errors: F1, Matthews correlation, accuracy by class. */
import { DatasetError } from "../base/errors.ts";
import { argMax, type EvaluatedSample, type Metric } from "./metric.ts";

/** Pairs of true and predicted class, counted. */
class Confusion {
  readonly #right = new Map<number, number>();
  readonly #labelled = new Map<number, number>();
  readonly #predicted = new Map<number, number>();
  samples = 0;

  add(truth: number, found: number): void {
    this.samples++;
    increase(this.#labelled, truth);
    increase(this.#predicted, found);
    if (truth === found) increase(this.#right, truth);
  }

  /** Samples of a class that were given it. */
  right(one: number): number {
    return this.#right.get(one) ?? 0;
  }

  /** Samples of a class. */
  labelled(one: number): number {
    return this.#labelled.get(one) ?? 0;
  }

  /** Samples that were given a class. */
  predicted(one: number): number {
    return this.#predicted.get(one) ?? 0;
  }

  /** Classes of samples. */
  truths(): number[] {
    return [...this.#labelled.keys()];
  }

  /** Classes of samples and classes that samples were given. */
  classes(): number[] {
    return [...new Set([...this.#labelled.keys(), ...this.#predicted.keys()])];
  }
}

function increase(counts: Map<number, number>, key: number): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

/** How the F1 scores of classes become one. */
export type F1Average = "binary" | "macro";

/**
 * Harmonic mean of precision and recall, `2 TP / (2 TP + FP + FN)`: of class `positive` (1 unless stated), or the mean over all classes
 * that occur among labels or predictions. As scikit-learn's `f1_score`, a class without samples and predictions counts 0.
 *
 * ```ts
 * import { evaluateModel, f1, loadModel, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const { values } = await evaluateModel(runtime, model, dataset, { metrics: [f1("macro")] });
 * console.log(values);
 * ```
 */
export function f1(average: F1Average = "binary", positive = 1): Metric {
  return confusionMetric(average === "binary" ? "f1" : "f1_macro", (counts) => {
    const score = (one: number) => {
      const all = counts.labelled(one) + counts.predicted(one);
      return all === 0 ? 0 : 2 * counts.right(one) / all;
    };
    return average === "binary" ? score(positive) : mean(counts.classes().map(score));
  });
}

/**
 * Matthews correlation coefficient for any number of classes, 0 where it is undefined (scikit-learn's `matthews_corrcoef`).
 *
 * ```ts
 * import { evaluateModel, loadModel, matthewsCorrelation, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const { values } = await evaluateModel(runtime, model, dataset, { metrics: [matthewsCorrelation()] });
 * console.log(values);
 * ```
 */
export function matthewsCorrelation(): Metric {
  return confusionMetric("mcc", (counts) => {
    const { samples } = counts;
    const sum = (term: (one: number) => number) => counts.classes().reduce((total, one) => total + term(one), 0);
    const covariance = samples * sum((one) => counts.right(one)) -
      sum((one) => counts.labelled(one) * counts.predicted(one));
    const ofLabels = samples ** 2 - sum((one) => counts.labelled(one) ** 2);
    const ofPredictions = samples ** 2 - sum((one) => counts.predicted(one) ** 2);
    return ofLabels * ofPredictions === 0 ? 0 : covariance / Math.sqrt(ofLabels * ofPredictions);
  });
}

/**
 * Mean over classes of the share of their samples that are right (balanced accuracy).
 *
 * ```ts
 * import { evaluateModel, loadModel, meanClassAccuracy, openDataset, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const { values } = await evaluateModel(runtime, model, dataset, { metrics: [meanClassAccuracy()] });
 * console.log(values);
 * ```
 */
export function meanClassAccuracy(): Metric {
  return confusionMetric(
    "mean_accuracy",
    (counts) => mean(counts.truths().map((one) => counts.right(one) / counts.labelled(one))),
  );
}

/**
 * A metric of counts. A sample's own value is whether it is right: one sample has no F1 or correlation, and what a sample is asked for
 * is whether quantization broke it.
 */
function confusionMetric(name: string, score: (counts: Confusion) => number): Metric {
  return {
    name,
    direction: "higher_better",
    start(dataset) {
      if (dataset.labels?.kind !== "classes") {
        throw new DatasetError(
          `Cannot compute ${name} on dataset "${dataset.name}": it has no class labels; agreement needs none`,
        );
      }
      const counts = new Confusion();
      return {
        add(sample) {
          const truth = Number(sample.label);
          const found = predictedClass(sample);
          counts.add(truth, found);
          return truth === found ? 1 : 0;
        },
        value: () => counts.samples === 0 ? NaN : score(counts),
      };
    },
  };
}

/** The class with the highest value. */
function predictedClass({ outputs, index }: EvaluatedSample): number {
  const scores = outputs[0]?.data ?? [];
  if (scores.length >= 2) return argMax(scores);
  throw new DatasetError(
    `Cannot score sample ${index}: the network gives ${scores.length} values, expected one per class`,
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
