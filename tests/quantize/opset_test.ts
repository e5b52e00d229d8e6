import assert from "node:assert/strict";
import type { HostTensor } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { raiseOpset } from "../../src/quantize/opset.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { drawSamples } from "../fixtures/networks.ts";
import { runInOnnxRuntime } from "../fixtures/onnxruntime.ts";

type Build = (b: GraphBuilder, x: string) => string;

interface OpsetCase {
  readonly opset: number;
  readonly shape?: readonly number[];
  readonly build: Build;
  /** Operators of the raised graph. */
  readonly becomes: readonly string[];
}

const CASES: Readonly<Record<string, OpsetCase>> = {
  "BatchNormalization with spatial": {
    opset: 7,
    build: (b, x) => {
      for (const [name, values] of Object.entries({ s: [1, 2], t: [0, 1], m: [0.5, 0], v: [1, 4] })) {
        b.constant(name, [2], values);
      }
      return b.node("BatchNormalization", [x, "s", "t", "m", "v"], { attributes: { spatial: 1 } });
    },
    becomes: ["BatchNormalization"],
  },
  "Clip with both bounds": {
    opset: 10,
    build: (b, x) =>
      b.node("Clip", [x], { attributes: { min: { type: "float", value: 0 }, max: { type: "float", value: 1 } } }),
    becomes: ["Clip"],
  },
  "Clip with an upper bound": {
    opset: 6 + 1,
    build: (b, x) => b.node("Clip", [x], { attributes: { max: { type: "float", value: 0.5 } } }),
    becomes: ["Clip"],
  },
  "Clip without bounds": { opset: 9, build: (b, x) => b.node("Clip", [x]), becomes: ["Clip"] },
  "Dropout with ratio": {
    opset: 10,
    build: (b, x) => b.node("Dropout", [x], { attributes: { ratio: 0.25 } }),
    becomes: ["Dropout"],
  },
  "Pad by attributes": {
    opset: 9,
    build: (b, x) => b.node("Pad", [x], { attributes: { pads: [0, 0, 1, 2, 0, 0, 0, 1], value: 0.5 } }),
    becomes: ["Pad"],
  },
  "Pad that reflects": {
    opset: 8,
    build: (b, x) => b.node("Pad", [x], { attributes: { pads: [0, 0, 1, 1, 0, 0, 1, 1], mode: "reflect" } }),
    becomes: ["Pad"],
  },
  "Resize to TensorFlow's nearest pixels": {
    opset: 11,
    build: (b, x) =>
      b.node("Resize", [x, b.constant("roi", [0]), b.constant("scales", [4], [1, 1, 1.5, 2.5])], {
        attributes: { coordinate_transformation_mode: "tf_half_pixel_for_nn", nearest_mode: "floor" },
      }),
    becomes: ["Resize"],
  },
  "ReduceSum with axes": {
    opset: 11,
    build: (b, x) => b.node("ReduceSum", [x], { attributes: { axes: [1, -1], keepdims: 0 } }),
    becomes: ["ReduceSum"],
  },
  "ReduceSum over everything": { opset: 11, build: (b, x) => b.node("ReduceSum", [x]), becomes: ["ReduceSum"] },
  "Slice by attributes": {
    opset: 9,
    build: (b, x) => b.node("Slice", [x], { attributes: { starts: [1, -2], ends: [4, 100], axes: [2, 3] } }),
    becomes: ["Slice"],
  },
  "Slice without axes": {
    opset: 8,
    build: (b, x) => b.node("Slice", [x], { attributes: { starts: [0, 1], ends: [1, 2] } }),
    becomes: ["Slice"],
  },
  "Split with sizes": {
    opset: 12,
    build: (b, x) => b.node("Split", [x], { outputs: ["p", "q"], attributes: { axis: 2, split: [1, 3] } }),
    becomes: ["Split"],
  },
  "Split evenly": {
    opset: 7,
    build: (b, x) => b.node("Split", [x], { outputs: ["p", "q"], attributes: { axis: 3 } }),
    becomes: ["Split"],
  },
  "Squeeze and Unsqueeze with axes": {
    opset: 11,
    shape: [1, 2, 1, 3],
    build: (b, x) => {
      const flat = b.node("Squeeze", [x], { attributes: { axes: [0, 2] } });
      return b.node("Unsqueeze", [flat], { attributes: { axes: [1] } });
    },
    becomes: ["Squeeze", "Unsqueeze"],
  },
  "Softmax at the last axis": {
    opset: 11,
    shape: [3, 5],
    build: (b, x) => b.node("Softmax", [x]),
    becomes: ["Softmax"],
  },
  "Softmax over channels of one pixel": {
    opset: 8,
    shape: [1, 5, 1, 1],
    build: (b, x) => b.node("Softmax", [x]),
    becomes: ["Softmax"],
  },
  "Softmax over a matrix of channels and pixels": {
    opset: 11,
    build: (b, x) => b.node("Softmax", [x]),
    becomes: ["Shape", "Flatten", "Softmax", "Reshape"],
  },
  "LogSoftmax at a negative axis": {
    opset: 12,
    build: (b, x) => b.node("LogSoftmax", [x], { attributes: { axis: -2 } }),
    becomes: ["Shape", "Flatten", "LogSoftmax", "Reshape"],
  },
  "Softmax over everything": {
    opset: 10,
    build: (b, x) => b.node("Softmax", [x], { attributes: { axis: 0 } }),
    becomes: ["Shape", "Reshape", "Softmax", "Reshape"],
  },
  "Upsample by attribute": {
    opset: 7,
    build: (b, x) => b.node("Upsample", [x], { attributes: { scales: { type: "floats", value: [1, 1, 2, 3] } } }),
    becomes: ["Resize"],
  },
  "Upsample by input": {
    opset: 9,
    build: (b, x) => {
      b.constant("scales", [4], [1, 1, 2, 2]);
      return b.node("Upsample", [x, "scales"], { attributes: { mode: "linear" } });
    },
    becomes: ["Resize"],
  },
  "Resize of opset 10": {
    opset: 10,
    build: (b, x) => {
      b.constant("scales", [4], [1, 1, 1.5, 2]);
      return b.node("Resize", [x, "scales"], { attributes: { mode: "nearest" } });
    },
    becomes: ["Resize"],
  },
  "TopK by attribute": {
    opset: 9,
    shape: [2, 6],
    build: (b, x) => b.node("TopK", [x], { outputs: ["best", "places"], attributes: { k: 2 } }),
    becomes: ["TopK"],
  },
};

/** Graphs of operators that only ONNX Runtime has to know: outputs need no types. */
function build({ opset, shape, build }: OpsetCase): Graph {
  const b = new GraphBuilder(opset);
  const output = build(b, b.input("x", shape ?? [1, 2, 4, 4]));
  return { ...b.untyped(), outputs: [{ name: output, dtype: "float32", shape: undefined }] };
}

for (const [name, one] of Object.entries(CASES)) {
  Deno.test(`raiseOpset() computes the same: ${name}, opset ${one.opset}`, async () => {
    const graph = build(one);
    const { shape } = graph.inputs[0]!;
    const raised = raiseOpset(graph, new Map([["x", { dtype: "float32", shape: shape as number[] }]]), 13);
    assert.equal(raised.opset, 13);
    assert.deepEqual(raised.nodes.map(({ type }) => type), one.becomes);
    const [sample] = drawSamples(graph, 1);
    const output = graph.outputs[0]!.name;
    const [before, after] = await Promise.all(
      [graph, raised].map(async (one) => (await runInOnnxRuntime(one, sample!, "disabled")).get(output)!),
    );
    assertClose(after!, before!);
  });
}

Deno.test("raiseOpset() leaves newer graphs alone", () => {
  const graph = { ...build(CASES["Clip without bounds"]!), opset: 15 };
  assert.equal(raiseOpset(graph, new Map(), 13), graph);
});

Deno.test("raiseOpset() refuses statistics per position and opsets before 7", () => {
  const graph = build(CASES["BatchNormalization with spatial"]!);
  const [node] = graph.nodes;
  const spatial = { ...node!, attributes: new Map([["spatial", { type: "int", value: 0 } as const]]) };
  assert.throws(() => raiseOpset({ ...graph, nodes: [spatial] }, new Map(), 13), /spatial 0 has no form in opset 13/);
  assert.throws(() => raiseOpset({ ...graph, opset: 6 }, new Map(), 13), /opset 6 cannot be raised to 13/);
});

function assertClose(actual: HostTensor, expected: HostTensor): void {
  assert.deepEqual(actual.shape, expected.shape);
  actual.data.forEach((value: number, index: number) => {
    assert.ok(Math.abs(value - expected.data[index]!) < 1e-6, `at ${index}: ${value}, not ${expected.data[index]}`);
  });
}

Deno.test("raiseOpset() names coordinates as opset 13 does", () => {
  const { build } = CASES["Resize to TensorFlow's nearest pixels"]!;
  const builder = new GraphBuilder(11);
  const graph = builder.output(build(builder, builder.input("x", [1, 2, 3, 4]))).build();
  const [resize] = raiseOpset(graph, new Map(), 13).nodes;
  assert.equal(resize?.attributes.get("coordinate_transformation_mode")?.value, "half_pixel");
});
