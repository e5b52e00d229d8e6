import assert from "node:assert/strict";
import { hostTensor } from "../../src/base/tensor.ts";
import type { Detection } from "../../src/evaluate/detections.ts";
import { fastestDetAdapter } from "../../src/evaluate/fastestdet_adapter.ts";
import { ssdAdapter } from "../../src/evaluate/ssd_adapter.ts";
import { yoloV3Adapter, yoloV5Adapter, yoloV8Adapter } from "../../src/evaluate/yolo_adapters.ts";

const SIZE = { width: 200, height: 100 };

function assertDetection(actual: Detection | undefined, expected: Detection): void {
  assert.equal(actual?.category, expected.category);
  const numbers = ({ score, box }: Detection) => [score, ...box];
  numbers(actual!).forEach((value, place) => {
    const wanted = numbers(expected)[place]!;
    assert.ok(Math.abs(value - wanted) < 1e-4, `${numbers(actual!)} is not ${numbers(expected)}`);
  });
}

/** [C, 1, 2]: the values of two cells. */
function twoCells(...channels: readonly (readonly [number, number])[]) {
  return hostTensor("float32", [channels.length, 1, 2], channels.flat());
}

Deno.test("fastestDetAdapter gives one detection a cell", () => {
  const grid = twoCells([0, 0.5], [0, 0.5], [0, -0.5], [0, 0], [0, Math.log(3)], [0.9, 0.2], [0.1, 0.8]);
  const [first, second] = fastestDetAdapter.decode([grid], SIZE);
  assertDetection(first, { category: 0, score: 0, box: [-50, -25, 100, 50] });
  const [x, y] = [(Math.tanh(0.5) + 1) / 2 * 200, Math.tanh(-0.5) * 100];
  assertDetection(second, {
    category: 1,
    score: 0.5 ** 0.6 * 0.8 ** 0.4,
    box: [x - 50, y - 37.5, 100, 75],
  });
});

Deno.test("yoloV3Adapter() decodes every anchor of every grid, small anchors on the finest grid", () => {
  const zero = [0, 0] as const;
  const sure = [Math.log(3), Math.log(3)] as const;
  const fine = twoCells(zero, zero, zero, zero, sure, zero, sure);
  const coarse = hostTensor("float32", [7, 1, 1], [0, 0, Math.log(2), 0, 0, 0, 0]);
  const found = yoloV3Adapter([8, 6, 50, 40]).decode([coarse, fine], SIZE);
  assert.equal(found.length, 3);
  assertDetection(found[1], { category: 1, score: 0.75 * 0.75, box: [150 - 4, 50 - 3, 8, 6] });
  assertDetection(found[2], { category: 0, score: 0.25, box: [100 - 50, 50 - 20, 100, 40] });
});

Deno.test("yoloV5Adapter reads rows, yoloV8Adapter columns", () => {
  const rows = hostTensor("float32", [2, 7], [50, 40, 20, 10, 0.5, 0.2, 0.6, 10, 10, 4, 4, 1, 0.9, 0]);
  const fromRows = yoloV5Adapter.decode([rows], SIZE);
  assertDetection(fromRows[0], { category: 1, score: 0.3, box: [40, 35, 20, 10] });
  assertDetection(fromRows[1], { category: 0, score: 0.9, box: [8, 8, 4, 4] });
  const columns = hostTensor("float32", [6, 2], [50, 10, 40, 10, 20, 4, 10, 4, 0.2, 0.9, 0.6, 0]);
  const fromColumns = yoloV8Adapter.decode([columns], SIZE);
  assertDetection(fromColumns[0], { category: 1, score: 0.6, box: [40, 35, 20, 10] });
  assertDetection(fromColumns[1], { category: 0, score: 0.9, box: [8, 8, 4, 4] });
});

Deno.test("ssdAdapter() takes every class of every box but the background", () => {
  const boxes = hostTensor("float32", [1, 4], [0.1, 0.2, 0.3, 0.6]);
  const scores = hostTensor("float32", [1, 3], [0.5, 0.25, 0.125]);
  const found = ssdAdapter({ background: 1 }).decode([scores, boxes], SIZE);
  assert.equal(found.length, 2);
  assertDetection(found[0], { category: 0, score: 0.25, box: [20, 20, 40, 40] });
  assertDetection(found[1], { category: 1, score: 0.125, box: [20, 20, 40, 40] });
});

Deno.test("ssdAdapter() takes boxes with one class, in any order of coordinates", () => {
  const boxes = hostTensor("float32", [1, 4], [10, 20, 30, 60]);
  const [score, one] = [hostTensor("float32", [1], [0.75]), hostTensor("float32", [1], [17])];
  const decode = (order: "xyxy" | "yxyx" | "xywh" | "cxcywh") =>
    ssdAdapter({ boxes: 0, classes: 1, scores: 2, order, inPixels: true }).decode([boxes, one, score], SIZE)[0];
  assertDetection(decode("xyxy"), { category: 17, score: 0.75, box: [10, 20, 20, 40] });
  assertDetection(decode("yxyx"), { category: 17, score: 0.75, box: [20, 10, 40, 20] });
  assertDetection(decode("xywh"), { category: 17, score: 0.75, box: [10, 20, 30, 60] });
  assertDetection(decode("cxcywh"), { category: 17, score: 0.75, box: [-5, -10, 30, 60] });
});

Deno.test("adapters say which outputs they cannot read", () => {
  const flat = hostTensor("float32", [4], [0, 0, 0, 0]);
  assert.throws(() => fastestDetAdapter.decode([flat], SIZE), /output is \[4\], expected \[5 \+ classes, H, W\]/);
  assert.throws(
    () => yoloV5Adapter.decode([flat], SIZE),
    /output is \[4\], expected \[boxes, 5 \+ classes\] of YOLOv5/,
  );
  assert.throws(() => yoloV8Adapter.decode([], SIZE), /expected \[4 \+ classes, boxes\] of YOLOv8/);
  assert.throws(() => yoloV3Adapter([1, 2]).decode([flat, flat], SIZE), /1 anchors for 2 grids/);
  assert.throws(() => ssdAdapter().decode([flat], SIZE), /no output is boxes \(\[4\]\)/);
});
