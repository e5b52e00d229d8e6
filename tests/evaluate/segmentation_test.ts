import assert from "node:assert/strict";
import { hostTensor } from "../../src/base/tensor.ts";
import { meanIou, pixelAccuracy } from "../../src/evaluate/segmentation.ts";
import { evaluate, labelled } from "./samples.ts";

const MASKS = labelled({ kind: "masks", paths: [], read: () => Promise.reject(new Error("not read")) });

function sample(truth: readonly number[], found: readonly number[]) {
  return {
    outputs: [hostTensor("int64", [1, truth.length], found)],
    label: hostTensor("uint8", [1, truth.length], truth),
  };
}

Deno.test("meanIou() averages over the classes of the masks, pixels labelled 255 aside", () => {
  const samples = [
    // Class 0: 2 of 3 pixels, and none wrongly: 2/3. Class 1: 1 of 1, 1 wrongly: 1/2. Class 7 is in no mask.
    sample([0, 0, 0, 1, 255], [0, 0, 1, 1, 7]),
    // Class 2: missed, given class 7: 0.
    sample([2, 255], [7, 2]),
  ];
  const { perSample, value } = evaluate(meanIou(), MASKS, samples);
  assert.deepEqual(perSample, [(2 / 3 + 1 / 2) / 2, 0]);
  assert.equal(value, (2 / 3 + 1 / 2 + 0) / 3);
});

Deno.test("meanIou() has no value for a picture without labelled pixels", () => {
  const { perSample, value } = evaluate(meanIou(), MASKS, [sample([255, 255], [0, 1]), sample([3], [3])]);
  assert.deepEqual(perSample, [NaN, 1]);
  assert.equal(value, 1);
});

Deno.test("pixelAccuracy() counts pixels of all samples alike", () => {
  const { perSample, value } = evaluate(pixelAccuracy(), MASKS, [
    sample([0, 0, 0, 255], [0, 0, 1, 0]),
    sample([1], [0]),
  ]);
  assert.deepEqual(perSample, [2 / 3, 0]);
  assert.equal(value, 2 / 4);
});

Deno.test("meanIou() asks for classes where the network gives scores", () => {
  const reduce = (shape: readonly number[], axis?: number) =>
    meanIou(axis === undefined ? {} : { axis }).reduction?.({ dtype: "float32", shape });
  assert.deepEqual(reduce([21, 257, 257]), { kind: "arg_max", axis: 0 });
  assert.deepEqual(reduce([257, 257, 21], -1), { kind: "arg_max", axis: -1 });
  assert.equal(reduce([257, 257]), undefined);
  assert.equal(meanIou().reduction?.({ dtype: "int64", shape: [1, 257, 257] }), undefined);
});

Deno.test("meanIou() takes an array of classes as masks, but no scores", () => {
  const array = (dtype: "int64" | "float32") =>
    labelled({ kind: "tensor", tensor: hostTensor(dtype, [1, 1, 2], [0, 1]) });
  assert.equal(evaluate(meanIou(), array("int64"), [sample([0, 1], [0, 0])]).value, 0.25);
  assert.throws(() => meanIou().start(array("float32")), /it has no masks, expected a folder of them or an array of/);
});

Deno.test("meanIou() refuses other labels, and masks of another size", () => {
  assert.throws(
    () => meanIou().start(labelled(undefined)),
    /Cannot compute mean_iou on dataset "test": it has no masks/,
  );
  const run = meanIou().start(MASKS);
  assert.throws(
    () => run.add({ ...sample([0, 0], [0, 0]), label: hostTensor("uint8", [1, 3], [0, 0, 0]), index: 4 }),
    /Cannot score sample 4: its mask is \[1, 3\], the network's classes are \[1, 2\]/,
  );
});
