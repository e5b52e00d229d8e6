/** Detectors that give boxes and scores as separate outputs: SSD, and networks that end in their own suppression. */
import { ModelError } from "../base/errors.ts";
import { formatShape, type HostTensor } from "../base/tensor.ts";
import { type Box, centredBox, type Detection, type DetectionAdapter, type InputSize } from "./detections.ts";

/** How a box is written: corners or centre and size, horizontal or vertical value first. */
export type BoxOrder = "xyxy" | "yxyx" | "xywh" | "cxcywh";

/** Orders by the name that configurations give them. */
export const BOX_ORDERS: readonly BoxOrder[] = ["xyxy", "yxyx", "xywh", "cxcywh"];

/** Which outputs are what, and what they mean. */
export interface SsdOptions {
  /** Number of the output [N, 4]; the first of that shape unless stated. */
  readonly boxes?: number;
  /** Number of the output [N, classes], or [N] where `classes` has the class; the first that fits unless stated. */
  readonly scores?: number;
  /** Number of the output [N] of class numbers, for networks that give only the best class. */
  readonly classes?: number;
  /** `xyxy` unless stated. */
  readonly order?: BoxOrder;
  /** Whether boxes are in pixels of the input rather than fractions of it. */
  readonly inPixels?: boolean;
  /** Classes that stand for nothing and come first: 1 where class 0 is the background. */
  readonly background?: number;
}

/**
 * Reads boxes with the scores of all classes, or with one score and class. Boxes must be decoded from their anchors already.
 *
 * ```ts
 * import { ssdAdapter } from "@holdfast/holdfast";
 *
 * const boxes = { dtype: "float32" as const, shape: [1, 4], data: Float32Array.of(0.1, 0.2, 0.5, 0.6) };
 * const scores = { dtype: "float32" as const, shape: [1, 3], data: Float32Array.of(0.05, 0.05, 0.9) };
 * const [first] = ssdAdapter().decode([boxes, scores], { width: 100, height: 100 });
 * console.log(first?.box, first?.score, first?.category);
 * ```
 */
export function ssdAdapter(options: SsdOptions = {}): DetectionAdapter {
  const { order = "xyxy", inPixels = false, background = 0 } = options;
  return {
    name: "ssd",
    decode(outputs, size) {
      const boxes = pick(outputs, "boxes", options.boxes, ({ shape }) => shape.length === 2 && shape[1] === 4);
      const count = boxes.shape[0] ?? 0;
      const isScore = (one: HostTensor) => one !== boxes && one.shape[0] === count && one.shape.length <= 2;
      const scores = pick(outputs, "scores", options.scores, isScore);
      const classes = options.classes === undefined ? undefined : pick(outputs, "classes", options.classes, isScore);
      const perBox = scores.shape[1] ?? 1;
      if (!classes && perBox === 1 && scores.shape.length === 1) {
        throw new ModelError(
          `Cannot decode detections: scores are ${formatShape(scores.shape)}, expected an output of classes too`,
        );
      }
      const detections: Detection[] = [];
      for (let row = 0; row < count; row++) {
        const values = boxes.data.subarray(4 * row, 4 * row + 4);
        const box = boxOf(values, order, inPixels ? { width: 1, height: 1 } : size);
        for (let one = 0; one < perBox; one++) {
          const category = (classes?.data[row] ?? one) - background;
          if (category >= 0) detections.push({ category, score: scores.data[row * perBox + one] ?? NaN, box });
        }
      }
      return detections;
    },
  };
}

function boxOf(values: ArrayLike<number>, order: BoxOrder, unit: InputSize): Box {
  const [a = NaN, b = NaN, c = NaN, d = NaN] = Array.from(values);
  const { width: w, height: h } = unit;
  switch (order) {
    case "xyxy":
      return [a * w, b * h, (c - a) * w, (d - b) * h];
    case "yxyx":
      return [b * w, a * h, (d - b) * w, (c - a) * h];
    case "xywh":
      return [a * w, b * h, c * w, d * h];
    case "cxcywh":
      return centredBox(a * w, b * h, c * w, d * h);
  }
}

function pick(
  outputs: readonly HostTensor[],
  what: string,
  place: number | undefined,
  fits: (output: HostTensor) => boolean,
): HostTensor {
  const found = place === undefined ? outputs.find(fits) : outputs[place];
  if (found && fits(found)) return found;
  const shapes = outputs.map(({ shape }) => formatShape(shape)).join(", ");
  throw new ModelError(
    `Cannot decode detections: ${
      place === undefined ? "no output" : `output ${place} of those`
    } is ${what} (${shapes})`,
  );
}
