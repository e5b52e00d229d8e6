/** Which metric goes with labels and outputs. */
import type { Labels } from "../../data/dataset.ts";
import type { Graph, ValueInfo } from "../../graph/graph.ts";

/** @internal A metric of the catalog with its options, and why this one. */
export interface MetricProposal {
  readonly name: string;
  readonly options: Readonly<Record<string, string | number>>;
  readonly reason: string;
}

/** The metric for labels of a kind; of networks without labels the agreement with their own float predictions. */
export function proposeMetric({ outputs }: Graph, kind: Labels["kind"] | undefined): MetricProposal {
  const plain = (name: string, reason: string): MetricProposal => ({ name, options: {}, reason });
  switch (kind) {
    case "classes":
      return plain("accuracy", "labels are classes; f1, f1_macro, mcc and mean_accuracy would do as well");
    case "masks":
      return { name: "mean_iou", options: maskOptions(outputs), reason: "labels are masks; or pixel_accuracy" };
    case "text":
      return plain("line_accuracy", "labels are transcriptions; or character_accuracy");
    case "annotations":
      return { name: "coco_map", ...detectionHead(outputs) };
    case "tensor":
      return plain("mse", "labels are values; cosine, pearson, spearman, mae and psnr would do as well");
    case undefined:
      return plain("agreement", "there are no labels: the share of samples whose class the float network gives too");
  }
}

/** The metric as `--metric` takes it. */
export function metricText({ name, options }: Pick<MetricProposal, "name" | "options">): string {
  const given = Object.entries(options).map(([key, value]) => `${key}=${value}`);
  return given.length === 0 ? name : `${name}:${given.join(",")}`;
}

/** Scores of classes lie along the axis that is not as long as another one of the picture. */
function maskOptions([output]: readonly ValueInfo[]): Record<string, number> {
  const [, first, second, third] = output?.shape ?? [];
  return third !== undefined && first === second && second !== third ? { axis: 2 } : {};
}

/** By number and shapes of the outputs. */
function detectionHead(outputs: readonly ValueInfo[]): Pick<MetricProposal, "options" | "reason"> {
  const shapes = outputs.map(({ shape }) => shape ?? []);
  const [first = []] = shapes;
  const shown = outputs.map(({ name, shape }) => `"${name}" [${shape?.join(", ") ?? "?"}]`).join(", ");
  const head = (adapter: string, reason: string) => ({ options: { adapter }, reason: `${reason}: ${shown}` });
  const [, rows = 0, columns = 0] = first;
  if (outputs.length > 1 && shapes.every(({ length }) => length === 4)) {
    return head("yolo_v3", "a raw output for every grid");
  }
  if (outputs.length > 1) return head("ssd", "boxes and scores are outputs of their own");
  if (first.length === 4) return head("fastestdet", "one grid with objectness, box and classes");
  const hasFewRows = typeof rows === "number" && typeof columns === "number" && rows < columns;
  return hasFewRows
    ? head("yolo_v8", "a column of box and classes for every place")
    : head("yolo_v5", "a row of box, objectness and classes for every place");
}
