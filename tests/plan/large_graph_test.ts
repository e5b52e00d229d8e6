/** Networks of thousands of nodes: no step on the way to a plan takes time that grows with the square of their number. */
import assert from "node:assert/strict";
import { cpuUsage } from "node:process";
import type { TensorType } from "../../src/base/tensor.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { liftBatch } from "../../src/passes/lift_batch.ts";
import { runPasses } from "../../src/passes/run_passes.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

/** Convolutions with normalization, activation and a residual add: four nodes a block, beside two at the end. */
function deepNetwork(blocks: number) {
  const builder = new GraphBuilder();
  let value = builder.input("x", [1, 4, 4, 4]);
  for (let block = 0; block < blocks; block++) {
    const made = builder.node("Conv", [value, builder.constant(`w${block}`, [4, 4, 1, 1])]);
    const constants = ["scale", "bias", "mean"].map((part) => builder.constant(`${part}${block}`, [4]));
    const variance = builder.constant(`var${block}`, [4], [1, 1, 1, 1]);
    const normalized = builder.node("BatchNormalization", [made, ...constants, variance]);
    value = builder.node("Add", [builder.node("Relu", [normalized]), value]);
  }
  return builder.output(builder.node("Flatten", [builder.node("GlobalAveragePool", [value])])).build();
}

const types = new Map<string, TensorType>([["x", { dtype: "float32", shape: [1, 4, 4, 4] }]]);

/** Everything between reading a file and compiling, in ms of processor time, which other processes do not lengthen. */
function timeToPlan(graph: ReturnType<typeof deepNetwork>): { ms: number; steps: number } {
  const start = cpuUsage();
  const lifted = liftBatch(graph, (_graph, batch) => new Map([["x", { dtype: "float32", shape: [batch, 4, 4, 4] }]]));
  const prepared = prepare(inferTypes(runPasses(lifted.graph, types), types));
  const { steps } = buildPlan(inferTypes(prepared.graph, types), prepared.layout.quantizers);
  const { user, system } = cpuUsage(start);
  return { ms: (user + system) / 1000, steps: steps.length };
}

Deno.test("buildPlan() is done with 2,000 nodes in less than a second, passes and quantizers included", () => {
  const graph = deepNetwork(500);
  assert.equal(graph.nodes.length, 2002);
  // The first run includes what the engine spends on compiling.
  const runs = [timeToPlan(graph), timeToPlan(graph), timeToPlan(graph)];
  assert.ok(runs[0]!.steps >= 500);
  assert.ok(Math.min(...runs.map(({ ms }) => ms)) < 1000, `took ${runs.map(({ ms }) => Math.round(ms)).join(", ")} ms`);
});
