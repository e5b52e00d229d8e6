import assert from "node:assert/strict";
import type { HostTensor } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { calibrate } from "../../src/quantize/default_quantization.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { buildQdq } from "../../src/quantize/qdq.ts";
import type { Preset } from "../../src/quantize/scheme.ts";
import type { GraphBuilder } from "../fixtures/graph_builder.ts";
import { evaluateOnHost, HostStatistics } from "../fixtures/host_statistics.ts";
import {
  chainOfConvolutions,
  concatNetwork,
  drawSamples,
  residualNetwork,
  transposedNetwork,
} from "../fixtures/networks.ts";
import { countOptimized, runInOnnxRuntime } from "../fixtures/onnxruntime.ts";

const NETWORKS: Readonly<Record<string, (opset?: number) => GraphBuilder>> = {
  chain: (opset) => chainOfConvolutions({ opset: opset ?? 13 }),
  "chain without biases": () => chainOfConvolutions({ bias: false }),
  concat: () => concatNetwork(),
  residual: (opset) => residualNetwork(opset),
  transposed: () => transposedNetwork(),
};

async function toInt8(builder: GraphBuilder, preset: Preset): Promise<Graph> {
  const typed = builder.typed();
  const prepared = prepare(typed);
  const source = new HostStatistics(prepared.graph, drawSamples(typed.graph, 4));
  const candidate = await calibrate(prepared, source, { preset });
  return buildQdq(prepared, [candidate], prepared.layout.groups.map(() => 0));
}

/** Largest difference as a share of the largest value. */
function worst(expected: HostTensor, actual: HostTensor): number {
  let largest = 0;
  let difference = 0;
  expected.data.forEach((value: number, index: number) => {
    largest = Math.max(largest, Math.abs(value));
    difference = Math.max(difference, Math.abs(value - actual.data[index]!));
  });
  return difference / largest;
}

for (const [name, build] of Object.entries(NETWORKS)) {
  for (const preset of ["performance", "mixed"] as const) {
    Deno.test(`buildQdq() gives a graph that ONNX Runtime computes as emulated: ${name}, ${preset}`, async () => {
      const int8 = await toInt8(build(), preset);
      for (const sample of drawSamples(int8, 3, 99)) {
        const output = int8.outputs[0]!.name;
        const emulated = evaluateOnHost(int8, sample).get(output)!;
        const plain = (await runInOnnxRuntime(int8, sample, "disabled")).get(output)!;
        assert.ok(worst(emulated, plain) < 1e-5, `unoptimized: ${worst(emulated, plain)}`);
        // Integer kernels round products exactly where float ones may fall one code beside.
        const fused = (await runInOnnxRuntime(int8, sample)).get(output)!;
        assert.ok(worst(emulated, fused) < 0.02, `fused: ${worst(emulated, fused)}`);
      }
    });
  }
}

Deno.test("buildQdq() gives a graph that ONNX Runtime fuses to integer kernels", async () => {
  const counts = await countOptimized(await toInt8(residualNetwork(), "performance"));
  assert.deepEqual([counts.get("Conv"), counts.get("Add"), counts.get("Gemm")], [undefined, undefined, undefined]);
  assert.equal(counts.get("QLinearConv"), 3);
  const joined = await countOptimized(await toInt8(concatNetwork(), "mixed"));
  assert.equal(joined.get("QLinearConcat"), 1);
});

Deno.test("buildQdq() stores one scale per output channel of every operator with weights", async () => {
  const int8 = await toInt8(transposedNetwork(), "performance");
  const axes = int8.nodes.flatMap(({ type, inputs, attributes }) => {
    const codes = type === "DequantizeLinear" ? int8.initializers.get(inputs[0]!) : undefined;
    if (codes?.dtype !== "int8") return [];
    const axis = attributes.get("axis")?.value as number;
    return [[
      inputs[0]!.replace("_quantized", ""),
      axis,
      codes.shape[axis],
      int8.initializers.get(inputs[1]!)!.shape[0],
    ]];
  });
  assert.deepEqual(axes, [
    ["up_w", 1, 6, 6],
    ["grouped_w", 1, 2, 2],
    ["plain_w", 1, 5, 5],
    ["turned_w", 0, 7, 7],
    ["product_w", 1, 3, 3],
  ]);
});
