/** Datasets and samples for tests of metrics, without files. */
import type { BoxAnnotation, Dataset, Labels } from "../../src/data/dataset.ts";
import type { HostTensor } from "../../src/base/tensor.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import type { Label, Metric } from "../../src/evaluate/metric.ts";

/** A dataset that can only be asked for its labels. */
export function labelled(labels: Labels | undefined, options: Partial<Dataset> = {}): Dataset {
  return {
    name: "test",
    length: 0,
    inputs: [],
    labels,
    classes: undefined,
    sampleName: String,
    sha256: () => Promise.resolve(""),
    read: () => Promise.resolve([]),
    close: () => {},
    ...options,
  };
}

/** Scores of one sample. */
export function vector(...values: readonly number[]): HostTensor {
  return hostTensor("float32", [values.length], values);
}

/** Scores that make `one` of `count` classes win. */
export function winner(one: number, count: number): HostTensor {
  return vector(...Array.from({ length: count }, (_, index) => index === one ? 1 : 0));
}

/** An object without a crowd whose area is the box's. */
export function object(
  category: number,
  box: BoxAnnotation["box"],
  options: { readonly crowd?: boolean } = {},
): BoxAnnotation {
  return { category, box, area: box[2] * box[3], crowd: options.crowd ?? false };
}

/** The values of the samples, and the metric over all of them. */
export function evaluate(
  metric: Metric,
  dataset: Dataset,
  samples: readonly {
    readonly outputs: readonly HostTensor[];
    readonly label?: Label;
    readonly reference?: HostTensor[];
  }[],
): { perSample: number[]; value: number } {
  const run = metric.start(dataset);
  const perSample = samples.map(({ outputs, label, reference }, index) =>
    run.add({ outputs, label, index, ...(reference ? { reference } : {}) })
  );
  return { perSample, value: run.value() };
}
