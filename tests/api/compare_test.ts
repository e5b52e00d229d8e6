/** compareModels on the GPU against the same sums on the host. */
import assert from "node:assert/strict";
import { compareModels } from "../../src/api/compare.ts";
import { loadModel } from "../../src/api/model.ts";
import { Runtime } from "../../src/api/runtime.ts";
import { datasetFromArrays } from "../../src/data/memory_dataset.ts";
import { ModelError } from "../../src/base/errors.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { fileOf } from "../fixtures/classifier.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const hasAdapter = await openTestGpu().then((gpu) => {
  gpu?.destroy();
  return gpu !== undefined;
});

/** y = relu(w·x), z = 2·y, with a scale that tells two versions apart in y and what follows only. */
function network(weights: readonly number[], last = "z"): Graph {
  const b = new GraphBuilder();
  const x = b.input("x", [1, 2]);
  const sum = b.node("MatMul", [x, b.constant("w", [2, 2], weights)], { name: "sum", outputs: ["s"] });
  const relu = b.node("Relu", [sum], { name: "relu", outputs: ["y"] });
  return b.output(b.node("Mul", [relu, b.constant("two", [], [2])], { name: "double", outputs: [last] })).build();
}

const samples = [[1, 2], [3, -1], [0.5, 4]];
const dataset = () => datasetFromArrays({ inputs: { x: hostTensor("float32", [samples.length, 2], samples.flat()) } });

async function compared(a: Graph, b: Graph) {
  using runtime = await Runtime.open();
  return await compareModels(
    runtime,
    await loadModel(new Uint8Array(fileOf(a))),
    await loadModel(new Uint8Array(fileOf(b))),
    dataset(),
  );
}

Deno.test({
  name: "compareModels() gives SQNR, cosine and largest error of every value of equal name, worst first",
  ignore: !hasAdapter,
  async fn() {
    const { layers, samples: count } = await compared(network([1, 2, 3, -1]), network([1, 2, 3, -1.5]));
    assert.equal(count, 3);
    const s = (last: number) => samples.flatMap(([p, q]) => [p! + 3 * q!, 2 * p! + last * q!]);
    const energy = (values: readonly number[]) => values.reduce((sum, value) => sum + value * value, 0);
    const [a, b] = [s(-1), s(-1.5)];
    const difference = a.map((value, place) => value - b[place]!);
    const sum = layers.find(({ value }) => value === "s")!;
    assert.ok(Math.abs(sum.sqnr - 10 * Math.log10(energy(a) / energy(difference))) < 1e-4, String(sum.sqnr));
    const dot = a.reduce((total, value, place) => total + value * b[place]!, 0);
    assert.ok(Math.abs(sum.cosine - dot / Math.sqrt(energy(a) * energy(b))) < 1e-6);
    assert.equal(sum.maxError, 2);
    assert.equal(sum.loss, undefined);
    const relu = layers.find(({ value }) => value === "y")!;
    assert.ok(Math.abs(relu.loss! - (sum.sqnr - relu.sqnr)) < 1e-9);
    assert.deepEqual([...layers].map(({ sqnr }) => sqnr), layers.map(({ sqnr }) => sqnr).sort((p, q) => p - q));
    assert.equal(layers.find(({ value }) => value === "z")!.maxError, 2 * relu.maxError);
  },
});

Deno.test({
  name: "compareModels() finds nothing between a network and itself",
  ignore: !hasAdapter,
  async fn() {
    const { layers } = await compared(network([1, 2, 3, -1]), network([1, 2, 3, -1]));
    assert.equal(layers.length, 3);
    for (const { sqnr, cosine, maxError } of layers) assert.deepEqual([sqnr, cosine, maxError], [Infinity, 1, 0]);
  },
});

Deno.test({
  name: "compareModels() refuses networks that have no value in common",
  ignore: !hasAdapter,
  async fn() {
    const b = new GraphBuilder();
    const other = b.output(b.node("Relu", [b.input("x", [1, 2])], { outputs: ["elsewhere"] })).build();
    await assert.rejects(compared(network([1, 2, 3, -1]), other), (error) => {
      assert.ok(error instanceof ModelError);
      assert.match(error.message, /no value of the first has its like in the second/);
      return true;
    });
  },
});

Deno.test({
  name: "compareModels() leaves out values that do not have the samples along their first axis",
  ignore: !hasAdapter,
  async fn() {
    const b = new GraphBuilder();
    const merged = b.node("Reshape", [b.input("x", [1, 2]), b.constant("shape", [1], [-1], "int64")], {
      outputs: ["merged"],
    });
    const absolute = b.node("Abs", [merged], { outputs: ["absolute"] });
    const graph = b.output(
      b.node("Reshape", [absolute, b.constant("back", [2], [-1, 2], "int64")], { outputs: ["rows"] }),
    ).build();
    const { layers } = await compared(graph, graph);
    assert.deepEqual(layers.map(({ value }) => value), ["rows"]);
  },
});
