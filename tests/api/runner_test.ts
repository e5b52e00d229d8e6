/** Models run as programs do: any shape that the model takes, planned once. */
import assert from "node:assert/strict";
import { loadModel, Runner, Runtime } from "../../mod.ts";
import { type HostTensor, hostTensor, knownType } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { fileOf } from "../fixtures/classifier.ts";
import { detector } from "../fixtures/detector.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";
import { assertClose } from "../support/compare.ts";

const probe = await openTestGpu();
probe?.destroy();
const needsGpu = { ignore: !probe };

/** x [N, 3, H, W] → convolution, resized to twice its size by shape arithmetic, pooled. */
function dynamicNetwork(): Graph {
  const b = new GraphBuilder(13, 5);
  b.input("x", [1, 3, 8, 8]);
  const conv = b.node("Conv", ["x", b.constant("w", [4, 3, 3, 3])], { attributes: { pads: [1, 1, 1, 1] } });
  const shape = b.node("Shape", [conv]);
  const doubled = b.node("Mul", [shape, b.constant("factors", [4], [1, 1, 2, 2], "int64")]);
  const large = b.node("Resize", [conv, "", "", doubled], { attributes: { mode: "linear" } });
  const graph = {
    ...b.untyped(),
    outputs: outputs(b.node("MaxPool", [large], { attributes: { kernel_shape: [2, 2] } })),
  };
  return { ...graph, inputs: [{ name: "x", dtype: "float32", shape: ["N", 3, "H", "W"] }] };
}

function outputs(...names: string[]): Graph["outputs"] {
  return names.map((name) => ({ name, dtype: "float32", shape: undefined }));
}

const waves = (...shape: number[]): HostTensor => {
  const length = shape.reduce((product, extent) => product * extent, 1);
  return hostTensor("float32", shape, Array.from({ length }, (_, index) => Math.sin(index * 1.7)));
};

/** The host's own computation of a graph. */
function expected(graph: Graph, inputs: Readonly<Record<string, HostTensor>>): HostTensor[] {
  const known = new Map(Object.entries(inputs).map(([name, tensor]) => [name, knownType(tensor)]));
  const { types } = inferTypes(graph, known);
  return graph.outputs.map(({ name }) => {
    const { dtype, shape, value } = types.get(name)!;
    return { dtype, shape, data: value! };
  });
}

async function open(graph: Graph, runtime: Runtime, maxPlans?: number): Promise<Runner> {
  const model = await loadModel(new Uint8Array(fileOf(graph)));
  return new Runner(runtime, model, maxPlans === undefined ? {} : { maxPlans });
}

Deno.test("Runner.run() plans once for each set of shapes", needsGpu, async () => {
  using runtime = await Runtime.open();
  using runner = await open(dynamicNetwork(), runtime);
  for (const shape of [[1, 3, 8, 8], [2, 3, 5, 9], [1, 3, 8, 8], [2, 3, 5, 9]]) {
    const inputs = { x: waves(...shape) };
    const [actual] = Object.values(await runner.run(inputs));
    assertClose(actual!, expected(dynamicNetwork(), inputs)[0]!, { relative: 1e-4, absolute: 1e-4 });
  }
  assert.equal(runner.plannings, 2);
});

Deno.test("Runner.run() forgets the shapes unused for longest", needsGpu, async () => {
  using runtime = await Runtime.open();
  using runner = await open(dynamicNetwork(), runtime, 2);
  const plannings: number[] = [];
  for (const height of [4, 5, 4, 6, 4, 5]) {
    await runner.run({ x: waves(1, 3, height, 4) });
    plannings.push(runner.plannings);
  }
  assert.deepEqual(plannings, [1, 2, 2, 3, 3, 4]);
});

Deno.test("Runner.run() takes calls that overlap in turn", needsGpu, async () => {
  using runtime = await Runtime.open();
  using runner = await open(dynamicNetwork(), runtime);
  const samples = [1, 2, 3].map((batch) => ({ x: waves(batch, 3, 4, 4) }));
  const results = await Promise.all(samples.map((inputs) => runner.run(inputs)));
  results.forEach((result, place) =>
    assertClose(Object.values(result)[0]!, expected(dynamicNetwork(), samples[place]!)[0]!, {
      relative: 1e-4,
      absolute: 1e-4,
    })
  );
});

Deno.test("Runner.run() plans anew where the contents of an input decide shapes", needsGpu, async () => {
  const b = new GraphBuilder();
  b.input("x", [2, 6]);
  b.input("shape", [2], "int64");
  const graph = { ...b.untyped(), outputs: outputs(b.node("Relu", [b.node("Reshape", ["x", "shape"])])) };
  using runtime = await Runtime.open();
  using runner = await open({ ...graph, nodes: b.untyped().nodes }, runtime);
  const shapes: number[][] = [];
  for (const target of [[3, 4], [12, 1], [3, 4]]) {
    const [output] = Object.values(await runner.run({ x: waves(2, 6), shape: hostTensor("int64", [2], target) }));
    shapes.push([...output!.shape]);
  }
  assert.deepEqual(shapes, [[3, 4], [12, 1], [3, 4]]);
  assert.equal(runner.plannings, 2);
});

Deno.test("Runner.run() gives boxes whose number depends on data", needsGpu, async () => {
  using runtime = await Runtime.open();
  using runner = await open(detector(), runtime);
  const inputs = { x: waves(1, 2, 4, 4) };
  const found = await runner.run(inputs);
  assert.deepEqual(Object.keys(found), ["boxes", "scores", "classes"]);
  const [boxes, scores, classes] = expected(detector(), inputs);
  assert.ok(boxes!.shape[0]! > 0);
  assertClose(found["boxes"]!, boxes!, { relative: 1e-4, absolute: 1e-5 });
  assertClose(found["scores"]!, scores!, { relative: 1e-4, absolute: 1e-5 });
  assertClose(found["classes"]!, classes!);
});

Deno.test("Runner.run() takes and gives float16 networks as float32", needsGpu, async () => {
  const b = new GraphBuilder(13, 9);
  b.input("x", [1, 3, 4, 4], "float16");
  b.constant("w", [4, 3, 3, 3], undefined, "float16");
  const conv = b.node("Conv", ["x", "w"]);
  const cast = b.node("Cast", [b.node("Relu", [conv])], { attributes: { to: 10 } });
  const graph: Graph = { ...b.untyped(), outputs: [{ name: cast, dtype: "float16", shape: undefined }] };
  using runtime = await Runtime.open();
  const model = await loadModel(new Uint8Array(fileOf({ ...graph, nodes: b.untyped().nodes })));
  using runner = new Runner(runtime, model);
  const x = waves(1, 3, 4, 4);
  const [given] = Object.values(await runner.run({ x }));
  assert.equal(given!.dtype, "float32");
  // The weights as the file has them, rounded to halves.
  const halves = model.graph.initializers.get("w")!;
  assert.notDeepEqual(halves.data, b.untyped().initializers.get("w")!.data);
  const float = new GraphBuilder();
  float.input("x", [1, 3, 4, 4]);
  const same = float.node("Relu", [float.node("Conv", ["x", float.constant("w", [4, 3, 3, 3], halves.data)])]);
  const reference = { ...float.untyped(), outputs: outputs(same) };
  assertClose(given!, expected(reference, { x })[0]!, { relative: 1e-4, absolute: 1e-5 });
});

Deno.test("Runner.run() says what is wrong with inputs", needsGpu, async () => {
  using runtime = await Runtime.open();
  const graph = dynamicNetwork();
  const twice = { name: "other", dtype: "float32", shape: ["N", 3, "H", "W"] } as const;
  using runner = await open({ ...graph, inputs: [...graph.inputs, twice] }, runtime);
  const x = waves(1, 3, 4, 4);
  assert.throws(() => runner.run({ x, y: x }), /Cannot run model: it has no input "y", expected "x", "other"/);
  assert.throws(() => runner.run({ x }), /Cannot run model: input "other" is missing/);
  assert.throws(
    () => runner.run({ x, other: waves(1, 3, 4, 5) }),
    /input "other" has shape \[1, 3, 4, 5\], expected \[1, 3, 4, 4\]/,
  );
  assert.throws(
    () => runner.run({ x: hostTensor("int64", [1], [0]), other: x }),
    /input "x" is int64, expected float32/,
  );
  const foreign = { dtype: "float32", shape: [1], data: BigInt64Array.of(0n) } as unknown as HostTensor;
  assert.throws(() => runner.run({ x: foreign, other: x }), /input "x" is a BigInt64Array, expected numbers/);
  const short = { ...x, data: x.data.subarray(1) };
  assert.throws(
    () => runner.run({ x: short, other: x }),
    /input "x" has 47 elements, expected 48 for shape \[1, 3, 4, 4\]/,
  );
});
