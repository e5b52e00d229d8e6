import assert from "node:assert/strict";
import { withInitializers } from "../../src/graph/edit.ts";
import { calibrate } from "../../src/quantize/default_quantization.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import type { HostTensor } from "../../src/base/tensor.ts";
import { HostStatistics } from "../fixtures/host_statistics.ts";
import { chainOfConvolutions, drawSamples } from "../fixtures/networks.ts";

async function corrected(options: { readonly fast: boolean; readonly threshold?: number }) {
  const prepared = prepare(chainOfConvolutions().typed());
  const samples = drawSamples(prepared.graph, 5);
  const source = new HostStatistics(prepared.graph, samples);
  const candidate = await calibrate(prepared, source, { biasCorrection: options });
  const { quantizers } = prepared.layout;
  const ofKind = (kind: string) =>
    new Map(
      quantizers.filter((one) => one.kind === kind).map(({ id, value }) =>
        [value, candidate.tensors.get(id)!] as const
      ),
    );
  return { prepared, source, weights: ofKind("weight"), biases: ofKind("bias"), sample: samples[0]! };
}

/** Largest difference of a layer's channel means from the float network's, for given constants, on the sample that is used. */
async function shiftOf(
  { prepared, sample }: Awaited<ReturnType<typeof corrected>>,
  constants: ReadonlyMap<string, HostTensor>,
  value: string,
): Promise<number> {
  const means = async (graph = prepared.graph) =>
    (await new HostStatistics(graph, [sample]).channelMeans([{ name: value, axis: 1 }])).get(value)!;
  const [float, other] = [await means(), await means(withInitializers(prepared.graph, constants))];
  return Math.max(...float.map((mean, channel) => Math.abs(mean - other[channel]!)));
}

Deno.test("calibrate() without fast correction leaves every layer the float network's mean, earlier errors included", async () => {
  const outcome = await corrected({ fast: false });
  const { prepared, weights, biases } = outcome;
  const layers = prepared.view.nodes.filter(({ type }) => type === "Conv").map(({ outputs }) => outputs[0]!);
  assert.ok(layers.length >= 2);
  for (const value of layers) {
    const before = await shiftOf(outcome, weights, value);
    const after = await shiftOf(outcome, new Map([...weights, ...biases]), value);
    // What is left comes from the codes of the biases.
    assert.ok(after < 0.02 * before, `${value}: ${before} → ${after}`);
  }
});

Deno.test("calibrate() without fast correction makes a pass over samples for every layer", async () => {
  const [fast, slow] = [await corrected({ fast: true }), await corrected({ fast: false })];
  assert.equal(slow.source.passes, fast.source.passes + slow.biases.size);
});

Deno.test("calibrate() without fast correction believes no change beyond the threshold", async () => {
  const { prepared, biases } = await corrected({ fast: false, threshold: 0 });
  for (const [value, { data }] of biases) {
    const float = prepared.graph.initializers.get(value)!.data;
    data.forEach((one: number, channel: number) => assert.ok(Math.abs(one - float[channel]!) < 1e-3));
  }
});
