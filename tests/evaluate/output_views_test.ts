import assert from "node:assert/strict";
import { hostTensor } from "../../src/base/tensor.ts";
import type { Metric } from "../../src/evaluate/metric.ts";
import { networkOutputs, outputViews, withReductions } from "../../src/evaluate/output_views.ts";
import type { PlanOutput } from "../../src/plan/plan.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

const whole: Metric = { name: "whole", direction: "higher_better", start: () => ({ add: () => 0, value: () => 0 }) };
const classes: Metric = { ...whole, name: "classes", reduction: () => ({ kind: "arg_max", axis: -1 }) };

const SCORES: PlanOutput = { name: "scores", type: { dtype: "float32", shape: [4, 2, 3] }, slot: 0 };
const BOXES: PlanOutput = { name: "boxes", type: { dtype: "float32", shape: [4, 7] }, slot: 1 };

function reducedGraph(metrics: readonly Metric[]) {
  const builder = new GraphBuilder();
  const graph = builder.output(builder.node("Relu", [builder.input("x", [4, 2, 3])], { outputs: ["scores"] })).build();
  return withReductions(graph, [SCORES.type], metrics);
}

Deno.test("withReductions() adds one ArgMax for all metrics that ask for the same", () => {
  const graph = reducedGraph([whole, classes, { ...classes, name: "others" }]);
  assert.equal(graph.outputs.length, 2);
  const [node] = graph.nodes.filter(({ type }) => type === "ArgMax");
  assert.deepEqual(node?.inputs, ["scores"]);
  assert.equal(node?.attributes.get("axis")?.value, 2);
  assert.equal(reducedGraph([whole]).nodes.length, 1);
});

Deno.test("outputViews() collects what metrics look at and nothing else", () => {
  const added = reducedGraph([classes]).outputs[1]!.name;
  const reduced: PlanOutput = { name: added, type: { dtype: "int64", shape: [4, 2] }, slot: 2 };
  const outputs = [SCORES, BOXES, reduced];
  assert.deepEqual(networkOutputs(outputs), ["scores", "boxes"]);
  assert.deepEqual(outputViews(outputs, [classes]).collected, [added]);
  const both = outputViews(outputs, [whole, classes]);
  assert.deepEqual(both.collected, ["scores", "boxes", added]);
  const tensors = both.collected.map((_, place) => hostTensor("float32", [1], [place]));
  assert.deepEqual(both.viewOf(0, tensors), tensors.slice(0, 2));
  assert.deepEqual(both.viewOf(1, tensors), [tensors[2]]);
});

Deno.test("outputViews() reduces on the host what the plan does not", () => {
  const views = outputViews([SCORES, BOXES], [classes, {
    ...classes,
    reduction: () => ({ kind: "arg_max", axis: 0 }),
  }]);
  const scores = hostTensor("float32", [2, 3], [1, 5, 5, 7, 2, 3]);
  const boxes = hostTensor("float32", [7], [0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual(views.viewOf(0, [scores, boxes]), [hostTensor("int64", [2], [1, 0]), boxes]);
  assert.deepEqual(views.viewOf(1, [scores, boxes])[0], hostTensor("int64", [3], [1, 0, 0]));
});
