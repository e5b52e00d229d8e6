import assert from "node:assert/strict";
import { FLOAT } from "../../src/base/precision.ts";
import type { HostTensor } from "../../src/base/tensor.ts";
import type { Graph, Node } from "../../src/graph/graph.ts";
import type { Candidate } from "../../src/quantize/candidate.ts";
import { calibrate, type CalibrationOptions } from "../../src/quantize/default_quantization.ts";
import { prepare, type Prepared } from "../../src/quantize/prepare.ts";
import { buildQdq } from "../../src/quantize/qdq.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { evaluateOnHost, HostStatistics } from "../fixtures/host_statistics.ts";
import { chainOfConvolutions, concatNetwork, drawSamples, residualNetwork } from "../fixtures/networks.ts";

async function quantized(
  builder: GraphBuilder,
  options: CalibrationOptions = {},
): Promise<{ prepared: Prepared; candidate: Candidate; original: Graph; int8: Graph }> {
  const typed = builder.typed();
  const prepared = prepare(typed);
  const source = new HostStatistics(prepared.graph, drawSamples(typed.graph, 4));
  const candidate = await calibrate(prepared, source, options);
  const int8 = buildQdq(prepared, [candidate], prepared.layout.groups.map(() => 0));
  return { prepared, candidate, original: typed.graph, int8 };
}

function producer(graph: Graph, value: string): Node {
  return graph.nodes.find((node) => node.outputs.includes(value))!;
}

function types(graph: Graph): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { type } of graph.nodes) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

Deno.test("buildQdq() puts a pair on every activation and integers with DequantizeLinear on weights and biases", async () => {
  const { int8 } = await quantized(chainOfConvolutions());
  assert.deepEqual(types(int8), { QuantizeLinear: 2, DequantizeLinear: 6, Conv: 2, Relu: 1 });
  const conv = int8.nodes.find(({ name }) => name === "c1")!;
  const [x, w, b] = conv.inputs.map((value) => producer(int8, value));
  assert.equal(producer(int8, x!.inputs[0]!).type, "QuantizeLinear");
  assert.deepEqual([w!, b!].map((node) => int8.initializers.get(node.inputs[0]!)!.dtype), ["int8", "int32"]);
  assert.deepEqual([w!, b!].map((node) => node.attributes.get("axis")?.value), [0, 0]);
  assert.equal(b!.inputs.length, 2);
  assert.deepEqual(int8.outputs.map(({ name }) => name), ["c2"]);
});

Deno.test("buildQdq() gives a bias the scale of its input times that of its weights", async () => {
  const { int8 } = await quantized(chainOfConvolutions());
  const conv = int8.nodes.find(({ name }) => name === "c2")!;
  const [x, w, b] = conv.inputs.map((value) => int8.initializers.get(producer(int8, value).inputs[1]!)!);
  assert.deepEqual([...b!.data], [...w!.data].map((scale) => Math.fround(scale * x!.data[0]!)));
});

Deno.test("buildQdq() leaves groups in float as they were, initializers bit for bit", async () => {
  const { prepared, candidate, original } = await quantized(chainOfConvolutions());
  const mixed = buildQdq(prepared, [candidate], [FLOAT, 0]);
  const conv = mixed.nodes.find(({ name }) => name === "c1")!;
  assert.deepEqual(conv, original.nodes.find(({ name }) => name === "c1"));
  assert.equal(mixed.initializers.get("c1_w"), original.initializers.get("c1_w"));
  assert.equal(mixed.initializers.has("c2_w"), false);
  const float = buildQdq(prepared, [candidate], [FLOAT, FLOAT]);
  assert.deepEqual(float.nodes, original.nodes);
  assert.deepEqual([...float.initializers.keys()], [...original.initializers.keys()]);
});

Deno.test("buildQdq() stores signed activation codes as uint8 unless told otherwise", async () => {
  const { prepared, candidate } = await quantized(chainOfConvolutions());
  const zeroOf = (graph: Graph) =>
    graph.initializers.get(
      graph.nodes.find(({ type, inputs }) => type === "QuantizeLinear" && inputs[0] === "x")!.inputs[2]!,
    )!;
  const assignment = [0, 0];
  const plain = buildQdq(prepared, [candidate], assignment);
  assert.deepEqual([zeroOf(plain).dtype, zeroOf(plain).data[0]], ["uint8", 128]);
  const calibrated = buildQdq(prepared, [candidate], assignment, { activationType: "calibrated" });
  assert.deepEqual([zeroOf(calibrated).dtype, zeroOf(calibrated).data[0]], ["int8", 0]);
  const samples = drawSamples(prepared.graph, 1);
  assert.deepEqual(evaluateOnHost(plain, samples[0]!).get("c2"), evaluateOnHost(calibrated, samples[0]!).get("c2"));
});

Deno.test("buildQdq() stores equal zero points once", async () => {
  const b = new GraphBuilder();
  for (const name of ["w1", "w2", "w3"]) b.constant(name, [4, 4, 1, 1]);
  const first = b.node("Relu", [b.node("Conv", [b.input("x", [1, 4, 2, 2]), "w1"], { name: "c1" })]);
  const second = b.node("Relu", [b.node("Conv", [first, "w2"], { name: "c2" })]);
  b.output(b.node("Conv", [second, "w3"], { name: "c3" }));
  const { int8 } = await quantized(b, { biasCorrection: false });
  const zeros = int8.nodes.filter(({ type }) => type === "DequantizeLinear").map(({ inputs }) => inputs[2]!);
  assert.equal(zeros.length, 6);
  assert.deepEqual([...new Set(zeros)].sort(), ["zero_point_int8_0", "zero_point_uint8_0", "zero_point_uint8_128"]);
  assert.deepEqual(int8.initializers.get("zero_point_int8_0")!.shape, [4]);
});

Deno.test("buildQdq() drops added biases that stayed zero and keeps those that were corrected", async () => {
  const plain = await quantized(chainOfConvolutions({ bias: false }), { biasCorrection: false });
  assert.deepEqual(types(plain.int8), { QuantizeLinear: 2, DequantizeLinear: 4, Conv: 2, Relu: 1 });
  assert.ok(plain.int8.nodes.filter(({ type }) => type === "Conv").every(({ inputs }) => inputs.length === 2));
  const corrected = await quantized(chainOfConvolutions({ bias: false }));
  assert.deepEqual(types(corrected.int8), { QuantizeLinear: 2, DequantizeLinear: 6, Conv: 2, Relu: 1 });
});

Deno.test("buildQdq() gives copies of shared initializers their one name back where layers are in float", async () => {
  const b = new GraphBuilder();
  b.constant("w", [4, 4, 1, 1]);
  b.constant("bias", [4]);
  const mid = b.node("Relu", [b.node("Conv", [b.input("x", [1, 4, 2, 2]), "w", "bias"], { name: "c1" })]);
  b.output(b.node("Conv", [mid, "w", "bias"], { name: "c2" }));
  const { prepared, candidate, original } = await quantized(b);
  const float = buildQdq(prepared, [candidate], [FLOAT]);
  assert.deepEqual(float.nodes, original.nodes);
  assert.deepEqual([...float.initializers.keys()], ["w", "bias"]);
  const int8 = buildQdq(prepared, [candidate], [0]);
  assert.equal(int8.initializers.has("bias"), false);
  assert.deepEqual(int8.initializers.get("bias_quantized")!.shape, [4]);
  assert.ok(int8.initializers.has("bias_quantized_1"));
});

Deno.test("buildQdq() repeats a pair with the same scale behind an operator that moves codes on", async () => {
  const { int8, candidate, prepared } = await quantized(concatNetwork());
  const join = int8.nodes.find(({ type }) => type === "Concat")!;
  const behind = int8.nodes.find(({ type, inputs }) => type === "QuantizeLinear" && inputs[0] === join.outputs[0])!;
  const scales = join.inputs.map((value) => int8.initializers.get(producer(int8, value).inputs[1]!)!.data[0]);
  assert.deepEqual(scales, [scales[0], int8.initializers.get(behind.inputs[1]!)!.data[0]]);
  // The pair behind changes nothing: quantized values pass it as they are.
  const sample = drawSamples(prepared.graph, 1)[0]!;
  const values = evaluateOnHost(int8, sample);
  const pair = int8.nodes.find(({ type, inputs }) => type === "DequantizeLinear" && inputs[0] === behind.outputs[0])!;
  assert.deepEqual(values.get(pair.outputs[0]!)!.data, values.get(join.outputs[0]!)!.data);
  assert.equal(candidate.parameters.size, prepared.layout.quantizers.length);
});

Deno.test("buildQdq() keeps names and metadata, and puts nodes in topological order", async () => {
  const { int8, original } = await quantized(residualNetwork());
  assert.deepEqual(int8.metadata, original.metadata);
  assert.deepEqual(int8.inputs, original.inputs);
  const known = new Set([...int8.initializers.keys(), ...int8.inputs.map(({ name }) => name)]);
  const names = new Set<string>();
  for (const node of int8.nodes) {
    for (const input of node.inputs) {
      assert.ok(input === "" || known.has(input), `${node.name} reads ${input} too early`);
    }
    for (const output of node.outputs) known.add(output);
    assert.ok(!names.has(node.name), `two nodes are named ${node.name}`);
    names.add(node.name);
  }
  for (const { name } of original.nodes) assert.ok(names.has(name), `${name} is gone`);
});

Deno.test("buildQdq() stays close to the float network", async () => {
  for (const preset of ["performance", "mixed"] as const) {
    const { int8, original } = await quantized(residualNetwork(), { preset });
    const sample = drawSamples(original, 4)[2]!;
    const output = original.outputs[0]!.name;
    const [float, quantizedOutput] = [original, int8].map((graph) => evaluateOnHost(graph, sample).get(output)!);
    assert.ok(relativeError(float!, quantizedOutput!) < 0.03, `${preset}: ${relativeError(float!, quantizedOutput!)}`);
  }
});

Deno.test("buildQdq() refuses a candidate that there is not", async () => {
  const { prepared, candidate } = await quantized(chainOfConvolutions());
  assert.throws(() => buildQdq(prepared, [candidate], [0, 1]), /its candidate is 1, expected 0 to 0/);
});

function relativeError(expected: HostTensor, actual: HostTensor): number {
  let error = 0;
  let power = 0;
  expected.data.forEach((value: number, index: number) => {
    error += (value - actual.data[index]!) ** 2;
    power += value ** 2;
  });
  return Math.sqrt(error / power);
}
