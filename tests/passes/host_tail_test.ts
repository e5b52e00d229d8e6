import assert from "node:assert/strict";
import { type HostTensor, hostTensor, knownType, type TensorType } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { type HostTail, runTail, splitTail, withRows } from "../../src/passes/host_tail.ts";
import { inlineControlFlow } from "../../src/passes/inline_control_flow.ts";
import { detector } from "../fixtures/detector.ts";
import { GraphBuilder, inputTypes } from "../fixtures/graph_builder.ts";

/** Outputs of a whole graph whose inputs are all known. */
function evaluate(graph: Graph, inputs: ReadonlyMap<string, HostTensor>): HostTensor[] {
  const known = new Map<string, TensorType>([...inputs].map(([name, tensor]) => [name, knownType(tensor)]));
  const { types } = inferTypes(inlineControlFlow(graph, known), known);
  return graph.outputs.map(({ name }) => {
    const { dtype, shape, value } = types.get(name)!;
    return { dtype, shape, data: value! };
  });
}

function split(graph: Graph): { device: Graph; tail: HostTail } {
  const { device, tail } = splitTail(graph, inputTypes(graph));
  assert.ok(tail);
  return { device, tail };
}

const INPUT = hostTensor("float32", [1, 2, 4, 4], Array.from({ length: 32 }, (_, index) => Math.sin(3 * index)));

Deno.test("splitTail() leaves what can be planned on the device, and the tail gives the whole network's outputs", () => {
  const graph = detector();
  const { device, tail } = split(graph);
  assert.deepEqual(device.nodes.map(({ type }) => type).filter((type) => type === "NonMaxSuppression"), []);
  assert.ok(device.nodes.some(({ type }) => type === "Conv"));
  assert.ok(tail.graph.nodes.every(({ type }) => type !== "Conv"));
  const boundary = evaluate(device, new Map([["x", INPUT]]));
  const expected = evaluate(graph, new Map([["x", INPUT]]));
  assert.ok(expected[0]!.shape[0]! > 1, "the detector finds boxes");
  assert.deepEqual(runTail(tail, boundary), expected);
});

Deno.test("splitTail() leaves a graph alone whose shapes all follow from constants", () => {
  const graph = new GraphBuilder();
  graph.input("x", [2, 3]);
  graph.constant("condition", [2], [0, 1], "bool");
  graph.output(graph.node("Compress", ["x", "condition"], { attributes: { axis: 0 } }));
  const built = graph.build();
  assert.equal(splitTail(built, inputTypes(built)).device, built);
});

Deno.test("splitTail() lets network outputs that do not depend on data through", () => {
  const builder = new GraphBuilder();
  builder.input("x", [1, 6]);
  const relu = builder.node("Relu", ["x"]);
  const places = builder.node("NonZero", [relu]);
  const graph = { ...builder.untyped(), outputs: outputsOf(relu, places) };
  const { device, tail } = split(graph);
  assert.deepEqual(device.outputs.map(({ name }) => name), [relu]);
  const values = hostTensor("float32", [1, 6], [0, 2, 0, 0, 3, 1]);
  const [same, found] = runTail(tail, [values]);
  assert.deepEqual([...same!.data], [...values.data]);
  assert.deepEqual([found!.shape, [...found!.data]], [[2, 3], [0, 0, 0, 1, 4, 5]]);
});

Deno.test("splitTail() bakes shape arithmetic into the tail instead of computing it", () => {
  const builder = new GraphBuilder();
  builder.input("x", [1, 6]);
  const shape = builder.node("Shape", ["x"]);
  const places = builder.node("NonZero", ["x"]);
  const sum = builder.node("Add", [places, builder.node("ReduceMax", [shape], { attributes: { keepdims: 0 } })]);
  const { device, tail } = split({ ...builder.untyped(), outputs: outputsOf(sum) });
  assert.deepEqual(device.outputs.map(({ name }) => name), ["x"]);
  assert.deepEqual([...runTail(tail, [hostTensor("float32", [1, 6], [0, 0, 5, 0, 0, 0])])[0]!.data], [6, 8]);
});

Deno.test("splitTail() names all missing operators, those behind data-dependent ones too", () => {
  const builder = new GraphBuilder();
  builder.input("x", [6]);
  builder.node("Later", [builder.node("NonZero", ["x"])]);
  builder.node("Never", ["x"]);
  const graph = builder.untyped();
  assert.throws(() => splitTail(graph, inputTypes(graph)), /2 operators are not supported: Later .*, Never /);
});

Deno.test("runTail() runs control flow that waits for data", () => {
  const builder = new GraphBuilder(16);
  builder.input("x", [4]);
  const places = builder.node("NonZero", ["x"]);
  const count = builder.node("Size", [places]);
  builder.constant("zero", [], [0], "int64");
  const isEmpty = builder.node("Equal", [count, "zero"]);
  const graph = {
    ...builder.untyped(),
    nodes: [...builder.untyped().nodes, {
      name: "choose",
      type: "If",
      domain: "",
      inputs: [isEmpty],
      outputs: ["y"],
      attributes: new Map([["then_branch", body("none")], ["else_branch", body(places)]]),
    }],
    initializers: new Map([
      ["zero", hostTensor("int64", [], [0])],
      ["none", hostTensor("int64", [1, 1], [-1])],
    ]),
    outputs: outputsOf("y"),
  };
  const flat = inlineControlFlow(graph, inputTypes(graph));
  assert.ok(flat.nodes.some(({ type }) => type === "If"));
  const { tail } = split(flat);
  assert.deepEqual([...runTail(tail, [hostTensor("float32", [4], [0, 7, 0, 7])])[0]!.data], [1, 3]);
  assert.deepEqual([...runTail(tail, [hostTensor("float32", [4], [0, 0, 0, 0])])[0]!.data], [-1]);
});

Deno.test("splitTail() takes along what drops the batch axis", () => {
  const builder = new GraphBuilder();
  builder.input("x", [1, 6]);
  builder.constant("axes", [1], [0], "int64");
  const relu = builder.node("Relu", ["x"]);
  const flat = builder.node("Squeeze", [relu, "axes"]);
  const { device, tail } = split({ ...builder.untyped(), outputs: outputsOf(builder.node("NonZero", [flat])) });
  assert.deepEqual(device.outputs.map(({ name }) => name), [relu]);
  assert.deepEqual(device.nodes.map(({ type }) => type), ["Relu"]);
  assert.deepEqual([...runTail(tail, [hostTensor("float32", [1, 6], [0, 0, 5, 0, 0, 1])])[0]!.data], [2, 5]);
});

Deno.test("withRows() gives values without a batch axis one", () => {
  const builder = new GraphBuilder();
  builder.input("x", [1, 2]);
  builder.constant("axes", [1], [0], "int64");
  const flat = builder.node("Squeeze", ["x", "axes"]);
  const product = builder.node("MatMul", [flat, builder.constant("w", [2, 3], [1, 0, 2, 0, 1, 1])]);
  const parts = split({ ...builder.untyped(), outputs: outputsOf(builder.node("NonZero", [product])) });
  const device = withRows(parts);
  const [row] = evaluate(device, new Map([["x", hostTensor("float32", [1, 2], [3, 4])]]));
  assert.deepEqual([row!.shape, [...row!.data]], [[1, 3], [3, 4, 10]]);
  assert.deepEqual(parts.tail.inputs[0]!.shape, [3]);
});

function outputsOf(...names: string[]): Graph["outputs"] {
  return names.map((name) => ({ name, dtype: "float32", shape: undefined }));
}

/** A branch that gives a value from around it. */
function body(value: string): { type: "graph"; value: Graph } {
  const builder = new GraphBuilder(16);
  const name = builder.node("Identity", [value], { name: `take_${value}` });
  return { type: "graph", value: { ...builder.untyped(), outputs: outputsOf(name) } };
}
