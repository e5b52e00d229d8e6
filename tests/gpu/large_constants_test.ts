/** Constants that no binding holds whole are read in parts: weights of AlexNet's first Gemm, tables of large vocabularies. */
import assert from "node:assert/strict";
import { datasetFromArrays, evaluateModel, loadModel, meanMetric, Runtime } from "../../mod.ts";
import { PORTABLE_BINDING } from "../../src/base/kernel_target.ts";
import { createRandom } from "../../src/base/random.ts";
import { type HostTensor, hostTensor } from "../../src/base/tensor.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { exportGraph } from "../../src/graph/export.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { QuantizerLayout } from "../../src/graph/quantizer.ts";
import { encodeModel } from "../../src/onnx/encode.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { byteLengthOf, type Plan } from "../../src/plan/plan.ts";
import { Session } from "../../src/run/session.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";
import { assertClose } from "../support/compare.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);

/** Bytes of a binding in these tests. */
const SMALL = 36 * 1024;

/** Depth, columns and rows of products whose right operand takes three parts of `SMALL`. */
const [DEPTH, COLUMNS, ROWS] = [130, 134, 5];

function product(type: "Gemm" | "MatMul", columns: number, attributes: Record<string, number> = {}): Graph {
  const builder = new GraphBuilder();
  const x = builder.input("x", attributes.transA ? [DEPTH, ROWS] : [ROWS, DEPTH]);
  const w = builder.constant("w", attributes.transB ? [columns, DEPTH] : [DEPTH, columns]);
  const inputs = type === "Gemm" ? [x, w, builder.constant("c", [columns])] : [x, w];
  return builder.output(builder.node("Relu", [builder.node(type, inputs, { attributes })])).build();
}

function rows(axis: number): Graph {
  const builder = new GraphBuilder();
  const table = builder.constant("w", axis === 0 ? [3000, 8] : [2, 1500, 7]);
  const inputs = [table, builder.input("x", [2, 6], "int32")];
  return builder.output(builder.node("Gather", inputs, { attributes: { axis } })).build();
}

const GRAPHS: Readonly<Record<string, Graph>> = {
  "MatMul": product("MatMul", COLUMNS),
  "MatMul with whole quads": product("MatMul", 136),
  "Gemm": product("Gemm", COLUMNS, { alpha: 0.5, beta: 2 }),
  "Gemm with transposed weights": product("Gemm", COLUMNS, { transB: 1 }),
  "Gemm with both transposed": product("Gemm", COLUMNS, { transA: 1, transB: 1 }),
  "Gather of rows": rows(0),
  "Gather along a middle axis": rows(1),
};

function planned(graph: Graph, largestBinding?: number, layout?: QuantizerLayout): Plan {
  const inputs = new Map(graph.inputs.map(({ name, dtype, shape }) => [name, { dtype, shape: shape as number[] }]));
  const target = { ...gpu!.kernelTarget, ...(largestBinding === undefined ? {} : { largestBinding }) };
  return buildPlan(inferTypes(graph, inputs), layout?.quantizers, { target });
}

function contents(graph: Graph): HostTensor {
  const { dtype, shape } = graph.inputs[0]!;
  const random = createRandom(3);
  const length = (shape as number[]).reduce((product, extent) => product * extent, 1);
  const ids = Array.from({ length }, () => Math.floor(1500 * random()));
  // Both ends, counted from either end.
  return hostTensor(
    dtype!,
    shape as number[],
    dtype === "int32" ? [0, 1499, -1, -1500, ...ids.slice(4)] : ids.map((id) => id / 1500 - 0.5),
  );
}

async function run(plan: Plan, x: HostTensor, layout?: QuantizerLayout, weights?: HostTensor): Promise<HostTensor> {
  using session = await Session.create(gpu!, pipelines!, plan, layout);
  if (weights) session.setCandidate(0, new Map([[0, { tensor: weights }]]));
  session.writeInput("x", x);
  session.run(weights ? [0] : undefined);
  return (await session.read())[0]!;
}

/** A quantizer on the weights alone. */
function layoutOf(graph: Graph): QuantizerLayout {
  const [node] = graph.nodes;
  const consumers = [{ node: node!.name, input: node!.inputs.indexOf("w") }];
  return {
    quantizers: [{ id: 0, name: "w", value: "w", kind: "weight", channelAxis: 0, consumers, group: 0 }],
    groups: [{ id: 0, name: "g", quantizers: [0], nodes: [node!.name] }],
  };
}

for (const [name, graph] of Object.entries(GRAPHS)) {
  Deno.test({
    name: `${name} gives the same with its constant in parts, in both precisions`,
    ignore: !gpu,
    async fn() {
      const x = contents(graph);
      const layout = layoutOf(graph);
      const split = planned(graph, SMALL, layout);
      const bound = [...split.prepare, ...split.steps].flatMap((step) => step.operands).flatMap((operand) =>
        operand.kind === "constant" ? [[split.constants[operand.constant]!, operand.window] as const] : []
      );
      assert.ok(bound.some(([, window]) => window), "nothing was split");
      for (const [constant, window] of bound) {
        assert.ok((window ? 4 * window.length : byteLengthOf(constant)) <= SMALL, constant.name);
        assert.ok((window?.offset ?? 0) % 64 === 0);
      }
      const tolerance = { absolute: 1e-5, reason: "sums in another order" };
      assertClose(await run(split, x, layout), await run(planned(graph), x), tolerance);
      const weights = graph.initializers.get("w")!;
      const other = hostTensor(
        "float32",
        weights.shape,
        weights.data.map((value: number) => Math.round(8 * value) / 8),
      );
      const expected = await run(planned(graph, undefined, layout), x, layout, other);
      assertClose(await run(split, x, layout, other), expected, tolerance);
    },
  });
}

Deno.test({
  name: "weights of 144 MiB run on any adapter",
  ignore: !gpu,
  async fn() {
    const [depth, columns] = [9216, 4096];
    assert.ok(4 * depth * columns > PORTABLE_BINDING);
    const builder = new GraphBuilder();
    const weights = new Float32Array(depth * columns);
    // Row n of the weights picks element n of the input, and its last one.
    for (let row = 0; row < columns; row++) {
      weights[row * depth + row] = 1;
      weights[row * depth + depth - 1] = 2;
    }
    const inputs = [builder.input("x", [1, depth]), builder.constant("w", [columns, depth], weights)];
    const graph = builder.output(builder.node("Gemm", inputs, { attributes: { transB: 1 } })).build();
    using runtime = await Runtime.open();
    const model = await loadModel(new Uint8Array(encodeModel(exportGraph(graph))));
    const random = createRandom(5);
    const x = Float32Array.from({ length: depth }, () => random());
    const dataset = datasetFromArrays({ name: "seeded", inputs: hostTensor("float32", [1, depth], x) });
    const farthest = meanMetric(
      "farthest",
      "lower_better",
      ({ outputs: [y] }) =>
        Math.max(...Array.from({ length: columns }, (_, n) => Math.abs(y!.data[n]! - x[n]! - 2 * x[depth - 1]!))),
    );
    const { values } = await evaluateModel(runtime, model, dataset, { metrics: [farthest] });
    assert.ok(values.farthest! < 1e-6, `${values.farthest}`);
  },
});
