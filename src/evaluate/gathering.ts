/** Collecting metrics sample by sample, with the labels that they need. */
import type { Evaluation } from "../base/precision.ts";
import type { HostTensor } from "../base/tensor.ts";
import type { Dataset, Placement } from "../data/dataset.ts";
import type { Label, Metric, MetricRun } from "./metric.ts";
import type { OutputViews } from "./output_views.ts";

/** What a metric is told of a sample beside outputs. */
interface Truth {
  readonly label: Label | undefined;
  readonly placement?: Placement;
}

/** Collects the metrics of one evaluation over `indices` of a dataset. */
export class Gathering {
  readonly #runs: readonly { readonly name: string; readonly run: MetricRun; readonly perSample: Float64Array }[];
  readonly #views: OutputViews;
  readonly #indices: readonly number[];
  readonly #truths: readonly Truth[];

  private constructor(
    runs: readonly { name: string; run: MetricRun }[],
    views: OutputViews,
    indices: readonly number[],
    truths: readonly Truth[],
  ) {
    this.#runs = runs.map((run) => ({ ...run, perSample: new Float64Array(indices.length) }));
    this.#views = views;
    this.#indices = indices;
    this.#truths = truths;
  }

  /** Begins `count` evaluations. Reads the labels once for all; throws where they are of no use to a metric. */
  static async start(
    dataset: Dataset,
    metrics: readonly Metric[],
    views: OutputViews,
    indices: readonly number[],
    count: number,
  ): Promise<Gathering[]> {
    const begin = () => metrics.map((metric) => ({ name: metric.name, run: metric.start(dataset) }));
    // Labels that are of no use are refused before any is read.
    const runs = Array.from({ length: count }, begin);
    const truths = await truthsOf(dataset, indices);
    return runs.map((run) => new Gathering(run, views, indices, truths));
  }

  /** Takes what was collected of the sample at `position` of the indices, and the same of the float network where it is known. */
  take(position: number, collected: readonly HostTensor[], float?: readonly HostTensor[]): void {
    const sample = { ...this.#truths[position]!, index: this.#indices[position]! };
    this.#runs.forEach(({ run, perSample }, place) => {
      perSample[position] = run.add({
        ...sample,
        outputs: this.#views.viewOf(place, collected),
        ...(float ? { reference: this.#views.viewOf(place, float) } : {}),
      });
    });
  }

  /** The evaluation, once all samples were taken. */
  finish(): Evaluation {
    return {
      values: Object.fromEntries(this.#runs.map(({ name, run }) => [name, run.value()])),
      perSample: Object.fromEntries(this.#runs.map(({ name, perSample }) => [name, perSample])),
    };
  }
}

/** Placements matter to boxes alone. */
async function truthsOf(dataset: Dataset, indices: readonly number[]): Promise<Truth[]> {
  const labels = await labelsOf(dataset, indices);
  if (dataset.labels?.kind !== "annotations" || !dataset.placement) return labels.map((label) => ({ label }));
  const placements = await Promise.all(indices.map((index) => dataset.placement?.(index)));
  return labels.map((label, place) => {
    const placement = placements[place];
    return placement ? { label, placement } : { label };
  });
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
