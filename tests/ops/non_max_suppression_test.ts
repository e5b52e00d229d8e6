import assert from "node:assert/strict";
import { hostTensor } from "../../src/base/tensor.ts";
import { nonMaxSuppression } from "../../src/ops/non_max_suppression.ts";

const CORNERS = [0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101];
const SCORES = [0.9, 0.75, 0.6, 0.95, 0.5, 0.3];

interface Request {
  readonly boxes?: readonly number[];
  readonly scores?: readonly number[];
  readonly classes?: number;
  readonly most?: number;
  readonly overlap?: number;
  readonly score?: number;
  readonly centered?: boolean;
}

/** Rows of batch, class and box. */
function select({ boxes = CORNERS, scores = SCORES, classes = 1, most = 3, overlap, score, centered }: Request) {
  const scalar = (value: number | undefined) => value === undefined ? undefined : hostTensor("float32", [1], [value]);
  const count = boxes.length / 4;
  const [result] = nonMaxSuppression.reference(
    [
      hostTensor("float32", [1, count, 4], boxes),
      hostTensor("float32", [1, classes, count], scores),
      hostTensor("int64", [1], [most]),
      scalar(overlap),
      scalar(score),
    ],
    { centered: centered ?? false },
  );
  const rows = Array.from(result!.data);
  return Array.from({ length: result!.shape[0]! }, (_, row) => rows.slice(3 * row, 3 * row + 3));
}

Deno.test("nonMaxSuppression keeps the best of overlapping boxes, best first", () => {
  assert.deepEqual(select({ overlap: 0.5 }), [[0, 0, 3], [0, 0, 0], [0, 0, 5]]);
});

Deno.test("nonMaxSuppression drops boxes that do not score above the threshold", () => {
  assert.deepEqual(select({ overlap: 0.5, score: 0.4 }), [[0, 0, 3], [0, 0, 0]]);
});

Deno.test("nonMaxSuppression stops at max_output_boxes_per_class in every class", () => {
  const scores = [...SCORES, ...SCORES.toReversed()];
  assert.deepEqual(select({ scores, classes: 2, most: 1, overlap: 0.5 }), [[0, 0, 3], [0, 1, 2]]);
});

Deno.test("nonMaxSuppression takes any two opposite corners", () => {
  const flipped = [1, 1, 0, 0, 0, 0.1, 1, 1.1, 0, 0.9, 1, -0.1, 0, 10, 1, 11, 1, 10.1, 0, 11.1, 1, 101, 0, 100];
  assert.deepEqual(select({ boxes: flipped, overlap: 0.5 }), [[0, 0, 3], [0, 0, 0], [0, 0, 5]]);
});

Deno.test("nonMaxSuppression reads centres and sizes when center_point_box is 1", () => {
  const boxes = Array.from({ length: 6 }, (_, box) => {
    const [top, left, bottom, right] = CORNERS.slice(4 * box, 4 * box + 4) as [number, number, number, number];
    return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top];
  }).flat();
  assert.deepEqual(select({ boxes, overlap: 0.5, centered: true }), [[0, 0, 3], [0, 0, 0], [0, 0, 5]]);
});

Deno.test("nonMaxSuppression selects nothing when no count is given", () => {
  assert.deepEqual(select({ most: 0 }), []);
});
