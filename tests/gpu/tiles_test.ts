/** Every tile that a tuner may choose gives the bits of the default one, on every target, and validates where Chrome runs. */
import assert from "node:assert/strict";
import { create } from "webgpu";
import { type KernelTarget, PORTABLE_TARGET, type TileChoice } from "../../src/base/kernel_target.ts";
import { numbersOf } from "../../src/base/tile_table.ts";
import { hostTensor } from "../../src/base/tensor.ts";
import { createRandom } from "../../src/base/random.ts";
import { linkShader } from "../../src/gpu/link.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { blockTiles, convTiles, matmulTiles } from "../../src/ops/tiles.ts";
import { buildPlan } from "../../src/plan/build.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { Session } from "../../src/run/session.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);

/** The targets there are: a CPU with and without subgroups, and a GPU. */
const TARGETS: Readonly<Record<string, KernelTarget>> = {
  "software with lanes": { isSoftware: true, lanes: 8 },
  software: { isSoftware: true, lanes: 0 },
  gpu: PORTABLE_TARGET,
};

/** A layer of every heavy kernel, ragged in rows, columns and depth, small and large. */
const LAYERS: Readonly<Record<string, readonly number[]>> = {
  "pointwise convolution": [2, 34, 70, 9, 1, 1],
  "large pointwise convolution": [2, 96, 70, 40, 1, 1],
  "pointwise convolution of few": [1, 3, 5, 3, 1, 1],
  "pointwise convolution of single elements": [3, 40, 300, 1, 1, 1],
  "convolution": [2, 5, 37, 18, 3, 1],
  "convolution of few": [1, 3, 4, 5, 3, 1],
  "depthwise convolution": [2, 6, 6, 14, 3, 6],
  "depthwise convolution of small planes": [2, 6, 6, 7, 3, 6],
  "depthwise convolution of wide rows": [1, 3, 3, 28, 3, 3],
};

function layer([batch, channels, features, size, kernel, group]: readonly number[]): Graph {
  const builder = new GraphBuilder();
  const x = builder.input("x", [batch!, channels!, size!, size!]);
  const w = builder.constant("w", [features!, channels! / group!, kernel!, kernel!]);
  const b = builder.constant("b", [features!]);
  const attributes = { group: group!, pads: Array<number>(4).fill(kernel! >> 1) };
  return builder.output(builder.node("Relu", [builder.node("Conv", [x, w, b], { attributes })])).build();
}

interface Variant {
  readonly name: string;
  readonly plan: Plan;
}

/** Plans of a layer with each tile of a target. */
function variants(graph: Graph, shape: readonly number[], target: KernelTarget): Variant[] {
  const types = new Map([["x", { dtype: "float32" as const, shape }]]);
  const typed = inferTypes(graph, types);
  const options = new Map<string, TileChoice>();
  const offer = (name: string, choice: TileChoice) => void options.set(name, choice);
  const recorder: TileChoice = {
    matmul: (own) => void matmulTiles(own, target).forEach((tile) => offer(numbersOf(tile), { matmul: () => tile })),
    conv: (own) => void convTiles(own, target).forEach((tile) => offer(numbersOf(tile), { conv: () => tile })),
    block: (own) => void blockTiles(own, target).forEach((tile) => offer(numbersOf(tile), { block: () => tile })),
  };
  buildPlan(typed, [], { target: { ...target, tiles: recorder } });
  return [...options].map(([name, tiles]) => ({ name, plan: buildPlan(typed, [], { target: { ...target, tiles } }) }));
}

const CASES = Object.entries(LAYERS).map(([name, sizes]) => {
  const graph = layer(sizes);
  const [batch, channels, , size] = sizes as [number, number, number, number];
  return { name, graph, shape: [batch, channels, size, size] };
});

for (const { name, graph, shape } of CASES) {
  Deno.test({
    name: `tiles of a ${name} all give the same bits`,
    ignore: !gpu,
    async fn() {
      const random = createRandom(4);
      const count = shape.reduce((product, extent) => product * extent, 1);
      const x = hostTensor("float32", shape, Float64Array.from({ length: count }, () => 2 * random() - 1));
      let expected: ArrayLike<number> | undefined;
      for (const [kind, target] of Object.entries(TARGETS)) {
        if (target.lanes > 0 && target.lanes !== gpu!.kernelTarget.lanes) continue;
        const all = variants(graph, shape, target);
        assert.ok(all.length > 0, `${kind} has a tile`);
        for (const variant of all) {
          using session = await Session.create(gpu!, pipelines!, variant.plan);
          session.writeInput("x", x);
          session.run();
          const [y] = await session.read();
          expected ??= y!.data;
          const other = y!.data.findIndex((value, index) => value !== expected![index]);
          assert.equal(other, -1, `${kind}: ${variant.name} gives other bits at ${other}`);
        }
      }
      assert.ok(Array.from(expected!).some((value) => value > 0.1), "there is something to compare");
    },
  });
}

/** Held for as long as the process lives: Dawn crashes when its instance is collected before its devices. */
const dawn = create(["backend=null"]);

Deno.test("tiles pass the validation of Dawn under default limits, those with subgroups aside", async () => {
  const adapter = await dawn.requestAdapter();
  const device = await adapter!.requestDevice();
  const refused: string[] = [];
  let validated = 0;
  for (const target of Object.values(TARGETS).filter(({ lanes }) => lanes === 0)) {
    for (const { name, graph, shape } of CASES) {
      for (const variant of variants(graph, shape, target)) {
        const { dispatch } = variant.plan.steps.at(-1)!;
        device.pushErrorScope("validation");
        const module = device.createShaderModule({ code: linkShader(dispatch) });
        device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
        const error = await device.popErrorScope();
        if (error) refused.push(`${name}, ${variant.name}: ${error.message}`);
        validated++;
      }
    }
  }
  assert.ok(validated > 20, `only ${validated} kernels were validated`);
  assert.deepEqual(refused, []);
});

Deno.test("tiles of a GPU give every workgroup at least 64 invocations, and lanes none", () => {
  const shape = { rows: 64, columns: 196, depth: 32, inner: 8, outer: 1 };
  for (const { workgroup, lanes, rows, columns } of matmulTiles(shape, { isSoftware: false, lanes: 16 })) {
    assert.ok(workgroup >= 64 && lanes === 0, `${workgroup} invocations, ${lanes} lanes`);
    assert.ok(rows * columns <= 64, `${rows} x ${columns} results do not fit an invocation's registers`);
  }
});

Deno.test("products of small planes leave few lanes of a CPU idle", () => {
  for (const columns of [49, 64, 100, 169, 196]) {
    const shape = { rows: 160, columns, depth: 960, inner: 1, outer: 1 };
    const [tile] = matmulTiles(shape, { isSoftware: true, lanes: 8 });
    const quads = Math.ceil(columns / 4);
    const wide = tile!.columns / 4 * tile!.lanes;
    assert.ok(quads / (Math.ceil(quads / wide) * wide) > 0.75, `${columns} columns in tiles of ${tile!.columns}`);
  }
});
