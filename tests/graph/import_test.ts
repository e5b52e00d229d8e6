/** What files may not say of a graph, and how long it takes to find out. */
import assert from "node:assert/strict";
import { importGraph } from "../../src/graph/import.ts";
import { decodeModel } from "../../src/onnx/decode.ts";
import { onnx } from "../../src/onnx/proto.ts";

type NodeFields = Parameters<typeof onnx.NodeProto.create>[0];
type GraphFields = Parameters<typeof onnx.GraphProto.create>[0];

const FLOAT = { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 2 }] } } };

/** Imports a model with the input `x` and the output `y` through its bytes. */
function importNodes(nodes: NodeFields[], graph: GraphFields = {}) {
  const model = onnx.ModelProto.create({
    opsetImport: [{ version: 17 }],
    graph: {
      input: [{ name: "x", type: FLOAT }],
      output: [{ name: "y", type: FLOAT }],
      node: nodes as never,
      ...graph,
    },
  });
  return importGraph(decodeModel(onnx.ModelProto.encode(model).finish()));
}

const relu = (input: string, output: string, name = "") => ({ opType: "Relu", name, input: [input], output: [output] });
const refused = (message: RegExp) => ({ name: "ModelError", message });

Deno.test("importGraph() refuses a value with two producers", () => {
  const message = /^Cannot import model: value "y" has two producers, Relu node "a" and Relu node "b"$/;
  assert.throws(() => importNodes([relu("x", "y", "a"), relu("x", "y", "b")]), refused(message));
  assert.throws(
    () => importNodes([relu("x", "x", "a"), relu("x", "y")]),
    refused(/"x" has two producers, an input and/),
  );
});

Deno.test("importGraph() refuses outputs and inputs that nothing produces", () => {
  assert.throws(() => importNodes([relu("x", "z")]), refused(/^Cannot import model: output "y" has no producer$/));
  assert.throws(
    () => importNodes([relu("w", "y", "a")]),
    refused(/^Cannot import Relu node "a": its input "w" has no/),
  );
});

Deno.test("importGraph() refuses cycles", () => {
  const own = /^Cannot import Relu node "a": its input "y" depends on its own output$/;
  assert.throws(() => importNodes([relu("y", "y", "a")]), refused(own));
  assert.throws(
    () => importNodes([relu("z", "y"), relu("v", "z"), relu("z", "v")]),
    refused(/depends on its own output$/),
  );
});

Deno.test("importGraph() refuses two initializers of one name", () => {
  const tensor = { name: "w", dataType: 1, dims: [1], floatData: [1] };
  const graph = { initializer: [tensor, tensor] };
  assert.throws(() => importNodes([relu("x", "y")], graph), refused(/two initializers have the name "w"$/));
});

Deno.test("importGraph() refuses attributes without what their type promises", () => {
  const types = onnx.AttributeProto.AttributeType;
  for (const [type, what] of [[types.TENSOR, "tensor"], [types.GRAPH, "graph"]] as const) {
    const node = { ...relu("x", "y", "a"), attribute: [{ name: "value", type }] };
    const message = new RegExp(
      `^Cannot import attribute "value" of node "a": it has no ${what}, which its type promises$`,
    );
    assert.throws(() => importNodes([node]), refused(message));
  }
});

Deno.test("importGraph() refuses bodies that lie too deep in each other", () => {
  const branch = (
    g: GraphFields,
  ) => [{ name: "then_branch", type: onnx.AttributeProto.AttributeType.GRAPH, g } as never];
  let body: GraphFields = { output: [{ name: "x" }] };
  for (let depth = 0; depth < 60; depth++) {
    body = { node: [{ opType: "If", input: ["x"], output: ["z"], attribute: branch(body) }], output: [{ name: "z" }] };
  }
  const attribute = branch(body);
  assert.throws(() => importNodes([{ opType: "If", input: ["x"], output: ["y"], attribute }]), {
    name: "UnsupportedError",
    message: /^Cannot import model: bodies lie in each other 33 deep, expected 32 at most$/,
  });
});

Deno.test("decodeModel() survives messages in messages without end", () => {
  // ModelProto.graph, then GraphProto.node, NodeProto.attribute, AttributeProto.g over and over: fields 7, 1, 5, 6.
  let bytes = new Uint8Array(0);
  for (let depth = 0; depth < 3000; depth++) {
    for (const field of [6, 5, 1]) bytes = wrapped(field, bytes);
  }
  assert.throws(() => decodeModel(wrapped(7, bytes)), refused(/^Cannot read model: /));
});

function wrapped(field: number, inner: Uint8Array): Uint8Array<ArrayBuffer> {
  const length: number[] = [];
  for (let rest = inner.length; length.length === 0 || rest > 0; rest >>>= 7) {
    length.push((rest & 127) | (rest > 127 ? 128 : 0));
  }
  const bytes = new Uint8Array(1 + length.length + inner.length);
  bytes.set([field << 3 | 2, ...length]);
  bytes.set(inner, 1 + length.length);
  return bytes;
}

Deno.test("importGraph() keeps sorted nodes in order and brings others into one", () => {
  const sorted = importNodes([relu("x", "a", "1"), relu("x", "b", "2"), relu("a", "c", "3"), relu("b", "y", "4")]);
  assert.deepEqual(sorted.nodes.map(({ name }) => name), ["1", "2", "3", "4"]);
  const other = importNodes([relu("b", "y", "4"), relu("a", "c", "3"), relu("x", "b", "2"), relu("x", "a", "1")]);
  assert.deepEqual(other.nodes.map(({ name }) => name), ["2", "4", "1", "3"]);
});

Deno.test("importGraph() makes names unique without touching those of the file", () => {
  const names = importNodes([relu("x", "a", "n"), relu("a", "b", "n"), relu("b", "c", "n_1"), relu("c", "y")]).nodes;
  assert.deepEqual(names.map(({ name }) => name), ["n", "n_2", "n_1", "Relu_3"]);
});

Deno.test("importGraph() takes time that grows with the nodes, whatever their order and names", () => {
  const count = 40_000;
  const chain = Array.from(
    { length: count },
    (_, index) => relu(index === 0 ? "x" : `v${index}`, index === count - 1 ? "y" : `v${index + 1}`, "same"),
  );
  const start = performance.now();
  assert.equal(importNodes(chain.reverse()).nodes[0]!.inputs[0], "x");
  assert.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
});

Deno.test("importGraph() takes extents of 0 and below for unknown", () => {
  const dim = [{ dimValue: -1 }, { dimValue: 0 }, { dimParam: "N" }, { dimValue: 3 }];
  const input = [{ name: "x", type: { tensorType: { elemType: 1, shape: { dim } } } }];
  assert.deepEqual(importNodes([relu("x", "y")], { input }).inputs[0]!.shape, ["", "", "N", 3]);
});

Deno.test("importGraph() leaves out absent operands at the end", () => {
  const node = { opType: "Clip", input: ["x", "", ""], output: ["y", ""] };
  const [clip] = importNodes([node]).nodes;
  assert.deepEqual([clip!.inputs, clip!.outputs], [["x"], ["y"]]);
});
