/** Unique: as its section of the ONNX specification works it out. */
import assert from "node:assert/strict";
import { type HostTensor, hostTensor } from "../../src/base/tensor.ts";
import { resolveNode } from "../../src/ops/resolve.ts";
import { unique } from "../../src/ops/unique.ts";
import { attributeOf } from "../support/op_graph.ts";

function run(x: HostTensor, attributes: Record<string, number> = {}) {
  const node = {
    name: "u",
    type: "Unique",
    domain: "",
    inputs: ["x"],
    outputs: ["y", "i", "v", "c"],
    attributes: new Map(Object.entries(attributes).map(([name, value]) => [name, attributeOf(value)])),
  };
  return unique.reference([x], resolveNode(node, 13).attributes).map(({ shape, data }) => [[...shape], [...data]]);
}

Deno.test("Unique sorts, and tells where each element came from", () => {
  const x = hostTensor("float32", [6], [2, 1, 1, 3, 4, 3]);
  assert.deepEqual(run(x), [[[4], [1, 2, 3, 4]], [[4], [1, 0, 3, 4]], [[6], [1, 0, 0, 2, 3, 2]], [[4], [2, 1, 2, 1]]]);
  assert.deepEqual(run(x, { sorted: 0 }), [
    [[4], [2, 1, 3, 4]],
    [[4], [0, 1, 3, 4]],
    [[6], [0, 1, 1, 2, 3, 2]],
    [[4], [1, 2, 2, 1]],
  ]);
});

Deno.test("Unique compares slices along an axis, in lexicographic order", () => {
  const x = hostTensor("int32", [2, 3], [3, 1, 3, 0, 5, 0]);
  assert.deepEqual(run(x, { axis: 1 }), [[[2, 2], [1, 3, 5, 0]], [[2], [1, 0]], [[3], [1, 0, 1]], [[2], [1, 2]]]);
  assert.deepEqual(run(x, { axis: -2 }), [[[2, 3], [0, 5, 0, 3, 1, 3]], [[2], [1, 0]], [[2], [1, 0]], [[2], [1, 1]]]);
});

Deno.test("Unique takes both zeros for one, and nothing for nothing", () => {
  assert.deepEqual(run(hostTensor("float32", [2], [0, -0]))[3], [[1], [2]]);
  assert.deepEqual(run(hostTensor("float32", [0], [])), [[[0], []], [[0], []], [[0], []], [[0], []]]);
});
