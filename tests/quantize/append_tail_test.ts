import assert from "node:assert/strict";
import { type HostTensor, hostTensor, knownType } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { splitTail } from "../../src/passes/host_tail.ts";
import { runPasses } from "../../src/passes/run_passes.ts";
import { appendTail } from "../../src/quantize/append_tail.ts";
import { raiseOpset } from "../../src/quantize/opset.ts";
import { GraphBuilder, inputTypes } from "../fixtures/graph_builder.ts";

/** In opset 11: x [1, 6] → Relu → its size added to the places that are not 0, as a row. */
function network(): Graph {
  const builder = new GraphBuilder(11);
  builder.input("x", [1, 6]);
  const relu = builder.node("Relu", ["x"], { outputs: ["relu"] });
  const shape = builder.node("Shape", [relu], { outputs: ["shape"] });
  const size = builder.node("ReduceProd", [shape], { attributes: { keepdims: 0 }, outputs: ["size"] });
  const rows = builder.node("Squeeze", [relu], { attributes: { axes: [0] }, outputs: ["rows"] });
  const places = builder.node("NonZero", [rows], { outputs: ["places"] });
  const shifted = builder.node("Add", [places, size], { outputs: ["shifted"] });
  const row = builder.node("Unsqueeze", [shifted], { attributes: { axes: [0] }, outputs: ["y"] });
  return { ...builder.untyped(), outputs: [{ name: row, dtype: "int64", shape: [1, 1, "n"] }] };
}

function evaluate(graph: Graph, x: HostTensor) {
  const { types } = inferTypes(graph, new Map([["x", knownType(x)]]));
  return graph.outputs.map(({ name }) => [[...types.get(name)!.shape], [...types.get(name)!.value!]]);
}

const X = hostTensor("float32", [1, 6], [0, 3, -1, 0, 2, 0]);

/** The first part as quantization hands it on: through the passes, in opset 13. */
function parts() {
  const source = network();
  const types = inputTypes(source);
  const { device, tail } = splitTail(source, types);
  const typed = inferTypes(runPasses(device, types), types);
  return { source, tail: tail!, types: typed.types, device: raiseOpset(typed.graph, typed.types, 13) };
}

Deno.test("appendTail() makes the whole network again, in the newer opset", () => {
  const { source, tail, types, device } = parts();
  assert.ok(!device.nodes.some(({ type }) => type === "Shape"), "shape arithmetic is gone from the first part");
  const whole = appendTail(device, tail, types);
  assert.equal(whole.opset, 13);
  assert.deepEqual([whole.inputs, whole.outputs], [source.inputs, source.outputs]);
  assert.deepEqual(evaluate(whole, X), evaluate(source, X));
  assert.deepEqual(evaluate(whole, X), [[[1, 1, 2], [7, 10]]]);
});

Deno.test("appendTail() renames what the first part calls as the second one does", () => {
  const { source, tail, types, device } = parts();
  const [relu] = device.nodes;
  const clashing = {
    ...device,
    initializers: new Map([...device.initializers, ["places", hostTensor("float32", [], [1])]]),
    nodes: [
      { ...relu!, name: "add5", outputs: ["shifted"] },
      { ...relu!, name: "scale", type: "Mul", inputs: ["shifted", "places"] },
    ],
  };
  const whole = appendTail(clashing, tail, types);
  const values = [...whole.initializers.keys(), ...whole.nodes.flatMap(({ outputs }) => outputs)];
  for (const names of [whole.nodes.map(({ name }) => name), values]) assert.deepEqual(names, [...new Set(names)]);
  assert.deepEqual(evaluate(whole, X), evaluate(source, X));
});
