/** Collecting metrics sample by sample, with the labels that they need. */
import type { Evaluation } from "../base/precision.ts";
import type { HostTensor } from "../base/tensor.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Label, Metric, MetricRun } from "./metric.ts";

/** Collects the metrics of one evaluation over `indices` of a dataset. */
export class Gathering {
  readonly #runs: readonly { readonly name: string; readonly run: MetricRun; readonly perSample: Float64Array }[];
  readonly #indices: readonly number[];
  readonly #labels: readonly (Label | undefined)[];

  private constructor(
    runs: readonly { name: string; run: MetricRun }[],
    indices: readonly number[],
    labels: readonly (Label | undefined)[],
  ) {
    this.#runs = runs.map((run) => ({ ...run, perSample: new Float64Array(indices.length) }));
    this.#indices = indices;
    this.#labels = labels;
  }

  /** Reads the labels; throws where they are of no use to a metric. */
  static async start(dataset: Dataset, metrics: readonly Metric[], indices: readonly number[]): Promise<Gathering> {
    const labels = await labelsOf(dataset, indices);
    return new Gathering(metrics.map((metric) => ({ name: metric.name, run: metric.start(dataset) })), indices, labels);
  }

  /** Takes the outputs of the sample at `position` of the indices. */
  take(position: number, outputs: readonly HostTensor[]): void {
    const sample = { outputs, label: this.#labels[position], index: this.#indices[position]! };
    for (const { run, perSample } of this.#runs) perSample[position] = run.add(sample);
  }

  /** The evaluation, once all samples were taken. */
  finish(): Evaluation {
    return {
      values: Object.fromEntries(this.#runs.map(({ name, run }) => [name, run.value()])),
      perSample: Object.fromEntries(this.#runs.map(({ name, perSample }) => [name, perSample])),
    };
  }
}

async function labelsOf(dataset: Dataset, indices: readonly number[]): Promise<(Label | undefined)[]> {
  const { labels } = dataset;
  if (!labels) return indices.map(() => undefined);
  switch (labels.kind) {
    case "classes":
      return indices.map((index) => labels.values[index]);
    case "text":
      return indices.map((index) => labels.values[index]);
    case "annotations":
      return indices.map((index) => labels.boxes[index]);
    case "masks":
      return await Promise.all(indices.map((index) => labels.read(index)));
    case "tensor": {
      const { dtype, shape, data } = labels.tensor;
      const length = data.length / Math.max(1, shape[0] ?? 0);
      return indices.map((index) => ({
        dtype,
        shape: shape.slice(1),
        data: data.subarray(index * length, (index + 1) * length),
      }));
    }
  }
}
