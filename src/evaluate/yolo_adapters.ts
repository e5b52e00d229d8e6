/** The heads of YOLO networks. */
import { ModelError } from "../base/errors.ts";
import { formatShape, type HostTensor } from "../base/tensor.ts";
import { centredBox, type Detection, type DetectionAdapter, type InputSize, sigmoid } from "./detections.ts";

/** Anchors of YOLOv3 for COCO in pixels, width and height in turn, for the finest grid first. */
const YOLO_V3_ANCHORS = [10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119, 116, 90, 156, 198, 373, 326];

/** Anchors of its tiny version. */
const YOLO_V3_TINY_ANCHORS = [10, 14, 23, 27, 37, 58, 81, 82, 135, 169, 344, 319];

/**
 * Raw heads of YOLOv3, one output per grid: [A·(5 + C), H, W] with A anchors a grid. `cx = (sigmoid(tx) + gx) / W`,
 * `w = anchor · exp(tw)`, `score = sigmoid(objectness) · sigmoid(class)`. `anchors` are width and height in input pixels, those of the
 * finest grid first; COCO's (for two grids those of the tiny version) unless stated. One detection an anchor: its best class.
 *
 * ```ts
 * import { cocoMap, yoloV3Adapter } from "@holdfast/holdfast";
 *
 * const metric = cocoMap({ adapter: yoloV3Adapter() });
 * console.log(metric.name, metric.direction);
 * ```
 */
export function yoloV3Adapter(anchors?: readonly number[]): DetectionAdapter {
  return {
    name: "yolo_v3",
    decode(outputs, size) {
      const grids = [...outputs].sort((a, b) => b.data.length - a.data.length);
      const known = anchors ?? (grids.length === 2 ? YOLO_V3_TINY_ANCHORS : YOLO_V3_ANCHORS);
      const perGrid = known.length / 2 / grids.length;
      if (!Number.isInteger(perGrid)) {
        throw new ModelError(`Cannot decode detections: ${known.length / 2} anchors for ${grids.length} grids`);
      }
      return grids.flatMap((grid, place) => {
        const own = known.slice(2 * perGrid * place, 2 * perGrid * (place + 1));
        return decodeGrid(grid, own, size);
      });
    },
  };
}

function decodeGrid(grid: HostTensor, anchors: readonly number[], size: InputSize): Detection[] {
  const [channels = 0, rows = 0, columns = 0] = grid.shape;
  const values = channels / (anchors.length / 2);
  if (grid.shape.length !== 3 || !Number.isInteger(values) || values < 6) {
    throw new ModelError(
      `Cannot decode detections: output is ${formatShape(grid.shape)}, expected [${
        anchors.length / 2
      } * (5 + classes), H, W] of YOLOv3`,
    );
  }
  const cells = rows * columns;
  const detections: Detection[] = [];
  for (let anchor = 0; anchor < anchors.length / 2; anchor++) {
    for (let cell = 0; cell < cells; cell++) {
      const at = (value: number) => grid.data[(anchor * values + value) * cells + cell] ?? NaN;
      const { category, value } = bestClass(at, 5, values - 5);
      const x = (sigmoid(at(0)) + cell % columns) / columns;
      const y = (sigmoid(at(1)) + Math.floor(cell / columns)) / rows;
      const [width = 0, height = 0] = anchors.slice(2 * anchor);
      detections.push({
        category,
        score: sigmoid(at(4)) * sigmoid(value),
        box: centredBox(x * size.width, y * size.height, width * Math.exp(at(2)), height * Math.exp(at(3))),
      });
    }
  }
  return detections;
}

/**
 * The decoded output of YOLOv5's export (and of v7): [N, 5 + C] of centre, size in input pixels, objectness and class probabilities.
 * One detection a row: its best class, `score = objectness · probability`.
 *
 * ```ts
 * import { yoloV5Adapter } from "@holdfast/holdfast";
 *
 * const output = { dtype: "float32" as const, shape: [1, 7], data: Float32Array.of(50, 50, 20, 10, 0.9, 0.1, 0.8) };
 * const [first] = yoloV5Adapter.decode([output], { width: 100, height: 100 });
 * console.log(first?.box, first?.score, first?.category);
 * ```
 */
export const yoloV5Adapter: DetectionAdapter = {
  name: "yolo_v5",
  decode([output]) {
    const [rows = 0, values = 0] = output?.shape ?? [];
    if (!output || output.shape.length !== 2 || values < 6) throw unexpected(output, "[boxes, 5 + classes] of YOLOv5");
    return Array.from({ length: rows }, (_, row): Detection => {
      const at = (value: number) => output.data[row * values + value] ?? NaN;
      const { category, value } = bestClass(at, 5, values - 5);
      return { category, score: at(4) * value, box: centredBox(at(0), at(1), at(2), at(3)) };
    });
  },
};

/**
 * The decoded output of YOLOv8's export (and of v9 and 11): [4 + C, N] of centre, size in input pixels and class probabilities.
 *
 * ```ts
 * import { yoloV8Adapter } from "@holdfast/holdfast";
 *
 * const output = { dtype: "float32" as const, shape: [6, 1], data: Float32Array.of(50, 50, 20, 10, 0.1, 0.8) };
 * const [first] = yoloV8Adapter.decode([output], { width: 100, height: 100 });
 * console.log(first?.box, first?.score, first?.category);
 * ```
 */
export const yoloV8Adapter: DetectionAdapter = {
  name: "yolo_v8",
  decode([output]) {
    const [values = 0, columns = 0] = output?.shape ?? [];
    if (!output || output.shape.length !== 2 || values < 5) throw unexpected(output, "[4 + classes, boxes] of YOLOv8");
    return Array.from({ length: columns }, (_, column): Detection => {
      const at = (value: number) => output.data[value * columns + column] ?? NaN;
      const { category, value } = bestClass(at, 4, values - 4);
      return { category, score: value, box: centredBox(at(0), at(1), at(2), at(3)) };
    });
  },
};

function bestClass(at: (value: number) => number, first: number, count: number): { category: number; value: number } {
  let category = 0;
  for (let one = 1; one < count; one++) if (at(first + one) > at(first + category)) category = one;
  return { category, value: at(first + category) };
}

function unexpected(output: HostTensor | undefined, expected: string): ModelError {
  return new ModelError(
    `Cannot decode detections: output is ${formatShape(output?.shape ?? [])}, expected ${expected}`,
  );
}
