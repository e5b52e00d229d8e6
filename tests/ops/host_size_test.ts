/** Files of some bytes that ask the host for terabytes or years. */
import assert from "node:assert/strict";
import { type HostTensor, hostTensor } from "../../src/base/tensor.ts";
import { inferNode } from "../../src/ops/infer.ts";
import type { Node } from "../../src/graph/graph.ts";
import { resolveNode } from "../../src/ops/resolve.ts";
import { attributeOf } from "../support/op_graph.ts";

/** Types of the outputs of a node over constants. */
function outputsOf(type: string, constants: readonly HostTensor[], attributes: Record<string, unknown> = {}) {
  const node: Node = {
    name: "n",
    type,
    domain: "",
    inputs: constants.map((_, index) => `c${index}`),
    outputs: ["y"],
    attributes: new Map(Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)])),
  };
  return inferNode(resolveNode(node, 17), constants.map(({ dtype, shape, data }) => ({ dtype, shape, value: data })));
}

const integers = (...values: readonly number[]) => hostTensor("int64", [values.length], values);
const scalar = (value: number) => hostTensor("int64", [], [value]);
const zeros = (...shape: readonly number[]) =>
  hostTensor("float32", shape, new Float32Array(shape.reduce((product, extent) => product * extent, 1)));

Deno.test("inferNode() refuses tensors that are filled by rule and too large", () => {
  const refused = {
    name: "UnsupportedError",
    message: /of (ConstantOfShape|Range|EyeLike|HannWindow) node "n": \d+ elements/,
  };
  assert.throws(() => outputsOf("ConstantOfShape", [integers(2 ** 20, 2 ** 20)]), refused);
  assert.throws(() => outputsOf("ConstantOfShape", [integers(2 ** 50)]), refused);
  assert.throws(() => outputsOf("Range", [scalar(0), scalar(2 ** 40), scalar(1)]), refused);
  assert.throws(() => outputsOf("HannWindow", [scalar(2 ** 40)]), refused);
  const side = 2 ** 14;
  const huge = { dtype: "float32" as const, shape: [side, side], data: new Float32Array(0) };
  assert.throws(() => outputsOf("EyeLike", [huge]), refused);
});

Deno.test("inferNode() refuses shapes that are none", () => {
  const message = /of ConstantOfShape node "n": expected extents of at least 0$/;
  assert.throws(() => outputsOf("ConstantOfShape", [integers(-1, 4)]), { name: "ModelError", message });
  assert.throws(() => outputsOf("ConstantOfShape", [integers(2.5)]), { name: "ModelError", message });
});

Deno.test("inferNode() leaves results that are too large for the host to the device", () => {
  const cases = [
    outputsOf("Expand", [zeros(1), integers(2 ** 15, 2 ** 15)]),
    outputsOf("Tile", [zeros(4), integers(2 ** 28)]),
    outputsOf("Pad", [zeros(4), integers(2 ** 29, 2 ** 29)]),
    outputsOf("MatMul", [zeros(1100, 1000), zeros(1000, 1100)]),
  ];
  for (const [type] of cases) assert.equal(type!.value, undefined);
  assert.ok(outputsOf("Tile", [zeros(4), integers(2)])[0]!.value, "the host computes what is small");
});

Deno.test("resolveNode() refuses nodes without inputs that are not optional, and with unknown ones", () => {
  const message = /^Cannot use inputs of (Conv|Clip|Add) node "n": found \d, expected at least \d$/;
  assert.throws(() => outputsOf("Conv", [zeros(1, 1, 3, 3)]), { name: "ModelError", message });
  assert.throws(() => outputsOf("Add", [zeros(1)]), { name: "ModelError", message });
  assert.throws(() => outputsOf("Clip", []), { name: "ModelError", message });
  const three = [zeros(1), zeros(1), zeros(1)];
  assert.throws(() => outputsOf("Add", three), {
    message: /^Cannot use inputs of Add node "n": found 3, expected at most 2$/,
  });
  assert.deepEqual(outputsOf("Sum", three)[0]!.shape, [1]);
  const node = { name: "n", type: "Add", domain: "", inputs: ["", "b"], outputs: ["y"], attributes: new Map() };
  assert.throws(() => resolveNode(node, 17), { message: /node "n": input 0 is absent, expected at least 2$/ });
});

Deno.test("inferNode() refuses unsigned integers where a sign is asked for", () => {
  for (const type of ["Neg", "Sign"]) {
    const refused = { name: "UnsupportedError", message: /^Cannot .* of (Neg|Sign) node "n": .*uint32/ };
    assert.throws(() => outputsOf(type, [hostTensor("uint32", [2], [1, 2])]), refused);
  }
});
