import assert from "node:assert/strict";
import { coordinateTransform, originalCoordinate, resizeAxes } from "../../src/ops/resize_axes.ts";

const NOTHING = { scales: undefined, sizes: undefined, roi: undefined, axes: undefined, exactSteps: true } as const;

function sizesOf(shape: readonly number[], sizes: readonly number[], policy: "stretch" | "not_larger" | "not_smaller") {
  return resizeAxes(shape, { ...NOTHING, sizes, policy }).map((axis) => axis.size);
}

Deno.test("resizeAxes() keeps the aspect ratio when the policy asks for it", () => {
  assert.deepEqual(sizesOf([2, 4], [1, 3], "stretch"), [1, 3]);
  assert.deepEqual(sizesOf([2, 4], [1, 3], "not_larger"), [1, 2]);
  // 2 * 0.75 lies half way: halves go up.
  assert.deepEqual(sizesOf([2, 4], [1, 3], "not_smaller"), [2, 3]);
  assert.deepEqual(sizesOf([2, 2], [7, 8], "not_larger"), [7, 7]);
  assert.deepEqual(sizesOf([2, 2], [7, 8], "not_smaller"), [8, 8]);
});

Deno.test("resizeAxes() rounds scaled extents down in single precision", () => {
  const sizes = resizeAxes([10, 3], { ...NOTHING, scales: [Math.fround(0.7), Math.fround(0.6)], policy: "stretch" });
  // 10 * fround(0.7) is below 7, but not in single precision.
  assert.deepEqual(sizes.map((axis) => axis.size), [7, 1]);
});

Deno.test("originalCoordinate() meets halves exactly when the scale is a ratio of extents", () => {
  const [axis] = resizeAxes([7], { ...NOTHING, sizes: [4], policy: "stretch" });
  assert.equal(originalCoordinate(2, axis!, "asymmetric"), 3.5);
  const [rounded] = resizeAxes([7], { ...NOTHING, sizes: [4], policy: "stretch", exactSteps: false });
  assert.ok(originalCoordinate(2, rounded!, "asymmetric") < 3.5);
});

Deno.test("originalCoordinate() follows each mode's formula", () => {
  const [axis] = resizeAxes([4], { ...NOTHING, sizes: [8], roi: [0.25, 0.75], policy: "stretch" });
  const at = (mode: Parameters<typeof originalCoordinate>[2]) => originalCoordinate(7, axis!, mode);
  assert.equal(at("half_pixel"), 3.25);
  assert.equal(at("half_pixel_symmetric"), 3.25);
  assert.equal(at("pytorch_half_pixel"), 3.25);
  assert.equal(at("align_corners"), 3);
  assert.equal(at("asymmetric"), 3.5);
  assert.equal(at("tf_half_pixel_for_nn"), 3.75);
  assert.equal(at("tf_crop_and_resize"), 2.25);
});

Deno.test("coordinateTransform() changes nothing when the axis is kept", () => {
  const [axis] = resizeAxes([5], { ...NOTHING, sizes: [5], policy: "stretch" });
  assert.deepEqual(coordinateTransform(axis!, "align_corners"), [0, 1, 1, 0]);
});
