import assert from "node:assert/strict";
import { removeIdentity } from "../../src/passes/remove_identity.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

Deno.test("removeIdentity() leaves an Identity that its outputs do not fit to be refused", () => {
  const builder = new GraphBuilder();
  const x = builder.input("x", [2]);
  const copied = builder.node("Identity", [x], { outputs: ["copied", "more"] });
  builder.node("Relu", [copied], { outputs: ["y"] });
  const graph = { ...builder.untyped(), outputs: [{ name: "y", dtype: "float32", shape: undefined } as const] };
  assert.deepEqual(removeIdentity(graph).nodes.map(({ type }) => type), ["Identity", "Relu"]);
});

Deno.test("removeIdentity() keeps a Dropout whose mask the network gives", () => {
  const builder = new GraphBuilder();
  builder.node("Dropout", [builder.input("x", [2])], { outputs: ["kept", "mask"] });
  builder.node("Relu", ["kept"], { outputs: ["y"] });
  const graph = builder.output("y", "mask").build();
  assert.deepEqual(removeIdentity(graph).nodes.map(({ type }) => type), ["Dropout", "Relu"]);
  const { nodes } = removeIdentity({ ...graph, outputs: graph.outputs.slice(0, 1) });
  assert.deepEqual(nodes.map(({ type }) => type), ["Relu"]);
});

Deno.test("removeIdentity() takes chains of any length", () => {
  const builder = new GraphBuilder();
  let value = builder.input("x", [2]);
  for (let link = 0; link < 20_000; link++) value = builder.node("Identity", [value]);
  builder.node("Relu", [value], { outputs: ["y"] });
  const graph = { ...builder.untyped(), outputs: [{ name: "y", dtype: "float32", shape: undefined } as const] };
  assert.deepEqual(removeIdentity(graph).nodes.map(({ inputs }) => inputs), [["x"]]);
});
