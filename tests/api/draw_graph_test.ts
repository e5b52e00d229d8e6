import assert from "node:assert/strict";
import { drawGraph, pictureOf } from "../../src/api/draw_graph.ts";
import { inspectModel } from "../../src/api/inspect.ts";
import { loadModel, type Model } from "../../src/api/model.ts";
import { exportGraph } from "../../src/graph/export.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import { calibrate } from "../../src/quantize/default_quantization.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { buildQdq } from "../../src/quantize/qdq.ts";
import type { DrawnGraph } from "../../src/report/graph_picture.ts";
import { HostStatistics } from "../fixtures/host_statistics.ts";
import { drawSamples, residualNetwork } from "../fixtures/networks.ts";

async function modelOf(graph: Graph): Promise<Model> {
  return await loadModel(new Uint8Array(encodeModel(exportGraph(graph))));
}

const typed = residualNetwork().typed();
const float = await modelOf(typed.graph);
const before = drawGraph(float, inspectModel(float));

async function quantized(floatNode: string): Promise<DrawnGraph> {
  const prepared = prepare(typed);
  const source = new HostStatistics(prepared.graph, drawSamples(prepared.graph, 2));
  const assignment = prepared.layout.groups.map(({ nodes }) => nodes.includes(floatNode) ? -1 : 0);
  const model = await modelOf(buildQdq(prepared, [await calibrate(prepared, source)], assignment));
  return drawGraph(model, inspectModel(model));
}

function stateOf({ nodes }: DrawnGraph, name: string): string | undefined {
  return nodes.find((node) => node.name === name)?.state;
}

Deno.test("drawGraph() shows what quantization would make int8, and which layers move together", () => {
  assert.deepEqual(["stem", "depthwise", "sum", "head", "relu1"].map((name) => stateOf(before, name)), [
    "int8",
    "int8",
    "int8",
    "int8",
    "neutral",
  ]);
  const group = (name: string) => before.nodes.find((node) => node.name === name)?.group;
  assert.equal(group("stem"), undefined);
  assert.notEqual(group("sum"), undefined);
  assert.equal(group("sum"), group("depthwise"), "they read the same value");
});

Deno.test("drawGraph() shows of a QDQ model what computes in int8, with the edges of the float model", async () => {
  const after = await quantized("projection");
  assert.deepEqual(["stem", "projection", "head"].map((name) => stateOf(after, name)), ["int8", "float", "int8"]);
  assert.ok(after.nodes.every(({ title }) => !/quantizelinear$/i.test(title)));
  const edges = ({ edges, nodes }: DrawnGraph) =>
    edges.map(({ from, to }) => `${nodes[from]!.name || "x"} ${nodes[to]!.name || "y"}`).toSorted();
  assert.deepEqual(edges(after), edges(before));
  const into = (name: string) =>
    after.edges.filter(({ to }) => after.nodes[to]!.name === name).map((e) => e.isQuantized);
  assert.deepEqual([into("stem"), into("projection")], [[true], [false]]);
});

Deno.test("pictureOf() goes by the ending of the name", async () => {
  assert.match(await pictureOf(before, "a/net.svg"), /<svg /);
  assert.match(await pictureOf(before, "net.DOT"), /^digraph/);
  await assert.rejects(pictureOf(before, "net.png"), /Cannot write picture "net.png": expected a name that ends with/);
});
