import assert from "node:assert/strict";
import { describeLayers } from "../../src/api/layers.ts";
import { calibrate } from "../../src/quantize/default_quantization.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { HostStatistics } from "../fixtures/host_statistics.ts";
import { drawSamples, residualNetwork } from "../fixtures/networks.ts";

const typed = residualNetwork().typed();
const prepared = prepare(typed);
const source = new HostStatistics(prepared.graph, drawSamples(prepared.graph, 3));
const candidates = [await calibrate(prepared, source)];
const { groups } = prepared.layout;

Deno.test("describeLayers() gives operators in graph order with their work and parameters", () => {
  const layers = describeLayers(typed, { prepared, candidates }, groups.map(() => 0));
  assert.deepEqual(layers.map(({ name }) => name), typed.graph.nodes.map(({ name }) => name));
  const stem = layers.find(({ name }) => name === "stem");
  assert.deepEqual([stem?.type, stem?.macs, stem?.parameters], ["Conv", 8 * 3 * 3 * 3 * 9, 8 * 27 + 8]);
  const flat = layers.find(({ name }) => name === "flat");
  assert.deepEqual([flat?.macs, flat?.parameters, flat?.group], [0, 0, undefined], "its shape is no parameter");
});

Deno.test("describeLayers() tells how faithful int8 weights are, and nothing of float ones", () => {
  const stem = groups.find(({ nodes }) => nodes.includes("stem"))!.id;
  const layers = describeLayers(typed, { prepared, candidates }, groups.map(({ id }) => id === stem ? -1 : 0));
  const ratio = (node: string) => layers.find(({ name }) => name === node)?.weightSnr;
  assert.equal(ratio("stem"), undefined);
  assert.equal(ratio("sum"), undefined);
  // Uniform noise of a step of 1/127 of the largest weight: 45 dB for weights drawn evenly.
  for (const node of ["depthwise", "projection", "head"]) assert.ok(ratio(node)! > 38 && ratio(node)! < 55, node);
  assert.equal(layers.find(({ name }) => name === "stem")?.group, stem);
});
