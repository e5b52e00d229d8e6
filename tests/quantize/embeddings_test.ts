import assert from "node:assert/strict";
import { FLOAT } from "../../src/base/precision.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Candidate } from "../../src/quantize/candidate.ts";
import { calibrate } from "../../src/quantize/default_quantization.ts";
import { prepare, type Prepared, type PrepareOptions } from "../../src/quantize/prepare.ts";
import { buildQdq } from "../../src/quantize/qdq.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { evaluateOnHost, HostStatistics } from "../fixtures/host_statistics.ts";
import { drawSamples } from "../fixtures/networks.ts";
import { runInOnnxRuntime } from "../fixtures/onnxruntime.ts";

const [WORDS, WIDTH] = [70, 16];

/** Words (as floats, from −1 to 1.5) → rows of a table → a product and a softmax. */
function network(options: { readonly rows?: number; readonly axis?: number } = {}): GraphBuilder {
  const { rows = WORDS, axis = 0 } = options;
  const b = new GraphBuilder();
  const words = b.node("Mul", [b.input("x", [1, 5]), b.constant("spread", [], [rows / 2])], { name: "spread_words" });
  const places = b.node("Cast", [words], { name: "cast", attributes: { to: 7 } });
  const shape = axis === 0 ? [rows, WIDTH] : [WIDTH, rows];
  b.constant(
    "table",
    shape,
    Float32Array.from({ length: rows * WIDTH }, (_, index) => Math.sin(index) * (1 + index % WIDTH)),
  );
  const gathered = b.node("Gather", ["table", places], { name: "embed", outputs: ["embedded"], attributes: { axis } });
  b.constant("w", [axis === 0 ? WIDTH : 5, 3]);
  return b.output(
    b.node("MatMul", [gathered, "w"], { name: "product" }),
    b.node("Softmax", ["embedded"], { name: "softmax" }),
  );
}

async function calibrated(prepared: Prepared): Promise<Candidate> {
  return await calibrate(prepared, new HostStatistics(prepared.graph, drawSamples(prepared.graph, 4)));
}

function groupNames(b: GraphBuilder, options: PrepareOptions = {}): string[] {
  return prepare(b.typed(), options).layout.groups.map(({ name }) => name);
}

function typesIn(graph: Graph): string[] {
  return graph.nodes.map(({ type }) => type);
}

Deno.test("prepare() gives a table of embeddings a group of its own with a scale per column", () => {
  const { layout } = prepare(network().typed());
  assert.deepEqual(layout.groups.map(({ name, nodes }) => [name, nodes]), [["embed", ["embed"]], ["product", [
    "product",
  ]]]);
  const table = layout.quantizers.find(({ value }) => value === "table");
  assert.deepEqual([table?.kind, table?.channelAxis], ["weight", 1]);
});

Deno.test("prepare() leaves tables in float when told so, ignored, small or read by column", () => {
  assert.deepEqual(groupNames(network(), { int8Embeddings: false }), ["product"]);
  assert.deepEqual(groupNames(network(), { ignored: { operations: [{ type: "Gather" }] } }), []);
  assert.deepEqual(groupNames(network({ rows: 60 })), ["product"]);
  assert.deepEqual(groupNames(network({ axis: 1 })), ["product"]);
});

for (const weightGranularity of ["perchannel", "pertensor"] as const) {
  Deno.test(`buildQdq() gathers codes and dequantizes the rows, as emulated and in ONNX Runtime: ${weightGranularity}`, async () => {
    const prepared = prepare(network().typed(), { weightGranularity });
    const source = new HostStatistics(prepared.graph, drawSamples(prepared.graph, 4));
    const candidate = await calibrate(prepared, source, { weights: { granularity: weightGranularity } });
    const int8 = buildQdq(prepared, [candidate], [0, 0]);
    const gather = int8.nodes.find(({ name }) => name === "embed")!;
    assert.equal(int8.initializers.get(gather.inputs[0]!)?.dtype, "int8");
    const behind = int8.nodes.find(({ inputs }) => inputs[0] === gather.outputs[0])!;
    assert.deepEqual([behind.type, behind.outputs[0], behind.attributes.get("axis")?.value], [
      "DequantizeLinear",
      "embedded",
      weightGranularity === "perchannel" ? 2 : undefined,
    ]);
    assert.ok(!int8.initializers.has("table"));
    const emulated = { ...prepared.graph, initializers: new Map(prepared.graph.initializers) };
    const { id } = prepared.layout.quantizers.find(({ value }) => value === "table")!;
    emulated.initializers.set("table", candidate.tensors.get(id)!);
    for (const sample of drawSamples(int8, 3, 99)) {
      const rows = evaluateOnHost(int8, sample).get("embedded")!;
      assert.deepEqual(rows.data, evaluateOnHost(emulated, sample).get("embedded")!.data);
      const [own, runtime] = [evaluateOnHost(int8, sample), await runInOnnxRuntime(int8, sample)];
      for (const { name } of int8.outputs) {
        runtime.get(name)!.data.forEach((value: number, place: number) =>
          assert.ok(Math.abs(value - own.get(name)!.data[place]!) < 0.02 * Math.max(1, Math.abs(value)), name)
        );
      }
    }
  });
}

Deno.test("calibrate() leaves tables all 8 bits where saturation is to be fixed: nothing is multiplied by them", async () => {
  const b = network();
  b.constant("kernel", [2, 1, 3]);
  const line = b.node("Reshape", ["x", b.constant("line", [3], [1, 1, 5], "int64")]);
  const prepared = prepare(b.output(b.node("Conv", [line, "kernel"], { name: "conv" })).typed());
  const source = new HostStatistics(prepared.graph, drawSamples(prepared.graph, 4));
  const { id } = prepared.layout.quantizers.find(({ value }) => value === "table")!;
  const scaleOf = async (saturationFix: "no" | "all") =>
    (await calibrate(prepared, source, { saturationFix })).parameters.get(id)!.scale;
  assert.deepEqual(await scaleOf("all"), await scaleOf("no"));
});

Deno.test("buildQdq() keeps the table where its group is in float", async () => {
  const prepared = prepare(network().typed());
  const graph = buildQdq(prepared, [await calibrated(prepared)], [FLOAT, 0]);
  const original = prepared.graph.initializers.get("table");
  assert.equal(graph.initializers.get("table"), original);
  assert.deepEqual(typesIn(graph).filter((type) => type === "Gather"), ["Gather"]);
});

Deno.test("buildQdq() gathers codes of one table for several readers", async () => {
  const b = network();
  const more = b.node("Cast", [b.node("Abs", ["x"])], { name: "cast_again", attributes: { to: 7 } });
  b.output(b.node("Tanh", [b.node("Gather", ["table", more], { name: "again" })]));
  const prepared = prepare(b.typed());
  assert.deepEqual(prepared.layout.groups[0]!.nodes, ["embed", "again"]);
  const graph = buildQdq(prepared, [await calibrated(prepared)], prepared.layout.groups.map(() => 0));
  const tables = graph.nodes.filter(({ type }) => type === "Gather").map(({ inputs }) => inputs[0]);
  assert.deepEqual([tables.length, new Set(tables).size], [2, 1]);
  const [sample] = drawSamples(graph, 1, 3);
  const [float, int8] = [evaluateOnHost(prepared.graph, sample!), evaluateOnHost(graph, sample!)];
  for (const { name } of graph.outputs) {
    int8.get(name)!.data.forEach((value: number, place: number) =>
      assert.ok(Math.abs(value - float.get(name)!.data[place]!) < 0.5, name)
    );
  }
});
