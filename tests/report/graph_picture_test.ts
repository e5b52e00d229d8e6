import assert from "node:assert/strict";
import { dotToSvg, type DrawnGraph, graphToDot } from "../../src/report/graph_picture.ts";

const HOSTILE = `"]; n9 [label="x\\N<b>&\n${"\u202e"}`;

const graph: DrawnGraph = {
  title: HOSTILE,
  nodes: [
    { title: "data", name: "", details: ["float32 [N, 3]"], state: "boundary", group: undefined },
    { title: "Conv", name: HOSTILE, details: ["[8, 3, 3, 3]"], state: "int8", group: 0 },
    { title: "Conv", name: "a".repeat(60) + "end", details: [], state: "float", group: undefined },
  ],
  edges: [
    { from: 0, to: 1, label: "", isQuantized: true },
    { from: 1, to: 2, label: HOSTILE, isQuantized: false },
  ],
};

Deno.test("graphToDot() gives one line per node and edge, whatever the names", () => {
  const lines = graphToDot(graph).split("\n");
  assert.deepEqual(lines.filter((line) => /^ {2}n\d+ \[/.test(line)).length, 3);
  assert.deepEqual(lines.filter((line) => /^ {2}n\d+ -> n\d+ /.test(line)).length, 2);
  assert.ok(
    lines.some((line) => line.includes(String.raw`label="Conv\n\"]; n9 [label=\"x\\N<b>&\n`)),
    lines.join("\n"),
  );
  assert.ok(lines.some((line) => line.includes(`…${"a".repeat(36)}end`)));
});

Deno.test("dotToSvg() draws hostile names as text", async () => {
  const svg = await dotToSvg(graphToDot(graph));
  assert.equal([...svg.matchAll(/class="node"/g)].length, 4, "three nodes and the legend");
  assert.equal([...svg.matchAll(/class="edge"/g)].length, 2);
  assert.ok(!svg.includes("<b>") && svg.includes("x\\N&lt;b&gt;&amp;"));
  assert.ok(!svg.includes("\u202e"));
});

Deno.test("dotToSvg() throws with Graphviz's own words when the text is no DOT", async () => {
  await assert.rejects(dotToSvg("digraph {"), /Cannot draw graph: syntax error/);
});
