/** BatchNormalization in training mode, which is how standardized weights are exported: BiT, NFNets. */
import assert from "node:assert/strict";
import { UnsupportedError } from "../../src/base/errors.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { runPasses } from "../../src/passes/run_passes.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

const TRAINING = { epsilon: 0.5, momentum: 0.75, training_mode: 1 };

/** Two groups of numbers with means 2 and -1 and variances 0.5 and 8. */
const WEIGHT = [1, 2, 3, 2, -1, 3, -1, -5];

/** A convolution whose weight is made of constants, each output channel by its own mean and deviation. */
function standardizedConv(): Graph {
  const builder = new GraphBuilder(15);
  const x = builder.input("x", [1, 4, 3, 3]);
  const parameters = [[2, 4], [1, -1], [10, 20], [4, 8]].map((values, place) =>
    builder.constant(`p${place}`, [2], values)
  );
  const normalized = builder.node("BatchNormalization", [builder.constant("w", [1, 2, 4], WEIGHT), ...parameters], {
    attributes: TRAINING,
    outputs: ["y", "running_mean", "running_var"],
  });
  const weight = builder.node("Reshape", [normalized, builder.constant("shape", [4], [2, 4, 1, 1], "int64")]);
  return builder.output(builder.node("Conv", [x, weight])).build();
}

Deno.test("BatchNormalization in training mode takes mean and variance of constants themselves", () => {
  const { graph, types } = inferTypes(standardizedConv(), new Map([["x", { dtype: "float32", shape: [1, 4, 3, 3] }]]));
  const [norm] = graph.nodes;
  const [y, mean, variance] = norm!.outputs.map((name) => Array.from(types.get(name)!.value!));
  const expected = WEIGHT.map((value, index) =>
    index < 4 ? (value - 2) / Math.sqrt(0.5 + 0.5) * 2 + 1 : (value + 1) / Math.sqrt(8 + 0.5) * 4 - 1
  );
  expected.forEach((value, index) => assert.ok(Math.abs(y![index]! - value) < 1e-6, `${y![index]} for ${value}`));
  assert.deepEqual([mean, variance], [[0.75 * 10 + 0.25 * 2, 0.75 * 20 - 0.25], [0.75 * 4 + 0.125, 0.75 * 8 + 2]]);
});

Deno.test("runPasses() folds standardized weights into the convolution's own", () => {
  const folded = runPasses(standardizedConv(), new Map([["x", { dtype: "float32", shape: [1, 4, 3, 3] }]]));
  assert.deepEqual(folded.nodes.map(({ type }) => type), ["Conv"]);
  assert.ok(folded.initializers.has(folded.nodes[0]!.inputs[1]!));
});

Deno.test("BatchNormalization in training mode is refused for what is computed at run time", () => {
  const builder = new GraphBuilder(15);
  const x = builder.input("x", [2, 3]);
  const parameters = ["s", "b", "m", "v"].map((name) => builder.constant(name, [3]));
  builder.output(
    builder.node("BatchNormalization", [x, ...parameters], { name: "norm", attributes: { training_mode: 1 } }),
  );
  assert.throws(
    () => builder.build(),
    (error: Error) =>
      error instanceof UnsupportedError &&
      error.message ===
        'Cannot infer output of BatchNormalization node "norm": expected a model exported for inference',
  );
});
