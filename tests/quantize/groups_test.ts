import assert from "node:assert/strict";
import type { Node } from "../../src/graph/graph.ts";
import { formGroups, type Role, type Site } from "../../src/quantize/groups.ts";

function node(name: string, type: string, inputs: string[], outputs = [name]): Node {
  return { name, type, domain: "", inputs, outputs, attributes: new Map() };
}

function roleOf({ type }: Node): Role {
  if (["Conv", "Add", "MatMul"].includes(type)) return "quantized";
  return ["MaxPool", "Concat", "Reshape", "Split"].includes(type) ? "agnostic" : "other";
}

function site(...consumers: [string, number][]): Site {
  return { consumers: consumers.map(([node, input]) => ({ node, input })) };
}

/** Groups as sorted lists of quantizer names and node names. */
function named(nodes: Node[], sites: Record<string, Site>): { quantizers: string[]; nodes: readonly string[] }[] {
  const names = Object.keys(sites);
  return formGroups(nodes, Object.values(sites), roleOf).groups.map((group) => ({
    quantizers: group.quantizers.map((index) => names[index]!),
    nodes: group.nodes,
  }));
}

// NNCF's test_quantizer_removal "simple_graph": numbers are its node ids.
const SIMPLE = [
  node("conv127", "Conv", ["x", "w128"]),
  node("relu", "Relu", ["conv127"]),
  node("maxpool118", "MaxPool", ["relu"]),
  node("conv161", "Conv", ["maxpool118", "w162"]),
  node("relu2", "Relu", ["conv161"]),
  node("conv146", "Conv", ["relu2", "w147"]),
  node("add117", "Add", ["conv146", "maxpool118"]),
];
const SIMPLE_SITES = {
  fq134: site(["conv127", 0]),
  fq128: site(["conv127", 1]),
  fq119: site(["maxpool118", 0]),
  fq162: site(["conv161", 1]),
  fq153: site(["conv146", 0]),
  fq147: site(["conv146", 1]),
  fq139: site(["add117", 0]),
};

Deno.test("formGroups() gives the three removal groups of NNCF's simple_graph", () => {
  assert.deepEqual(named(SIMPLE, SIMPLE_SITES), [
    { quantizers: ["fq134", "fq128"], nodes: ["conv127"] },
    { quantizers: ["fq119", "fq162", "fq139"], nodes: ["conv161", "add117"] },
    { quantizers: ["fq153", "fq147"], nodes: ["conv146"] },
  ]);
});

Deno.test("formGroups() is a partition, named after the first node of each group", () => {
  const { groups } = formGroups(SIMPLE, Object.values(SIMPLE_SITES), roleOf);
  assert.deepEqual(groups.flatMap((group) => group.quantizers).toSorted(), [0, 1, 2, 3, 4, 5, 6]);
  assert.deepEqual(groups.map(({ id, name }) => [id, name]), [[0, "conv127"], [1, "conv161"], [2, "conv146"]]);
});

Deno.test("formGroups() keeps a residual block's shared input, its convolutions and the sum together", () => {
  const nodes = [
    node("conv1", "Conv", ["x", "w1"]),
    node("conv2", "Conv", ["conv1", "w2"]),
    node("add", "Add", ["x", "conv2"]),
  ];
  const sites = {
    x: site(["conv1", 0], ["add", 0]),
    w1: site(["conv1", 1]),
    conv1: site(["conv2", 0]),
    w2: site(["conv2", 1]),
    conv2: site(["add", 1]),
  };
  assert.deepEqual(named(nodes, sites), [
    { quantizers: ["x", "w1", "conv2"], nodes: ["conv1", "add"] },
    { quantizers: ["conv1", "w2"], nodes: ["conv2"] },
  ]);
});

Deno.test("formGroups() merges everything that meets in a Concat, before and behind it", () => {
  const nodes = [
    node("concat", "Concat", ["a", "b"]),
    node("pool", "MaxPool", ["concat"]),
    node("conv", "Conv", ["pool", "w"]),
    node("other", "Conv", ["b", "v"]),
  ];
  const sites = {
    a: site(["concat", 0]),
    b: site(["concat", 1], ["other", 0]),
    w: site(["conv", 1]),
    v: site(["other", 1]),
  };
  const { groups, carried } = formGroups(nodes, Object.values(sites), roleOf);
  assert.deepEqual(groups.map((group) => [group.quantizers, group.nodes]), [[[0, 1, 2, 3], ["conv", "other"]]]);
  assert.deepEqual([...carried], [["concat", 0], ["pool", 0]]);
});

Deno.test("formGroups() does not reach over operators that compute, nor through shape arithmetic", () => {
  const nodes = [
    node("conv1", "Conv", ["x", "w1"]),
    node("shape", "Shape", ["conv1"]),
    node("relu", "Relu", ["conv1"]),
    node("reshape", "Reshape", ["relu", "shape"]),
    node("conv2", "Conv", ["reshape", "w2"]),
  ];
  const sites = {
    x: site(["conv1", 0]),
    w1: site(["conv1", 1]),
    relu: site(["reshape", 0]),
    w2: site(["conv2", 1]),
  };
  assert.deepEqual(named(nodes, sites), [
    { quantizers: ["x", "w1"], nodes: ["conv1"] },
    { quantizers: ["relu", "w2"], nodes: ["conv2"] },
  ]);
});
