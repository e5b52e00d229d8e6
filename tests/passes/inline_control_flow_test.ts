import assert from "node:assert/strict";
import { type HostTensor, hostTensor, type TensorType } from "../../src/base/tensor.ts";
import type { Graph, Node } from "../../src/graph/graph.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { inlineControlFlow } from "../../src/passes/inline_control_flow.ts";
import { NO_METADATA } from "../support/op_graph.ts";

const ANY = { dtype: "float32" as const, shape: undefined };

function node(type: string, inputs: string[], outputs: string[], bodies: Record<string, Graph> = {}): Node {
  const attributes = new Map(Object.entries(bodies).map(([name, value]) => [name, { type: "graph" as const, value }]));
  return { name: `${type}_${outputs[0]}`, type, domain: "", inputs, outputs, attributes };
}

function graph(
  parts: { inputs?: string[]; outputs: string[]; nodes: Node[]; constants?: Record<string, HostTensor> },
): Graph {
  return {
    name: "g",
    opset: 16,
    inputs: (parts.inputs ?? []).map((name) => ({ name, ...ANY })),
    outputs: parts.outputs.map((name) => ({ name, ...ANY })),
    initializers: new Map(Object.entries(parts.constants ?? {})),
    nodes: parts.nodes,
    metadata: NO_METADATA,
  };
}

/** What a graph without run-time inputs computes. */
function evaluate(one: Graph, inputs: Record<string, HostTensor>): number[] {
  const known = new Map<string, TensorType>(
    Object.entries(inputs).map(([name, { dtype, shape, data }]) => [name, { dtype, shape, value: data }]),
  );
  const flat = inlineControlFlow(one, known);
  assert.ok(flat.nodes.every(({ type }) => type !== "If" && type !== "Loop"));
  return [...inferTypes(flat, known).types.get("y")!.value!];
}

const float = (...values: number[]) => hostTensor("float32", [values.length], values);
const bool = (value: boolean) => hostTensor("bool", [], [value ? 1 : 0]);
const int = (value: number) => hostTensor("int64", [], [value]);

const branching = graph({
  inputs: ["c", "x"],
  outputs: ["y"],
  nodes: [node("If", ["c"], ["y"], {
    then_branch: graph({ outputs: ["t"], nodes: [node("Neg", ["x"], ["t"])] }),
    else_branch: graph({ outputs: ["e"], nodes: [node("Add", ["x", "one"], ["e"])], constants: { one: float(1) } }),
  })],
});

Deno.test("inlineControlFlow() takes the branch of a known condition", () => {
  assert.deepEqual(evaluate(branching, { c: bool(true), x: float(3, 4) }), [-3, -4]);
  assert.deepEqual(evaluate(branching, { c: bool(false), x: float(3, 4) }), [4, 5]);
});

Deno.test("inlineControlFlow() chooses between both branches where the condition is not known", () => {
  const types = new Map<string, TensorType>([["c", { dtype: "bool", shape: [] }], ["x", {
    dtype: "float32",
    shape: [2],
  }]]);
  const flat = inlineControlFlow(branching, types);
  assert.deepEqual(flat.nodes.map(({ type }) => type), ["Neg", "Add", "Where"]);
  assert.deepEqual(inferTypes(flat, types).types.get("y")!.shape, [2]);
});

/** y = x · 2^n by doubling, scanned values beside it; stops early where the condition says so. */
function doubling(limit: number): Graph {
  const body = graph({
    inputs: ["i", "going", "v"],
    outputs: ["more", "v2", "scan"],
    nodes: [
      node("Add", ["v", "v"], ["v2"]),
      node("Less", ["v2", "limit"], ["below"]),
      node("Squeeze", ["below"], ["more"]),
      node("Identity", ["v2"], ["scan"]),
    ],
  });
  return graph({
    inputs: ["n", "x"],
    outputs: ["y"],
    nodes: [node("Loop", ["n", "", "x"], ["last", "y"], { body })],
    constants: { limit: float(limit) },
  });
}

Deno.test("inlineControlFlow() unrolls a loop and stacks what it scans", () => {
  assert.deepEqual(evaluate(doubling(1e9), { n: int(3), x: float(1) }), [2, 4, 8]);
});

Deno.test("inlineControlFlow() ends a loop when its condition turns false", () => {
  assert.deepEqual(evaluate(doubling(5), { n: int(10), x: float(1) }), [2, 4, 8]);
});

/** Running sums of x along its last axis, from behind or from the front; y lists them in the order asked for. */
function runningSums(directions: readonly [number, number], outputAxis: number): Graph {
  const body = graph({
    inputs: ["sum", "element"],
    outputs: ["sum2", "scan"],
    nodes: [node("Add", ["sum", "element"], ["sum2"]), node("Identity", ["sum2"], ["scan"])],
  });
  const scan = node("Scan", ["zero", "x"], ["last", "y"], { body });
  const lists = {
    scan_input_axes: [-1],
    scan_input_directions: [directions[0]],
    scan_output_axes: [outputAxis],
    scan_output_directions: [directions[1]],
  };
  const attributes = new Map([
    ...scan.attributes,
    ["num_scan_inputs", { type: "int" as const, value: 1 }] as const,
    ...Object.entries(lists).map(([name, value]) => [name, { type: "ints" as const, value }] as const),
  ]);
  return graph({ inputs: ["x"], outputs: ["y"], nodes: [{ ...scan, attributes }], constants: { zero: float(0, 0) } });
}

Deno.test("inlineControlFlow() unrolls a scan along any axis and in either direction", () => {
  const x = hostTensor("float32", [2, 3], [1, 2, 4, 10, 20, 40]);
  assert.deepEqual(evaluate(runningSums([0, 0], 0), { x }), [1, 10, 3, 30, 7, 70]);
  assert.deepEqual(evaluate(runningSums([0, 0], -1), { x }), [1, 3, 7, 10, 30, 70]);
  assert.deepEqual(evaluate(runningSums([1, 0], 1), { x }), [4, 6, 7, 40, 60, 70]);
  assert.deepEqual(evaluate(runningSums([1, 1], 1), { x }), [7, 6, 4, 70, 60, 40]);
});

Deno.test("inlineControlFlow() refuses scans over no elements and those of opset 8", () => {
  const types = new Map<string, TensorType>([["x", { dtype: "float32", shape: [2, 0] }]]);
  const one = runningSums([0, 0], 0);
  assert.throws(() => inlineControlFlow(one, types), /Scan node "Scan_last": it has no iterations to scan/);
  assert.throws(
    () => inlineControlFlow({ ...one, opset: 8 }, types),
    /Scan node "Scan_last": not supported in opset 8/,
  );
});

Deno.test("inlineControlFlow() refuses a loop whose trip count is computed at run time", () => {
  const types = new Map<string, TensorType>([["n", { dtype: "int64", shape: [] }], ["x", {
    dtype: "float32",
    shape: [1],
  }]]);
  assert.throws(
    () => inlineControlFlow(doubling(5), types),
    /Cannot unroll Loop node "Loop_last": its trip count is computed/,
  );
});

Deno.test("inlineControlFlow() refuses loops in loops that multiply without end", () => {
  const loop = (name: string, body: Graph) =>
    node("Loop", ["trips", "go", "v"], [name], {
      body: { ...body, inputs: [`i_${name}`, `c_${name}`, "v"].map((input) => ({ name: input, ...ANY })) },
    });
  const step = graph({ outputs: ["c_a", "w"], nodes: [node("Neg", ["v"], ["w"])] });
  const inner = graph({ outputs: ["c_b", "a"], nodes: [loop("a", step)] });
  const outer = graph({
    inputs: ["v"],
    outputs: ["b"],
    nodes: [loop("b", inner)],
    constants: { trips: int(4000), go: bool(true) },
  });
  const start = performance.now();
  assert.throws(() => inlineControlFlow(outer, new Map([["v", { dtype: "float32", shape: [1] }]])), {
    name: "UnsupportedError",
    message: "Cannot inline control flow: it has more than 100000 nodes in all iterations",
  });
  assert.ok(performance.now() - start < 20_000);
});
