/** What the operators that move data say about models that break their rules. */
import assert from "node:assert/strict";
import { ModelError, UnsupportedError } from "../../src/base/errors.ts";
import { PORTABLE_TARGET } from "../../src/base/kernel_target.ts";
import type { TensorType } from "../../src/base/tensor.ts";
import type { AttributeValue } from "../../src/graph/attributes.ts";
import { constantBool, constantF32, constantI64, f32, i64 } from "../../src/ops/case_types.ts";
import { inferNode } from "../../src/ops/infer.ts";
import { resolveNode } from "../../src/ops/resolve.ts";

interface Refusal {
  readonly type: string;
  readonly inputs: readonly (TensorType | undefined)[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  readonly outputs?: number;
  readonly opset?: number;
  /** The message after `Cannot infer output of …: ` or `Cannot decode attributes of …: `. */
  readonly message: string;
  readonly error?: typeof ModelError | typeof UnsupportedError;
}

const ints = (...value: number[]): AttributeValue => ({ type: "ints", value });
const int = (value: number): AttributeValue => ({ type: "int", value });
const text = (value: string): AttributeValue => ({ type: "string", value });

const REFUSALS: readonly Refusal[] = [
  {
    type: "Reshape",
    inputs: [f32(2, 3), constantI64([4, 2])],
    message: "input [2, 3] has 6 elements, expected those of [4, 2]",
  },
  {
    type: "Reshape",
    inputs: [f32(2, 3), constantI64([6, 1, 0])],
    message: "axis 2 of target [6, 1, 0] copies no axis of input [2, 3]",
  },
  {
    type: "Reshape",
    inputs: [f32(2, 3), i64(2)],
    message: 'input "shape" is computed at run time, expected a constant',
    error: UnsupportedError,
  },
  {
    type: "Squeeze",
    inputs: [f32(1, 3), constantI64([1])],
    message: "axis 1 of input [1, 3] has extent 3, expected 1",
  },
  {
    type: "Unsqueeze",
    inputs: [f32(3), constantI64([0, -3])],
    message: "axes [0, -3] name one of the 3 output axes twice",
  },
  {
    type: "Transpose",
    inputs: [f32(2, 3)],
    attributes: { perm: ints(0, 0) },
    message: "perm is [0, 0], expected every axis of input [2, 3] once",
  },
  {
    type: "Concat",
    inputs: [f32(2, 3), f32(3, 3)],
    attributes: { axis: int(1) },
    message: "inputs [2, 3] and [3, 3] differ beside axis 1",
  },
  { type: "Concat", inputs: [f32(2)], message: '"axis" is missing' },
  {
    type: "Split",
    inputs: [f32(5), constantI64([2, 2])],
    outputs: 2,
    message: "parts are [2, 2], expected 2 that fill axis 0 of [5]",
  },
  { type: "Split", inputs: [f32(5)], outputs: 2, opset: 13, message: "axis 0 of [5] has no 2 equal parts" },
  {
    type: "Split",
    inputs: [f32(6)],
    attributes: { num_outputs: int(3) },
    outputs: 2,
    message: '"num_outputs" is 3, expected 2',
  },
  {
    type: "Slice",
    inputs: [f32(4), constantI64([0]), constantI64([4]), constantI64([0]), constantI64([0])],
    message: "a step is 0, expected any other",
  },
  {
    type: "Slice",
    inputs: [f32(4), constantI64([0, 1]), constantI64([4])],
    message: "found 2 starts, 1 ends, 2 axes, 2 steps",
  },
  { type: "Pad", inputs: [f32(4, 2), constantI64([1, 1])], message: "found 2 pads, expected 4" },
  {
    type: "Pad",
    inputs: [f32(4), constantI64([-3, -2])],
    message: "axis 0 of [4] has pads -3 and -2 in mode constant",
  },
  {
    type: "Pad",
    inputs: [f32(0), constantI64([1, 0])],
    attributes: { mode: text("edge") },
    message: "axis 0 of [0] has pads 1 and 0 in mode edge",
  },
  {
    type: "Tile",
    inputs: [f32(2, 3), constantI64([2])],
    message: "repeats are [2], expected 2 counts",
  },
  {
    type: "DepthToSpace",
    inputs: [f32(1, 6, 2, 2)],
    attributes: { blocksize: int(2) },
    message: "blocksize is 2, expected one that divides [6]",
  },
  {
    type: "GatherElements",
    inputs: [f32(2, 3), i64(3, 3)],
    attributes: { axis: int(1) },
    message: "indices are [3, 3], expected one within [2, 3] beside axis 1",
  },
  {
    type: "GatherND",
    inputs: [f32(2, 3), i64(4, 3)],
    message: "indices are [4, 3], expected tuples for [2, 3]",
  },
  {
    type: "ScatterND",
    inputs: [f32(4, 3), i64(2, 1), f32(2, 4)],
    message: "updates are [2, 4], expected [2, 3]",
  },
  {
    type: "ScatterElements",
    inputs: [f32(4), i64(2), f32(3)],
    message: "updates are [3], expected [2]",
  },
  {
    type: "Compress",
    inputs: [f32(2, 2), constantBool([0, 0, 1])],
    attributes: { axis: int(0) },
    message: "the condition holds at 2, expected less than 2",
  },
  {
    type: "NonZero",
    inputs: [f32(3)],
    message: 'input "X" is computed at run time, expected a constant',
    error: UnsupportedError,
  },
  {
    type: "Resize",
    inputs: [f32(1, 1, 4, 4), undefined, constantF32([2, 2])],
    message: "scales are [2, 2] and sizes [], expected one of them with 4 values",
  },
  {
    type: "Resize",
    inputs: [f32(4), undefined, constantF32([0])],
    message: "a scale is 0, expected one above 0",
  },
  {
    type: "GridSample",
    inputs: [f32(1, 1, 4, 4), f32(1, 2, 2, 3)],
    message: "input is [1, 1, 4, 4] and grid [1, 2, 2, 3], expected points of 2 coordinates for every sample",
  },
  {
    type: "NonMaxSuppression",
    inputs: [f32(1, 4, 4), f32(1, 1, 4)],
    message: "the number of selected boxes is computed at run time, expected constant inputs",
    error: UnsupportedError,
  },
];

for (const { type, inputs, attributes, outputs = 1, opset = 21, message, error = ModelError } of REFUSALS) {
  Deno.test(`${type} is refused when ${message}`, () => {
    const node = {
      name: "n",
      type,
      domain: "",
      inputs: inputs.map((input, place) => input ? `x${place}` : ""),
      outputs: Array.from({ length: outputs }, (_, place) => `y${place}`),
      attributes: new Map(Object.entries(attributes ?? {})),
    };
    assert.throws(() => inferNode(resolveNode(node, opset), inputs), (thrown: unknown) => {
      assert.ok(thrown instanceof error, String(thrown));
      assert.match(thrown.message, /^Cannot (infer output|decode attributes) of \w+ node "n": /);
      assert.equal(thrown.message.replace(/^[^:]*: /, ""), message);
      return true;
    });
  });
}

Deno.test("Resize is refused when its antialiased filter would be wider than an invocation may loop", () => {
  const node = {
    name: "n",
    type: "Resize",
    domain: "",
    inputs: ["x0", "", "", "x3"],
    outputs: ["y0"],
    attributes: new Map([["mode", text("linear")], ["antialias", int(1)]]),
  };
  const { operator, attributes } = resolveNode(node, 21);
  const inputs = [f32(1, 16384), undefined, undefined, constantI64([1, 1])];
  assert.throws(() => operator.lower(inputs, operator.infer(inputs, attributes), attributes, PORTABLE_TARGET), {
    message: "Cannot resize: an element takes 32768 others, expected at most 12000",
  });
});

Deno.test("RoiAlign is refused when a bin may take more samples than an invocation may loop", () => {
  const node = {
    name: "n",
    type: "RoiAlign",
    domain: "",
    inputs: ["x0", "x1", "x2"],
    outputs: ["y0"],
    attributes: new Map<string, AttributeValue>(),
  };
  const { operator, attributes } = resolveNode(node, 21);
  const inputs = [f32(1, 1, 300, 300), f32(1, 4), i64(1)];
  assert.throws(() => operator.lower(inputs, operator.infer(inputs, attributes), attributes, PORTABLE_TARGET), {
    message: "Cannot align regions: a bin may take 300x300 samples, more than 60000 iterations",
  });
});

Deno.test("Gather is refused when a constant index lies outside its axis", () => {
  const node = {
    name: "n",
    type: "Gather",
    domain: "",
    inputs: ["x0", "x1"],
    outputs: ["y0"],
    attributes: new Map(),
  };
  const inputs = [constantF32([1, 2]), constantI64([-3])];
  assert.throws(() => inferNode(resolveNode(node, 21), inputs), {
    message: /index is -3, expected -2 to 1$/,
  });
});
