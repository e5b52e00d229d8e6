/** What convolutions, products and pools say of operands that do not fit. */
import assert from "node:assert/strict";
import type { TensorType } from "../../src/base/tensor.ts";
import { f32 } from "../../src/ops/case_types.ts";
import { resolveNode } from "../../src/ops/resolve.ts";
import { attributeOf } from "../support/op_graph.ts";

function inferOf(type: string, inputs: readonly TensorType[], attributes: Record<string, unknown> = {}): unknown {
  const names = inputs.map((_, index) => `x${index}`);
  const decoded = new Map(Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)]));
  const resolved = resolveNode({ name: "n", type, domain: "", inputs: names, outputs: ["y"], attributes: decoded }, 17);
  return resolved.operator.infer(inputs, resolved.attributes);
}

const WRONG: readonly [string, string, readonly TensorType[], Record<string, unknown>, RegExp][] = [
  ["Conv", "channels", [f32(1, 3, 8, 8), f32(4, 2, 3, 3)], { group: 2 }, /3 channels, expected 4 \(weight channels 2/],
  ["Conv", "features", [f32(1, 4, 8, 8), f32(3, 2, 3, 3)], { group: 2 }, /3 output channels, expected a multiple/],
  ["Conv", "bias", [f32(1, 3, 8, 8), f32(4, 3, 3, 3), f32(3)], {}, /bias has shape \[3\], expected \[4\]/],
  ["Conv", "window", [f32(1, 3, 2, 2), f32(4, 3, 3, 3)], {}, /window of 3 elements over 2 padded by 0 and 0/],
  ["Conv", "pads", [f32(1, 3, 8, 8), f32(4, 3, 3, 3)], { pads: [1, 1] }, /"pads": found \[1, 1\], expected 4 integers/],
  ["Conv", "kernel", [f32(1, 3, 8, 8), f32(4, 3, 3, 3)], { kernel_shape: [5, 5] }, /kernel_shape is \[5, 5\]/],
  ["ConvTranspose", "channels", [f32(1, 3, 8, 8), f32(4, 2, 3, 3)], {}, /3 channels and weights 4/],
  ["Gemm", "inner extents", [f32(2, 3), f32(4, 5)], {}, /A has 3 columns and B 4 rows/],
  ["Gemm", "C", [f32(2, 3), f32(3, 5), f32(4)], {}, /broadcast/],
  ["MatMul", "inner extents", [f32(2, 3), f32(4, 5)], {}, /3 columns and 4 rows/],
  ["MatMul", "scalars", [f32(), f32(4, 5)], {}, /expected no scalars/],
  ["MaxPool", "rank", [f32(2, 3)], { kernel_shape: [2, 2] }, /expected 1 to 3 spatial axes/],
  ["AveragePool", "kernel", [f32(1, 2, 4, 4)], { kernel_shape: [2] }, /kernel_shape is \[2\]/],
  ["GlobalAveragePool", "plane", [f32(1, 2, 0, 4)], {}, /a plane has no elements/],
];

for (const [type, what, inputs, attributes, message] of WRONG) {
  Deno.test(`infer() of ${type} says what is wrong when ${what} does not fit`, () => {
    assert.throws(() => inferOf(type, inputs, attributes), message);
  });
}

Deno.test("attributes() of MaxPool says so when kernel_shape is missing", () => {
  assert.throws(() => inferOf("MaxPool", [f32(1, 1, 4, 4)]), /"kernel_shape" is missing/);
});

Deno.test("attributes() of Conv refuses an unknown auto_pad", () => {
  const inputs = [f32(1, 3, 8, 8), f32(4, 3, 3, 3)];
  assert.throws(() => inferOf("Conv", inputs, { auto_pad: "SAME" }), /found "SAME", expected NOTSET, SAME_UPPER/);
});
