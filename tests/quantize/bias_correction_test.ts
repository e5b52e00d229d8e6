import assert from "node:assert/strict";
import { type HostTensor, hostTensor, type TensorType } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { correctBias, meanResponse, tapShares } from "../../src/quantize/bias_correction.ts";
import { GraphView } from "../../src/quantize/graph_view.ts";
import { channelIndexer } from "../../src/quantize/fake_quantize.ts";
import { GraphBuilder, type NodeOptions } from "../fixtures/graph_builder.ts";
import { runInOnnxRuntime } from "../fixtures/onnxruntime.ts";

interface Geometry {
  readonly type: "Conv" | "ConvTranspose" | "Gemm" | "MatMul";
  readonly input: readonly number[];
  readonly weights: readonly number[];
  readonly attributes?: NonNullable<NodeOptions["attributes"]>;
}

const GEOMETRIES: Readonly<Record<string, Geometry>> = {
  "a convolution with zero padding": {
    type: "Conv",
    input: [1, 2, 5, 6],
    weights: [3, 2, 3, 3],
    attributes: { pads: [1, 1, 1, 1] },
  },
  "uneven padding, strides and dilations": {
    type: "Conv",
    input: [1, 2, 9, 8],
    weights: [3, 2, 3, 2],
    attributes: { pads: [2, 0, 1, 1], strides: [2, 1], dilations: [2, 3] },
  },
  "padding beyond the input": { type: "Conv", input: [1, 1, 2], weights: [2, 1, 5], attributes: { pads: [4, 4] } },
  "SAME_UPPER": { type: "Conv", input: [1, 2, 7, 7], weights: [2, 2, 2, 4], attributes: { auto_pad: "SAME_UPPER" } },
  "SAME_LOWER with strides": {
    type: "Conv",
    input: [1, 2, 8, 7],
    weights: [2, 2, 3, 4],
    attributes: { auto_pad: "SAME_LOWER", strides: [2, 3] },
  },
  "groups": { type: "Conv", input: [1, 6, 4, 4], weights: [4, 3, 3, 3], attributes: { group: 2, pads: [1, 1, 1, 1] } },
  "a depthwise convolution": {
    type: "Conv",
    input: [1, 4, 5, 5],
    weights: [8, 1, 3, 3],
    attributes: { group: 4, pads: [1, 1, 1, 1] },
  },
  "a transposed convolution": {
    type: "ConvTranspose",
    input: [1, 4, 3, 4],
    weights: [4, 3, 3, 3],
    attributes: { strides: [2, 2], pads: [1, 1, 0, 1], output_padding: [1, 0] },
  },
  "a transposed convolution in groups": {
    type: "ConvTranspose",
    input: [1, 4, 3],
    weights: [4, 3, 2],
    attributes: { group: 2, strides: [3] },
  },
  "a transposed convolution with SAME_UPPER": {
    type: "ConvTranspose",
    input: [1, 2, 4, 4],
    weights: [2, 2, 3, 3],
    attributes: { auto_pad: "SAME_UPPER", strides: [2, 2] },
  },
  "a transposed convolution of stated output shape": {
    type: "ConvTranspose",
    input: [1, 2, 4, 4],
    weights: [2, 2, 3, 3],
    attributes: { auto_pad: "SAME_UPPER", strides: [2, 2], output_padding: [1, 1], output_shape: [8, 8] },
  },
  "Gemm": { type: "Gemm", input: [2, 4], weights: [4, 3] },
  "Gemm with transposed weights": { type: "Gemm", input: [2, 4], weights: [3, 4], attributes: { transB: 1 } },
  "MatMul": { type: "MatMul", input: [2, 3, 4], weights: [4, 5] },
};

/** A tensor whose every channel along `axis` is constant. */
function constantPerChannel(shape: readonly number[], axis: number, means: Float64Array): HostTensor {
  const channelOf = channelIndexer(shape, axis);
  const length = shape.reduce((product, extent) => product * extent, 1);
  return hostTensor("float32", shape, Array.from({ length }, (_, offset) => means[channelOf(offset)]!));
}

function channelMeans({ shape, data }: HostTensor, axis: number): Float64Array {
  const sums = new Float64Array(shape[axis]!);
  const channelOf = channelIndexer(shape, axis);
  data.forEach((value: number, offset: number) => sums[channelOf(offset)]! += value);
  return sums.map((sum) => sum * sums.length / data.length);
}

for (const [name, { type, input, weights, attributes }] of Object.entries(GEOMETRIES)) {
  Deno.test(`meanResponse() equals the mean output for a constant input: ${name}`, async () => {
    const b = new GraphBuilder();
    b.constant("w", weights);
    const output = b.node(type, [b.input("x", input), "w"], { attributes: attributes ?? {} });
    const graph: Graph = { ...b.untyped(), outputs: [{ name: output, dtype: "float32", shape: undefined }] };
    const isMatrix = type === "Gemm" || type === "MatMul";
    const axis = isMatrix ? input.length - 1 : 1;
    const means = Float64Array.from({ length: input[axis]! }, (_, channel) => 0.5 + channel / 4);
    const sample = new Map([["x", constantPerChannel(input, axis, means)]]);
    const computed = (await runInOnnxRuntime(graph, sample, "disabled")).get(output)!;
    const expected = channelMeans(computed, isMatrix ? computed.shape.length - 1 : 1);
    const types = new Map<string, TensorType>([["x", { dtype: "float32", shape: input }], [output, computed]]);
    const view = new GraphView({ graph, nodes: [], types });
    const response = meanResponse(view, graph.nodes[0]!, graph.initializers.get("w")!, means);
    assert.equal(response.length, expected.length);
    response.forEach((value, channel) =>
      assert.ok(Math.abs(value - expected[channel]!) < 1e-5, `${value} at ${channel}`)
    );
  });
}

Deno.test("tapShares() counts the positions at which each tap lies inside", () => {
  const b = new GraphBuilder();
  b.constant("w", [1, 1, 3]);
  b.output(b.node("Conv", [b.input("x", [1, 1, 4]), "w"], { attributes: { pads: [1, 1] } }));
  const typed = b.typed();
  const shares = tapShares(new GraphView(typed), typed.graph.nodes[0]!, typed.graph.initializers.get("w")!);
  assert.deepEqual([...shares], [0.75, 1, 0.75]);
});

const before = Float64Array.of(3, 5);
const after = Float64Array.of(2.5, 5.5);

Deno.test("correctBias() makes up for the change of the mean response", () => {
  assert.deepEqual([...correctBias([1, 2], before, after, undefined)], [1.5, 1.5]);
});

Deno.test("correctBias() takes the measured mean as the aim where there is one", () => {
  assert.deepEqual([...correctBias([1, 2], before, after, Float64Array.of(4.25, 7))], [1.75, 1.5]);
});

Deno.test("correctBias() keeps the bias when the change reaches the threshold", () => {
  assert.deepEqual([...correctBias([0.25, 2], before, after, undefined)], [0.25, 2]);
  assert.deepEqual([...correctBias([0.25, 2], before, after, undefined, { threshold: 2.5 })], [0.75, 1.5]);
});

Deno.test("correctBias() leaves a bias with a zero alone only under POT's rule", () => {
  const pot = { applyForAllNodes: false };
  assert.deepEqual([...correctBias([0, 2], before, after, undefined, pot)], [0, 2]);
  assert.deepEqual([...correctBias([0, 2], before, after, undefined)], [0.5, 1.5]);
  assert.deepEqual([...correctBias([0, 0], before, after, undefined)], [0.5, -0.5]);
  assert.deepEqual([...correctBias([0, 0.2], before, after, undefined)], [0, 0.2]);
});

Deno.test("correctBias() keeps the bias when a mean is not finite", () => {
  assert.deepEqual([...correctBias([1, 2], Float64Array.of(NaN, 5), after, undefined)], [1, 2]);
});
