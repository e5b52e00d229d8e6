import assert from "node:assert/strict";
import { UsageError } from "../../src/base/errors.ts";
import { prepare, type Prepared, type PrepareOptions } from "../../src/quantize/prepare.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { attentionNetwork } from "../fixtures/networks.ts";

/** `value(kind) → consumer:input …` of every quantizer, in order. */
function sites(prepared: Prepared, kind?: string): string[] {
  return prepared.layout.quantizers.filter((quantizer) => !kind || quantizer.kind === kind).map((
    { value, consumers },
  ) => `${value} → ${consumers.map(({ node, input }) => `${node}:${input}`).join(" ")}`);
}

function conv(b: GraphBuilder, name: string, input: string, channels: [number, number], attributes = {}): string {
  b.constant(`${name}_w`, [channels[1], channels[0], 1, 1]);
  b.constant(`${name}_b`, [channels[1]]);
  return b.node("Conv", [input, `${name}_w`, `${name}_b`], { name, outputs: [name], attributes });
}

function prepared(b: GraphBuilder, options: PrepareOptions = {}): Prepared {
  return prepare(b.typed(), options);
}

Deno.test("prepare() quantizes input, weights and bias of each convolution, and the value behind its activation", () => {
  const b = new GraphBuilder();
  const relu = b.node("Relu", [conv(b, "c1", b.input("x", [1, 3, 4, 4]), [3, 8])], { outputs: ["relu"] });
  b.output(conv(b, "c2", relu, [8, 2]));
  const result = prepared(b);
  assert.deepEqual(sites(result), [
    "x → c1:0",
    "c1_w → c1:1",
    "relu → c2:0",
    "c2_w → c2:1",
    "c1_b → c1:2",
    "c2_b → c2:2",
  ]);
  assert.deepEqual(result.layout.quantizers.map(({ kind, channelAxis, group }) => [kind, channelAxis, group]), [
    ["activation", undefined, 0],
    ["weight", 0, 0],
    ["activation", undefined, 1],
    ["weight", 0, 1],
    ["bias", 0, 0],
    ["bias", 0, 1],
  ]);
  assert.deepEqual(result.layout.groups, [
    { id: 0, name: "c1", quantizers: [0, 1, 4], nodes: ["c1"] },
    { id: 1, name: "c2", quantizers: [2, 3, 5], nodes: ["c2"] },
  ]);
});

Deno.test("prepare() tells which operands read codes behind nodes that move them", () => {
  const moved = prepared(attentionNetwork()).layout.quantizers.filter(({ carriedTo }) => carriedTo);
  assert.deepEqual(moved.map(({ value, consumers, carriedTo }) => [value, consumers, carriedTo]), [
    ["keys_sum_out", [{ node: "turn", input: 0 }], [{ node: "logits", input: 1 }]],
  ]);
});

Deno.test("prepare() lets one quantizer serve all readers of a value, residual sum included", () => {
  const b = new GraphBuilder();
  const x = b.input("x", [1, 4, 4, 4]);
  const start = b.node("Relu", [x], { outputs: ["start"] });
  const second = conv(b, "c2", b.node("Relu", [conv(b, "c1", start, [4, 4])], { outputs: ["mid"] }), [4, 4]);
  b.output(b.node("Add", [start, second], { name: "add" }));
  const result = prepared(b);
  assert.deepEqual(sites(result, "activation"), ["start → c1:0 add:0", "mid → c2:0", "c2 → add:1"]);
  assert.deepEqual(result.layout.groups.map((group) => group.nodes), [["c1", "add"], ["c2"]]);
});

Deno.test("prepare() moves a quantizer over an operator that moves values when all its readers are quantized", () => {
  const b = new GraphBuilder();
  const relu = b.node("Relu", [b.input("x", [1, 4, 2, 2])], { outputs: ["relu"] });
  const turned = b.node("Transpose", [relu], { name: "turn", outputs: ["turned"], attributes: { perm: [0, 1, 3, 2] } });
  b.output(conv(b, "c1", turned, [4, 2]), conv(b, "c2", turned, [4, 2]));
  const result = prepared(b);
  assert.deepEqual(sites(result, "activation"), ["relu → turn:0"]);
  assert.deepEqual([...result.carried], [["turned", 0]]);
  assert.deepEqual(result.layout.groups.map((group) => group.nodes), [["c1", "c2"]]);
});

Deno.test("prepare() leaves a quantizer below an operator that moves values when one of its readers is in float", () => {
  const b = new GraphBuilder();
  const relu = b.node("Relu", [b.input("x", [1, 4, 2, 2])], { outputs: ["relu"] });
  const turned = b.node("Transpose", [relu], { name: "turn", outputs: ["turned"], attributes: { perm: [0, 1, 3, 2] } });
  b.output(conv(b, "c1", turned, [4, 2]), b.node("Sigmoid", [turned]));
  assert.deepEqual(sites(prepared(b), "activation"), ["turned → c1:0"]);
});

Deno.test("prepare() leaves a quantizer below an operator that moves values when its output leaves the network", () => {
  const b = new GraphBuilder();
  const relu = b.node("Relu", [b.input("x", [1, 4, 2, 2])], { outputs: ["relu"] });
  const turned = b.node("Transpose", [relu], { name: "turn", outputs: ["turned"], attributes: { perm: [0, 1, 3, 2] } });
  b.output(conv(b, "c1", turned, [4, 2]), turned);
  assert.deepEqual(sites(prepared(b), "activation"), ["turned → c1:0"]);
});

Deno.test("prepare() moves a quantizer over a Concat to all its inputs, which then share one scale", () => {
  const b = new GraphBuilder();
  const x = b.node("Relu", [b.input("x", [1, 4, 2, 2])], { outputs: ["relu"] });
  const one = b.node("Relu", [conv(b, "c1", x, [4, 2])], { outputs: ["one"] });
  const two = b.node("Sigmoid", [conv(b, "c2", x, [4, 2])], { outputs: ["two"] });
  const joined = b.node("Concat", [one, two], { name: "join", outputs: ["joined"], attributes: { axis: 1 } });
  b.output(conv(b, "c3", joined, [4, 2]));
  const result = prepared(b);
  assert.deepEqual(sites(result, "activation"), ["relu → c1:0 c2:0", "one → join:0", "two → join:1"]);
  const ids = result.layout.quantizers.filter(({ value }) => value === "one" || value === "two").map(({ id }) => id);
  assert.deepEqual(result.unified, [ids]);
  assert.deepEqual(result.layout.groups.map((group) => group.nodes), [["c1", "c2"], ["c3"]]);
});

Deno.test("prepare() chains the scales of one Concat into the next", () => {
  const b = new GraphBuilder();
  const [p, q, r] = ["p", "q", "r"].map((name) =>
    b.node("Relu", [b.input(`${name}_in`, [1, 2, 2, 2])], { outputs: [name] })
  );
  const inner = b.node("Concat", [p!, q!], { name: "inner", outputs: ["pq"], attributes: { axis: 1 } });
  const outer = b.node("Concat", [inner, r!], { name: "outer", outputs: ["pqr"], attributes: { axis: 1 } });
  b.output(conv(b, "c", outer, [6, 2]));
  const result = prepared(b);
  assert.deepEqual(sites(result, "activation"), ["p → inner:0", "q → inner:1", "r → outer:1"]);
  assert.deepEqual(result.unified.map((set) => set.map((id) => result.layout.quantizers[id]!.value)), [[
    "p",
    "q",
    "r",
  ]]);
});

Deno.test("prepare() does not move a quantizer over a Pad that fills with other than zero", () => {
  for (const [fill, expected] of [[0, "relu → pad:0"], [1.5, "padded → c:0"]] as const) {
    const b = new GraphBuilder();
    const relu = b.node("Relu", [b.input("x", [1, 2, 2, 2])], { outputs: ["relu"] });
    b.constant("pads", [8], [0, 0, 1, 1, 0, 0, 1, 1], "int64");
    b.constant("fill", [], [fill]);
    b.output(conv(b, "c", b.node("Pad", [relu, "pads", "fill"], { name: "pad", outputs: ["padded"] }), [2, 2]));
    assert.deepEqual(sites(prepared(b), "activation"), [expected]);
  }
});

Deno.test("prepare() finds the fill of a Pad among the attributes of older opsets", () => {
  for (const [value, expected] of [[0, "relu → pad:0"], [1.5, "padded → c:0"]] as const) {
    const b = new GraphBuilder(10);
    const relu = b.node("Relu", [b.input("x", [1, 2, 2, 2])], { outputs: ["relu"] });
    const attributes = { pads: [0, 0, 1, 1, 0, 0, 1, 1], value: { type: "float", value } } as const;
    b.output(conv(b, "c", b.node("Pad", [relu], { name: "pad", outputs: ["padded"], attributes }), [2, 2]));
    assert.deepEqual(sites(prepared(b), "activation"), [expected]);
  }
});

Deno.test("prepare() leaves the bias of a Gemm with factors in float", () => {
  const b = new GraphBuilder();
  b.constant("w", [4, 3]);
  b.constant("bias", [3]);
  b.output(b.node("Gemm", [b.input("x", [1, 4]), "w", "bias"], { name: "gemm", attributes: { beta: 0.5 } }));
  assert.deepEqual(sites(prepared(b)), ["x → gemm:0", "w → gemm:1"]);
});

Deno.test("prepare() gives weights read by several nodes one quantizer, and biases one per node", () => {
  const b = new GraphBuilder();
  b.constant("w", [4, 4, 1, 1]);
  b.constant("bias", [4]);
  const x = b.input("x", [1, 4, 2, 2]);
  const first = b.node("Relu", [b.node("Conv", [x, "w", "bias"], { name: "c1" })], { outputs: ["mid"] });
  b.output(b.node("Conv", [first, "w", "bias"], { name: "c2" }));
  const result = prepared(b);
  assert.deepEqual(sites(result, "weight"), ["w → c1:1 c2:1"]);
  assert.deepEqual(sites(result, "bias"), ["bias_c1 → c1:2", "bias_c2 → c2:2"]);
  assert.deepEqual([...result.originals], [["bias_c1", "bias"], ["bias_c2", "bias"]]);
  assert.deepEqual(result.graph.initializers.get("bias_c1"), result.graph.initializers.get("bias_c2"));
  assert.equal(result.layout.groups.length, 1);
});

Deno.test("prepare() copies a constant that a float operand reads too", () => {
  const b = new GraphBuilder();
  b.constant("w", [2, 2]);
  const y = b.node("MatMul", [b.input("x", [2, 2]), "w"], { name: "product" });
  b.output(b.node("Max", [y, b.node("Sigmoid", ["w"])]));
  const graph = b.typed();
  const result = prepare(graph);
  assert.deepEqual(sites(result, "weight"), ["w_product → product:1"]);
  assert.equal(result.graph.nodes.find(({ type }) => type === "Sigmoid")!.inputs[0], "w");
});

Deno.test("prepare() adds a zero bias to layers without one", () => {
  const b = new GraphBuilder();
  b.constant("w", [5, 3, 1, 1]);
  b.output(b.node("Conv", [b.input("x", [1, 3, 2, 2]), "w"], { name: "c" }));
  const result = prepared(b);
  assert.deepEqual([...result.addedBiases], ["c_bias"]);
  assert.deepEqual([...result.graph.initializers.get("c_bias")!.data], [0, 0, 0, 0, 0]);
  assert.deepEqual(sites(result, "bias"), ["c_bias → c:2"]);
});

Deno.test("prepare() takes the channel axis of Gemm from transB and of MatMul from its columns", () => {
  const b = new GraphBuilder();
  b.constant("w1", [6, 4]);
  b.constant("b1", [6]);
  b.constant("w2", [6, 2]);
  const hidden = b.node("Gemm", [b.input("x", [1, 4]), "w1", "b1"], { name: "gemm", attributes: { transB: 1 } });
  b.output(b.node("MatMul", [hidden, "w2"], { name: "product" }));
  const axes = prepared(b).layout.quantizers.filter(({ kind }) => kind === "weight").map((
    q,
  ) => [q.value, q.channelAxis]);
  assert.deepEqual(axes, [["w1", 0], ["w2", 1]]);
});

Deno.test("prepare() leaves the constant added behind a MatMul in float but lets bias correction change it", () => {
  const b = new GraphBuilder();
  b.constant("w", [4, 3]);
  b.constant("shift", [3]);
  const product = b.node("MatMul", [b.input("x", [2, 4]), "w"], { name: "product" });
  b.output(b.node("Add", [product, "shift"], { name: "add" }));
  const result = prepared(b);
  assert.deepEqual(sites(result), ["x → product:0", "w → product:1", "shift → add:1"]);
  assert.equal(result.skipped.get("add"), "weights and bias");
});

Deno.test("prepare() quantizes both operands of a product of activations and constants of sums per tensor", () => {
  const b = new GraphBuilder();
  const [p, q] = [b.input("p", [2, 2]), b.input("q", [2, 2])];
  const product = b.node("MatMul", [
    b.node("Sigmoid", [p], { outputs: ["sp"] }),
    b.node("Tanh", [q], { outputs: ["tq"] }),
  ], {
    name: "product",
    outputs: ["pq"],
  });
  b.constant("k", [1, 2]);
  b.output(b.node("Add", [b.node("Tanh", [product], { outputs: ["t"] }), "k"], { name: "add" }));
  const result = prepared(b);
  assert.deepEqual(sites(result), ["sp → product:0", "tq → product:1", "t → add:0", "k → add:1"]);
  assert.equal(result.layout.quantizers.at(-1)!.channelAxis, undefined);
});

Deno.test("prepare() does not quantize integers, shape arithmetic, or what needs no float", () => {
  const b = new GraphBuilder();
  const x = b.input("x", [1, 4, 2, 2]);
  const shape = b.node("Shape", [x]);
  b.constant("first", [1], [0], "int64");
  b.constant("rest", [1], [-1], "int64");
  const rows = b.node("Gather", [shape, "first"], { attributes: { axis: 0 } });
  const target = b.node("Concat", [b.node("Add", [rows, "first"], { name: "sum" }), "rest"], {
    attributes: { axis: 0 },
  });
  const flat = b.node("Reshape", [b.node("Relu", [x], { outputs: ["relu"] }), target], { name: "flat" });
  b.constant("w", [16, 2]);
  b.output(b.node("MatMul", [flat, "w"], { name: "product" }));
  assert.deepEqual(sites(prepared(b), "activation"), ["relu → flat:0"]);
});

Deno.test("prepare() ignores nodes by name, by regular expression and by type with attributes", () => {
  const build = () => {
    const b = new GraphBuilder();
    const first = b.node("Relu", [conv(b, "block1/conv", b.input("x", [1, 3, 4, 4]), [3, 4])]);
    const second = b.node("Relu", [conv(b, "block2/conv", first, [4, 4], { group: 1 })]);
    b.output(conv(b, "head", second, [4, 2]));
    return b;
  };
  const nodesWith = (ignored: PrepareOptions["ignored"]) =>
    prepared(build(), ignored ? { ignored } : {}).layout.groups.map((group) => group.name);
  assert.deepEqual(nodesWith(undefined), ["block1/conv", "block2/conv", "head"]);
  assert.deepEqual(nodesWith({ scope: ["head"] }), ["block1/conv", "block2/conv"]);
  assert.deepEqual(nodesWith({ patterns: ["block\\d/.*"] }), ["head"]);
  assert.deepEqual(nodesWith({ operations: [{ type: "Conv", attributes: { group: 1 } }] }), ["block1/conv", "head"]);
  assert.throws(() => nodesWith({ scope: ["haed"] }), UsageError);
  assert.throws(() => nodesWith({ patterns: ["("] }), /no regular expression/);
});

Deno.test("prepare() takes the readers of an ignored operator along when it only moves values", () => {
  const b = new GraphBuilder();
  const turned = b.node("Transpose", [b.input("x", [1, 4, 2, 2])], {
    name: "turn",
    attributes: { perm: [0, 1, 3, 2] },
  });
  b.output(conv(b, "c", turned, [4, 2]));
  assert.deepEqual(prepared(b, { ignored: { scope: ["turn"] } }).layout.quantizers, []);
});

Deno.test("prepare() leaves sums and normalizations of transformers in float", () => {
  const build = () => {
    const b = new GraphBuilder();
    const x = b.node("Relu", [b.input("x", [1, 4, 2, 2])], { outputs: ["relu"] });
    b.output(b.node("Add", [x, b.node("Relu", [conv(b, "c", x, [4, 4])])], { name: "add" }));
    return b;
  };
  assert.deepEqual(prepared(build()).layout.groups[0]!.nodes, ["c", "add"]);
  assert.deepEqual(prepared(build(), { modelType: "transformer" }).layout.groups[0]!.nodes, ["c"]);
});

Deno.test("prepare() unifies the operands of sums for an NPU", () => {
  const b = new GraphBuilder();
  const [p, q] = ["p", "q"].map((name) => b.node("Relu", [b.input(`${name}_in`, [1, 2])], { outputs: [name] }));
  b.output(b.node("Add", [p!, q!], { name: "add" }));
  assert.deepEqual(prepared(b).unified, []);
  const c = new GraphBuilder();
  const [r, s] = ["p", "q"].map((name) => c.node("Relu", [c.input(`${name}_in`, [1, 2])], { outputs: [name] }));
  c.output(c.node("Add", [r!, s!], { name: "add" }));
  assert.deepEqual(prepared(c, { targetDevice: "NPU" }).unified, [[0, 1]]);
});
