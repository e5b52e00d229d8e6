/** Chains of elementwise operators: which nodes they take, and that they compute what the nodes do one by one. */
import assert from "node:assert/strict";
import { elementCount, hostTensor } from "../../src/base/tensor.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import type { Graph } from "../../src/graph/graph.ts";
import type { Quantizer } from "../../src/graph/quantizer.ts";
import { inferTypes, type TypedGraph } from "../../src/ops/infer.ts";
import { buildPlan } from "../../src/plan/build.ts";
import type { Epilogue, Plan } from "../../src/plan/plan.ts";
import { Session } from "../../src/run/session.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);
const SHAPE = [2, 3, 4, 6];

/** Nodes that make a tensor out of one. */
type Body = (builder: GraphBuilder, x: string) => string;

function typed(graph: Graph): TypedGraph {
  return inferTypes(
    graph,
    new Map(graph.inputs.map(({ name, dtype, shape }) => [name, { dtype, shape: shape!.map(Number) }])),
  );
}

const number = (builder: GraphBuilder, value: number, shape: readonly number[] = []) =>
  builder.constant(`number ${value} ${shape}`, shape, [value]);

const CHAINS: Readonly<Record<string, Body>> = {
  "a scaled hard swish, which reads a value twice"(builder, x) {
    const scaled = builder.node("Add", [builder.node("Mul", [number(builder, 1.3), x]), number(builder, -0.2, [1])]);
    const shifted = builder.node("Add", [scaled, number(builder, 3)]);
    const gate = builder.node("Clip", [shifted, number(builder, 0), number(builder, 6)]);
    return builder.node("Div", [builder.node("Mul", [scaled, gate]), number(builder, 6, [1, 1])]);
  },
  "a gelu of single elements and vectors"(builder, x) {
    const erf = builder.node("Erf", [builder.node("Div", [x, number(builder, Math.SQRT2)])]);
    const half = builder.node("Mul", [x, number(builder, 0.5)]);
    return builder.node("Mul", [half, builder.node("Add", [number(builder, 1), erf])]);
  },
  "operators with numbers of their own, and numbers in front"(builder, x) {
    const selu = builder.node("Selu", [x], { attributes: { alpha: 0.7, gamma: 1.2 } });
    const celu = builder.node("Celu", [builder.node("Sub", [number(builder, 0.5), selu])], {
      attributes: { alpha: 1.7 },
    });
    return builder.node("Div", [number(builder, 2), builder.node("Exp", [celu])]);
  },
  "the square of a sum with itself"(builder, x) {
    const twice = builder.node("Add", [x, x]);
    return builder.node("Mul", [twice, twice]);
  },
};

function networkOf(body: Body): GraphBuilder {
  const builder = new GraphBuilder(13);
  return builder.output(body(builder, builder.input("x", SHAPE)));
}

/** The same network with all its values as outputs, so that each is computed by itself. */
function oneByOne(graph: Graph): Graph {
  const { types } = typed(graph);
  const others = graph.nodes.map(({ outputs }) => outputs[0]!).filter((name) => name !== graph.outputs[0]!.name);
  return { ...graph, outputs: [...graph.outputs, ...others.map((name) => ({ name, ...types.get(name)! }))] };
}

function chainsOf(plan: Plan): (readonly string[])[] {
  return plan.steps.filter(({ dispatch }) => dispatch.shader.name === "chain4").map(({ nodes }) => nodes);
}

async function outputOf(plan: Plan, shape = SHAPE as readonly number[]) {
  using session = await Session.create(gpu!, pipelines!, plan);
  const values = Float32Array.from({ length: elementCount(shape) }, (_, index) => (index * 37 % 144 - 72) / 12);
  session.writeInput("x", hostTensor("float32", shape, values));
  session.run();
  return (await session.read())[0]!.data;
}

for (const [name, body] of Object.entries(CHAINS)) {
  Deno.test({
    name: `buildPlan() computes ${name} in one pass, with the same bits`,
    ignore: !gpu,
    async fn() {
      const graph = networkOf(body).build();
      const plan = buildPlan(typed(graph));
      assert.equal(plan.steps.length, 1);
      assert.equal(chainsOf(plan)[0]!.length, graph.nodes.length);
      const single = buildPlan(typed(oneByOne(graph)));
      assert.deepEqual(chainsOf(single), []);
      assert.deepEqual(await outputOf(plan), await outputOf(single));
    },
  });
}

/** Kernels that store in quads, and one by one; the last over planes of an odd number of elements. */
const PRODUCERS: Readonly<Record<string, { readonly shape: readonly number[]; readonly make: Body }>> = {
  "a convolution": { shape: SHAPE, make: convolve },
  "a pool": { shape: SHAPE, make: (builder, x) => builder.node("GlobalAveragePool", [x]) },
  "a convolution over rows of 5": { shape: [2, 3, 3, 5], make: convolve },
};

function convolve(builder: GraphBuilder, x: string): string {
  const weight = builder.constant("weight", [3, 3, 1, 1], [1, 0.5, -2, 0.25, 3, -1, 0.7, -0.3, 1.1]);
  return builder.node("Conv", [x, weight], { name: "conv" });
}

for (const [producer, { shape, make }] of Object.entries(PRODUCERS)) {
  for (const [name, body] of Object.entries(CHAINS)) {
    Deno.test({
      name: `buildPlan() computes ${name} in the store of ${producer}, with the same bits`,
      ignore: !gpu,
      async fn() {
        const builder = new GraphBuilder(13);
        const graph = builder.output(body(builder, make(builder, builder.input("x", shape)))).build();
        const plan = buildPlan(typed(graph));
        assert.deepEqual(plan.steps.at(-1)!.nodes.toSorted(), graph.nodes.map((node) => node.name).toSorted());
        assert.deepEqual(await outputOf(plan, shape), await outputOf(buildPlan(typed(oneByOne(graph))), shape));
      },
    });
  }
}

/** What a store does, in order: names of activations, numbers of quantizers, whether there is a residual. */
function orderOf({ activation0, quantizer0, residual, activation1, quantizer1 }: Epilogue) {
  return [activation0.kind, quantizer0, residual ? "residual" : "", activation1.kind, quantizer1];
}

/** Stores of a convolution whose chain `twice → thrice` comes at different places. */
const STORES: Readonly<
  Record<string, {
    readonly build: (builder: GraphBuilder, chain: Body, other: string) => string;
    readonly quantizers: readonly (readonly [value: string, node: string])[];
    readonly order: ReturnType<typeof orderOf>;
  }>
> = {
  "a chain in front of a residual add": {
    build: (builder, chain, other) => builder.node("Add", [chain(builder, "made"), other], { name: "sum" }),
    quantizers: [["thrice", "sum"]],
    order: ["chain", 0, "residual", "none", undefined],
  },
  "a chain of quantized values": {
    build: (builder, chain) => builder.node("Relu", [chain(builder, "made")], { name: "end" }),
    quantizers: [["made", "twice"], ["end", "pool"]],
    order: ["none", 0, "", "chain", 1],
  },
  "a chain behind a residual add": {
    build: (builder, chain, other) => chain(builder, builder.node("Add", ["made", other], { name: "sum" })),
    quantizers: [["thrice", "pool"]],
    order: ["none", undefined, "residual", "chain", 0],
  },
};

for (const [name, { build, quantizers, order }] of Object.entries(STORES)) {
  Deno.test(`buildPlan() puts ${name} into the store of a convolution`, () => {
    const builder = new GraphBuilder(13);
    const [x, other] = [builder.input("x", SHAPE), builder.input("other", SHAPE)];
    builder.node("Conv", [x, builder.constant("weight", [3, 3, 1, 1], new Array(9).fill(1))], {
      name: "conv",
      outputs: ["made"],
    });
    const chain: Body = (builder, value) => {
      builder.node("Mul", [value, number(builder, 2)], { name: "twice", outputs: ["twice"] });
      return builder.node("Mul", ["twice", number(builder, 3)], { name: "thrice", outputs: ["thrice"] });
    };
    const end = build(builder, chain, other);
    builder.node("GlobalAveragePool", [end], { name: "pool", outputs: ["pooled"] });
    const placed = quantizers.map(([value, node], id) => ({
      ...quantizer("activation", value === "end" ? end : value, node, 0),
      id,
    }));
    const { steps } = buildPlan(typed(builder.output("pooled").build()), placed);
    const step = steps.find(({ nodes }) => nodes[0] === "conv")!;
    assert.ok(step.nodes.includes("thrice"));
    assert.deepEqual(orderOf(step.epilogue), order);
  });
}

Deno.test("buildPlan() adds nothing to a store behind a chain of quantized values", () => {
  const builder = new GraphBuilder(13);
  const [x, other] = [builder.input("x", SHAPE), builder.input("other", SHAPE)];
  const made = convolve(builder, x);
  const doubled = builder.node("Mul", [made, number(builder, 2)], { name: "twice" });
  const end = builder.node("Add", [doubled, other], { name: "sum" });
  const plan = buildPlan(typed(builder.output(end).build()), [quantizer("activation", made, "twice", 0)]);
  assert.deepEqual(plan.steps.map(({ nodes }) => nodes).slice(-2), [["conv", "twice"], ["sum"]]);
});

Deno.test("buildPlan() leaves a chain out of a store whose result others read", () => {
  const builder = new GraphBuilder(13);
  const made = convolve(builder, builder.input("x", SHAPE));
  const scaled = builder.node("Add", [builder.node("Mul", [made, number(builder, 2)]), number(builder, 1)]);
  const pooled = builder.node("GlobalAveragePool", [made]);
  const plan = buildPlan(typed(builder.output(scaled, pooled).build()));
  assert.equal(chainsOf(plan).length, 1);
});

/** x → a → b → c → d, each the one before times a number. */
function products(builder: GraphBuilder): void {
  const names = ["x", "a", "b", "c", "d"];
  builder.input("x", SHAPE);
  names.slice(1).forEach((name, index) =>
    builder.node("Mul", [names[index]!, builder.constant(`by ${name}`, [], [index + 2])], { name, outputs: [name] })
  );
}

Deno.test("buildPlan() ends a chain at a value that others need", () => {
  const builder = new GraphBuilder(13);
  products(builder);
  const sum = builder.node("ReduceSum", ["b", builder.constant("axes", [1], [3], "int64")]);
  const plan = buildPlan(typed(builder.output("d", sum).build()));
  assert.deepEqual(chainsOf(plan), [["a", "b"], ["c", "d"]]);
});

Deno.test("buildPlan() goes on with a chain beside a branch that leads elsewhere", () => {
  const builder = new GraphBuilder(13);
  products(builder);
  const aside = builder.node("Neg", ["x"], { name: "aside" });
  const sum = builder.node("ReduceSum", [aside, builder.constant("axes", [1], [3], "int64")]);
  const graph = builder.output("d", sum).build();
  const nodes = [...graph.nodes].sort((one, other) => Number(other.name === "aside") - Number(one.name === "aside"));
  for (const order of [graph.nodes, [nodes[1]!, nodes[0]!, ...nodes.slice(2)]]) {
    assert.deepEqual(chainsOf(buildPlan(typed({ ...graph, nodes: order }))), [["a", "b", "c", "d"]]);
  }
});

Deno.test("buildPlan() ends a chain at an output of the network", () => {
  const builder = new GraphBuilder(13);
  products(builder);
  const plan = buildPlan(typed(builder.output("b", "d").build()));
  assert.deepEqual(chainsOf(plan), [["a", "b"], ["c", "d"]]);
});

Deno.test("buildPlan() takes operators whose first output nobody asks for", () => {
  const builder = new GraphBuilder(14);
  const weights = [builder.constant("w", [1, 4, 3]), builder.constant("r", [1, 4, 4])];
  builder.node("RNN", [builder.input("x", [2, 1, 3]), ...weights], {
    name: "rnn",
    outputs: ["", "last"],
    attributes: { hidden_size: 4 },
  });
  const plan = buildPlan(typed(builder.output(builder.node("Mul", ["last", number(builder, 2)])).build()));
  assert.ok(plan.steps.some(({ nodes }) => nodes[0] === "rnn"));
});

/** A quantizer of one value with all its readers. */
function quantizer(kind: Quantizer["kind"], value: string, node: string, input: number): Quantizer {
  return { id: 0, name: value, kind, value, group: 0, consumers: [{ node, input }] };
}

Deno.test("buildPlan() quantizes the end of a chain in its store, and nothing within one", () => {
  const builder = new GraphBuilder(13);
  products(builder);
  const network = typed(builder.output("d").build());
  const [step, ...others] = buildPlan(network, [quantizer("activation", "b", "c", 0)]).steps;
  assert.deepEqual([step!.nodes, others.length], [["a", "b", "c", "d"], 0]);
  const { dispatch: { functions }, epilogue } = step!;
  assert.match(functions!, /fn chain_2\(/);
  assert.doesNotMatch(functions!, /fn chain_3\(/);
  assert.deepEqual(orderOf(epilogue), ["none", 0, "", "chain", undefined]);
});

Deno.test("buildPlan() takes no number into a chain that a quantizer changes", () => {
  const builder = new GraphBuilder(13);
  products(builder);
  const { steps } = buildPlan(typed(builder.output("d").build()), [quantizer("weight", "by b", "b", 1)]);
  assert.deepEqual(steps.map(({ dispatch: { shader }, nodes }) => [shader.name, nodes]), [
    ["binary4", ["a"]],
    ["binary4", ["b", "c", "d"]],
  ]);
});

Deno.test("buildPlan() divides a chain that takes more numbers than a pass has room for", () => {
  const builder = new GraphBuilder(13);
  let value = builder.input("x", SHAPE);
  for (let index = 0; index < 80; index++) value = builder.node("Add", [value, number(builder, index)]);
  const plan = buildPlan(typed(builder.output(value).build()));
  // A pass computes one chain, and its store another.
  assert.deepEqual(chainsOf(plan).map((nodes) => nodes.length), [64, 16]);
});

Deno.test("buildPlan() leaves lengths that are no multiples of four, and whole numbers, to passes of their own", () => {
  for (const [shape, dtype] of [[[3, 5], "float32"], [[4, 4], "int32"]] as const) {
    const builder = new GraphBuilder(13);
    const x = builder.input("x", shape, dtype);
    const two = builder.constant("two", [], [2], dtype);
    const plan = buildPlan(
      typed(builder.output(builder.node("Add", [builder.node("Mul", [x, two]), two])).build()),
    );
    assert.deepEqual(chainsOf(plan), []);
  }
});
