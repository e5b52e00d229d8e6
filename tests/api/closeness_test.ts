import assert from "node:assert/strict";
import { differenceOf } from "../../src/api/closeness.ts";
import { hostTensor } from "../../src/base/tensor.ts";

const closeness = { relative: 1e-3, absolute: 1e-7 };

function compare(actual: readonly number[], expected: readonly number[], dtype: "float32" | "int32" = "float32") {
  const tensor = (values: readonly number[]) => hostTensor(dtype, [values.length], values);
  return differenceOf(tensor(actual), tensor(expected), closeness);
}

Deno.test("differenceOf() accepts floats within the tolerance and equal specials", () => {
  assert.equal(compare([1.0009, NaN, Infinity, -Infinity, 0], [1, NaN, Infinity, -Infinity, 5e-8]), undefined);
});

Deno.test("differenceOf() counts what is off and shows the worst", () => {
  assert.match(compare([1.002, 4, 3], [1, 2, 3]) ?? "", /^has 2 of 3 elements off, worst 4 at 1, expected 2$/);
});

Deno.test("differenceOf() rounds what is handed out as float16", () => {
  const half = (value: number) => hostTensor("float16", [1], [value]);
  assert.equal(differenceOf(half(0.504375), half(0.5048828125), closeness), undefined);
  assert.match(differenceOf(half(0.50414), half(0.5048828125), closeness) ?? "", /^has 1 of 1 elements off/);
});

Deno.test("differenceOf() takes bfloat16 one step away, not two", () => {
  const brain = (value: number) => hostTensor("bfloat16", [1], [value]);
  assert.equal(differenceOf(brain(1.0079), brain(1), closeness), undefined);
  assert.match(differenceOf(brain(1.015625), brain(1), closeness) ?? "", /^has 1 of 1 elements off/);
});

Deno.test("differenceOf() refuses NaN and infinities on one side only", () => {
  for (const [actual, expected] of [[NaN, 1], [1, NaN], [Infinity, 1], [1, Infinity], [-Infinity, Infinity]] as const) {
    assert.match(compare([actual], [expected]) ?? "", /^has 1 of 1 elements off/, `${actual} for ${expected}`);
  }
});

Deno.test("differenceOf() compares integers exactly", () => {
  assert.match(compare([100001], [100000], "int32") ?? "", /worst 100001 at 0, expected 100000/);
});

Deno.test("differenceOf() tells other shapes and types", () => {
  assert.match(compare([1, 2], [1]) ?? "", /has shape \[2\], expected \[1\]/);
  assert.match(
    differenceOf(hostTensor("int32", [1], [1]), hostTensor("float32", [1], [1]), closeness) ?? "",
    /is int32, expected float32/,
  );
});
