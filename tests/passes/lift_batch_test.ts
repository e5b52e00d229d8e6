import assert from "node:assert/strict";
import { createRandom } from "../../src/base/random.ts";
import { elementCount, type HostTensor, hostTensor, knownType, type TensorType } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { liftBatch } from "../../src/passes/lift_batch.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

const [STEPS, FEATURES, HEADS, DEPTH] = [5, 6, 2, 3];

/** Types of inputs for a batch size, the other extents as the graph has them. */
function typesFor(graph: Graph, batch: number): Map<string, TensorType> {
  return new Map(graph.inputs.map(({ name, dtype, shape }) => {
    return [name, { dtype, shape: [batch, ...(shape ?? []).slice(1).map(Number)] }];
  }));
}

/** Host evaluation: with known inputs every value is known. */
function outputsOf(graph: Graph, input: HostTensor): HostTensor[] {
  const { types } = inferTypes(graph, new Map([[graph.inputs[0]!.name, knownType(input)]]));
  return graph.outputs.map(({ name }) => {
    const { dtype, shape, value } = types.get(name)!;
    return { dtype, shape, data: value! };
  });
}

/** Asserts that the graph takes two samples at once and gives for each what the original gives for it alone. */
function assertLifts(graph: Graph): void {
  const { graph: lifted, takesAnyBatch, wasFixed, reason } = liftBatch(graph, typesFor);
  assert.ok(takesAnyBatch, reason);
  assert.ok(wasFixed);
  const [stated, before] = [lifted.outputs[0]!.shape, graph.outputs[0]!.shape];
  assert.deepEqual([typeof stated?.[0], ...stated!.slice(1)], ["string", ...before!.slice(1)], "outputs keep shapes");
  const shape = typesFor(graph, 2).values().next().value!.shape;
  const random = createRandom(2);
  const both = hostTensor("float32", shape, Array.from({ length: elementCount(shape) }, () => 2 * random() - 1));
  const [found] = outputsOf(lifted, both);
  const half = both.data.length / 2;
  const alone = [0, 1].map((sample) => {
    const data = both.data.subarray(sample * half, (sample + 1) * half);
    return outputsOf(graph, { ...both, shape: [1, ...shape.slice(1)], data })[0]!;
  });
  assert.deepEqual(found?.shape, [2, ...alone[0]!.shape.slice(1)]);
  assert.deepEqual([...found.data], alone.flatMap(({ data }) => [...data]));
}

function extents(builder: GraphBuilder, name: string, values: readonly number[]): string {
  return builder.constant(name, [values.length], values, "int64");
}

Deno.test("liftBatch() lifts attention whose shapes have a literal batch", () => {
  const builder = new GraphBuilder();
  const x = builder.input("x", [1, STEPS, FEATURES]);
  const heads = builder.node("Transpose", [
    builder.node("Reshape", [x, extents(builder, "to_heads", [1, STEPS, HEADS, DEPTH])]),
  ], { attributes: { perm: [0, 2, 1, 3] } });
  const merged = builder.node("Reshape", [heads, extents(builder, "merge", [HEADS, STEPS, DEPTH])]);
  const scores = builder.node("Softmax", [
    builder.node("MatMul", [merged, builder.node("Transpose", [merged], { attributes: { perm: [0, 2, 1] } })]),
  ], { attributes: { axis: -1 } });
  const mixed = builder.node("Reshape", [
    builder.node("MatMul", [scores, merged]),
    extents(builder, "split", [1, HEADS, STEPS, -1]),
  ]);
  const back = builder.node("Transpose", [mixed], { attributes: { perm: [0, 2, 1, 3] } });
  const rows = builder.node("Reshape", [back, extents(builder, "to_rows", [STEPS, FEATURES])]);
  const projected = builder.node("Gemm", [rows, builder.constant("w", [FEATURES, 4])]);
  assertLifts(builder.output(builder.node("Reshape", [projected, extents(builder, "out", [1, STEPS, 4])])).build());
});

Deno.test("liftBatch() lifts attention that has the steps before the batch", () => {
  const builder = new GraphBuilder();
  const first = builder.node("Transpose", [builder.input("x", [1, STEPS, FEATURES])], {
    attributes: { perm: [1, 0, 2] },
  });
  const heads = builder.node("Reshape", [first, extents(builder, "to_heads", [STEPS, HEADS, DEPTH])]);
  const major = builder.node("Transpose", [heads], { attributes: { perm: [1, 0, 2] } });
  const back = builder.node("Transpose", [builder.node("Relu", [major])], { attributes: { perm: [1, 0, 2] } });
  const joined = builder.node("Reshape", [back, extents(builder, "join", [STEPS, 1, FEATURES])]);
  assertLifts(builder.output(builder.node("Transpose", [joined], { attributes: { perm: [1, 0, 2] } })).build());
});

Deno.test("liftBatch() repeats class tokens and initial states for every sample", () => {
  const token = new GraphBuilder();
  const x = token.input("x", [1, STEPS, FEATURES]);
  const joined = token.node("Concat", [token.constant("token", [1, 1, FEATURES]), x], { attributes: { axis: 1 } });
  assertLifts(token.output(joined).build());

  const recurrent = new GraphBuilder();
  const steps = recurrent.node("Transpose", [recurrent.input("x", [1, STEPS, 3])], { attributes: { perm: [1, 0, 2] } });
  const state = recurrent.node("GRU", [
    steps,
    recurrent.constant("w", [1, 6, 3]),
    recurrent.constant("r", [1, 6, 2]),
    recurrent.constant("b", [1, 12]),
    "",
    recurrent.constant("initial", [1, 1, 2]),
  ], { outputs: ["all", "last"], attributes: { hidden_size: 2 } });
  const all = recurrent.node("Squeeze", [state, extents(recurrent, "directions", [1])]);
  assertLifts(recurrent.output(recurrent.node("Transpose", [all], { attributes: { perm: [1, 0, 2] } })).build());
});

Deno.test("liftBatch() lets Resize to literal extents follow the batch", () => {
  const builder = new GraphBuilder();
  const x = builder.input("x", [1, 2, 3, 3]);
  const resized = builder.node("Resize", [x, "", "", extents(builder, "sizes", [1, 2, 6, 5])], {
    attributes: { mode: "nearest" },
  });
  assertLifts(builder.output(resized).build());
});

Deno.test("liftBatch() mends literal batches behind inputs that are free", () => {
  const builder = new GraphBuilder();
  const x = builder.input("x", [1, 4, 2]);
  const graph = builder.output(builder.node("Reshape", [x, extents(builder, "flat", [1, -1])])).build();
  assertLifts({ ...graph, inputs: [{ ...graph.inputs[0]!, shape: ["N", 4, 2] }] });
});

Deno.test("liftBatch() finds literal batches in Constant nodes", () => {
  const builder = new GraphBuilder();
  const shape = builder.node("Constant", [], {
    attributes: { value: { type: "tensor", value: hostTensor("int64", [3], [1, 2, 4]) } },
  });
  assertLifts(builder.output(builder.node("Reshape", [builder.input("x", [1, 4, 2]), shape])).build());
});

Deno.test("liftBatch() says where the batch of an output is when it is not first", () => {
  const builder = new GraphBuilder();
  const steps = builder.node("Transpose", [builder.input("x", [1, 4, 2])], { attributes: { perm: [1, 0, 2] } });
  const { takesAnyBatch, batchAxes } = liftBatch(builder.output(steps).build(), typesFor);
  assert.ok(takesAnyBatch);
  assert.deepEqual([...batchAxes], [[steps, 1]]);
});

Deno.test("liftBatch() leaves networks alone that follow the batch as they are", () => {
  const builder = new GraphBuilder();
  const graph = builder.output(builder.node("Relu", [builder.input("x", [1, 4, 2])])).build();
  const free = { ...graph, inputs: [{ ...graph.inputs[0]!, shape: ["N", 4, 2] }] };
  const lifted = liftBatch(free, typesFor);
  assert.equal(lifted.graph, free);
  assert.equal(lifted.wasFixed, false);
});

Deno.test("liftBatch() keeps the batch where outputs do not grow with it, and says why", () => {
  const mixing = new GraphBuilder();
  const rows = mixing.node("Reshape", [mixing.input("x", [1, 4, 2]), extents(mixing, "rows", [4, 2])]);
  const lifted = liftBatch(mixing.output(rows).build(), typesFor);
  assert.equal(lifted.takesAnyBatch, false);
  assert.equal(lifted.reason, `output "${rows}" does not follow the batch`);

  const wide = new GraphBuilder();
  const graph = wide.output(wide.node("Relu", [wide.input("x", [4, 2])])).build();
  assert.equal(liftBatch(graph, typesFor).reason, 'input "x" has 4 as its first extent');
});
