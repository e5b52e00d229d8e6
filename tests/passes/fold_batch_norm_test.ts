/** Folding of normalizations into what computes their input. */
import assert from "node:assert/strict";
import type { Graph } from "../../src/graph/graph.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { foldConstants } from "../../src/passes/fold_constants.ts";
import { foldBatchNorm } from "../../src/passes/fold_batch_norm.ts";
import { addCodes } from "../fixtures/qdq_pairs.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

/** Adds a normalization of `channels` channels with constants of its own. */
function normalize(builder: GraphBuilder, value: string, channels: number, name: string): string {
  const constant = (part: string) => builder.constant(`${name}_${part}`, [channels]);
  const variance = builder.constant(`${name}_var`, [channels], Array.from({ length: channels }, (_, c) => 0.5 + c));
  return builder.node("BatchNormalization", [value, constant("scale"), constant("bias"), constant("mean"), variance], {
    name,
    attributes: { epsilon: 0.01 },
  });
}

/** What a graph gives for an input that is a constant of it. */
function outputOf(graph: Graph): number[] {
  return Array.from(inferTypes(graph, new Map()).types.get(graph.outputs[0]!.name)!.value!);
}

/** Folds, and checks that the network still computes the same. */
function foldedTypes(builder: GraphBuilder, output: string): string[] {
  const graph = builder.output(output).build();
  const folded = foldBatchNorm(graph);
  const [before, after] = [outputOf(graph), outputOf(folded)];
  assert.ok(before.some((value) => value !== 0));
  before.forEach((value, index) => assert.ok(Math.abs(after[index]! - value) <= 1e-5, `${after[index]} for ${value}`));
  return folded.nodes.map(({ type }) => type);
}

Deno.test("foldBatchNorm() folds into convolutions with and without bias, and into Gemm", () => {
  const builder = new GraphBuilder();
  let value = builder.constant("x", [2, 3, 4, 4]);
  value = builder.node("Conv", [value, builder.constant("w1", [4, 3, 3, 3])], { name: "conv1" });
  value = normalize(builder, value, 4, "norm1");
  value = builder.node("Conv", [value, builder.constant("w2", [6, 2, 1, 1]), builder.constant("b2", [6])], {
    name: "conv2",
    attributes: { group: 2 },
  });
  value = normalize(builder, value, 6, "norm2");
  value = builder.node("Flatten", [value]);
  value = builder.node("Gemm", [value, builder.constant("w3", [5, 24])], { attributes: { transB: 1 } });
  value = normalize(builder, value, 5, "norm3");
  assert.deepEqual(foldedTypes(builder, value), ["Conv", "Conv", "Flatten", "Gemm"]);
});

Deno.test("foldBatchNorm() folds into transposed convolutions with groups", () => {
  const builder = new GraphBuilder();
  const x = builder.constant("x", [1, 4, 3, 3]);
  const made = builder.node("ConvTranspose", [x, builder.constant("w", [4, 3, 2, 2])], { attributes: { group: 2 } });
  assert.deepEqual(foldedTypes(builder, normalize(builder, made, 6, "norm")), ["ConvTranspose"]);
});

Deno.test("foldBatchNorm() folds one normalization after the other into the same convolution", () => {
  const builder = new GraphBuilder();
  const x = builder.constant("x", [1, 2, 3, 3]);
  const made = builder.node("Conv", [x, builder.constant("w", [3, 2, 2, 2])], { name: "conv" });
  const twice = normalize(builder, normalize(builder, made, 3, "norm1"), 3, "norm2");
  assert.deepEqual(foldedTypes(builder, builder.node("Relu", [twice])), ["Conv", "Relu"]);
});

Deno.test("foldBatchNorm() shares the weights of nobody who is not normalized", () => {
  const builder = new GraphBuilder();
  const x = builder.constant("x", [1, 2, 3, 3]);
  const w = builder.constant("w", [3, 2, 2, 2]);
  const [normalized, plain] = [builder.node("Conv", [x, w]), builder.node("Conv", [x, w])];
  const sum = builder.node("Add", [normalize(builder, normalized, 3, "norm"), plain]);
  assert.deepEqual(foldedTypes(builder, sum), ["Conv", "Conv", "Add"]);
});

Deno.test("foldBatchNorm() leaves normalizations whose input somebody else reads", () => {
  const builder = new GraphBuilder();
  const x = builder.constant("x", [1, 2, 3, 3]);
  const made = builder.node("Conv", [x, builder.constant("w", [3, 2, 2, 2])]);
  const sum = builder.node("Add", [normalize(builder, made, 3, "norm"), made]);
  assert.deepEqual(foldedTypes(builder, sum), ["Conv", "BatchNormalization", "Add"]);
});

Deno.test("foldBatchNorm() gives weights that were dequantized no steps: their elements are other ones now", () => {
  const b = new GraphBuilder();
  const w = addCodes(b, "w", [2, 3, 1, 1], { scale: [0.5, 0.25], axis: 0 });
  const conv = b.node("Conv", [b.input("x", [1, 3, 2, 2]), w]);
  const parameters = ["scale", "shift", "mean", "variance"].map((name) => b.constant(name, [2], [0.3, 0.7]));
  const typed = b.output(b.node("BatchNormalization", [conv, ...parameters])).typed();
  const constants = foldConstants(typed);
  assert.notEqual(constants.initializers.get("w")!.steps, undefined);
  const folded = foldBatchNorm(constants);
  assert.deepEqual([...folded.initializers.values()].map(({ steps }) => steps), [undefined, undefined]);
});
