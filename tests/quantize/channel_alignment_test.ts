import assert from "node:assert/strict";
import { FLOAT } from "../../src/base/precision.ts";
import type { HostTensor } from "../../src/base/tensor.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferTypes, type TypedGraph } from "../../src/ops/infer.ts";
import { factorsOf, findAlignable } from "../../src/quantize/channel_alignment.ts";
import { calibrate } from "../../src/quantize/default_quantization.ts";
import { equalize, type EqualizedNetwork } from "../../src/quantize/equalization.ts";
import { GraphView } from "../../src/quantize/graph_view.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { buildQdq } from "../../src/quantize/qdq.ts";
import { restoreFloat } from "../../src/quantize/weight_edits.ts";
import { GraphBuilder, inputTypes } from "../fixtures/graph_builder.ts";
import { evaluateOnHost, HostStatistics } from "../fixtures/host_statistics.ts";
import { chainOfConvolutions, drawSamples } from "../fixtures/networks.ts";

const OFF = { channelAlignment: false } as const;

interface Attributes {
  readonly [name: string]: number | readonly number[] | { readonly type: "string"; readonly value: string };
}

/** x → first [→ sum with a constant] → second, as the options have them. */
function pair(
  options: {
    readonly first?: { weights: readonly number[]; attributes?: Attributes; bias?: boolean };
    readonly second?: { weights: readonly number[]; attributes?: Attributes; bias?: boolean };
    readonly sum?: readonly number[];
    readonly between?: string;
    readonly more?: (b: GraphBuilder, value: string) => string | undefined;
  } = {},
): GraphBuilder {
  const { first, second, sum, between, more } = options;
  const b = new GraphBuilder();
  let value = conv(b, "first", b.input("x", [1, 3, 6, 6]), first ?? { weights: [4, 3, 1, 1] });
  if (sum) value = b.node("Add", [value, b.constant("sum", sum)], { name: "plus" });
  if (between) value = b.node(between, [value]);
  const result = conv(b, "second", value, second ?? { weights: [5, 4, 1, 1] });
  const extra = more?.(b, value);
  return b.output(result, ...(extra ? [extra] : []));
}

function conv(
  b: GraphBuilder,
  name: string,
  input: string,
  { weights, attributes = {}, bias = true }: { weights: readonly number[]; attributes?: Attributes; bias?: boolean },
): string {
  const inputs = [input, b.constant(`${name}_w`, weights), ...(bias ? [b.constant(`${name}_b`, [weights[0]!])] : [])];
  return b.node("Conv", inputs, { name, outputs: [name], attributes: attributes as never });
}

function pairsOf(builder: GraphBuilder): string[] {
  return findAlignable(new GraphView(builder.typed())).map(({ producer, sum, consumer }) =>
    [producer.name, ...(sum ? [sum.node.name] : []), consumer.name].join(" → ")
  );
}

/** Networks whose two convolutions are, or are not, a pair that POT aligns. */
const PAIRS: Readonly<Record<string, readonly [GraphBuilder, readonly string[]]>> = {
  "convolutions behind each other": [pair(), ["first → second"]],
  "a bias that is added": [pair({ sum: [1, 4, 1, 1] }), ["first → plus → second"]],
  "a kernel of several taps": [pair({ second: { weights: [5, 4, 3, 3] } }), ["first → second"]],
  "a depthwise first convolution": [
    pair({ first: { weights: [3, 1, 1, 1], attributes: { group: 3 } }, second: { weights: [5, 3, 1, 1] } }),
    ["first → second"],
  ],
  "padding of nothing, and what is stated but no different": [
    pair({
      second: {
        weights: [5, 4, 3, 3],
        attributes: { pads: [0, 0, 0, 0], strides: [1, 1], dilations: [1, 1], group: 1 },
      },
    }),
    ["first → second"],
  ],
  "an activation between": [pair({ between: "Relu" }), []],
  "a sum with one constant for all channels": [pair({ sum: [1] }), []],
  "a sum with a constant along another axis": [
    pair({ first: { weights: [6, 3, 1, 1] }, sum: [6], second: { weights: [5, 6, 1, 1] } }),
    [],
  ],
  "padding": [pair({ second: { weights: [5, 4, 3, 3], attributes: { pads: [1, 1, 1, 1] } } }), []],
  "padding by rule": [
    pair({ second: { weights: [5, 4, 3, 3], attributes: { auto_pad: { type: "string", value: "SAME_UPPER" } } } }),
    [],
  ],
  "strides": [pair({ second: { weights: [5, 4, 1, 1], attributes: { strides: [2, 2] } } }), []],
  "dilations": [pair({ second: { weights: [5, 4, 2, 2], attributes: { dilations: [2, 2] } } }), []],
  "groups": [pair({ second: { weights: [4, 2, 1, 1], attributes: { group: 2 } } }), []],
  "a second reader": [pair({ more: (b, value) => b.node("Sigmoid", [value]) }), []],
  "a value that leaves the network": [pair({ more: (_, value) => value }), []],
  "an activation in a chain": [chainOfConvolutions(), []],
};

for (const [name, [builder, expected]] of Object.entries(PAIRS)) {
  Deno.test(`findAlignable() looks at ${name}: ${expected.length} pairs`, () => {
    assert.deepEqual(pairsOf(builder), expected);
  });
}

Deno.test("findAlignable() goes by the names of the second convolutions", () => {
  const b = new GraphBuilder();
  let value = b.input("x", [1, 2, 2, 2]);
  for (const name of ["z", "m", "a"]) value = conv(b, name, value, { weights: [2, 2, 1, 1] });
  assert.deepEqual(pairsOf(b.output(value)), ["m → a", "z → m"]);
});

Deno.test("factorsOf() divides by the median of what is spread at all and keeps within 0.01 to 100", () => {
  assert.deepEqual([...factorsOf(Float64Array.of(2, 4, 0, 8, -1))], [0.5, 1, 1, 2, 1]);
  assert.deepEqual([...factorsOf(Float64Array.of(1, 1, 1e-3, 500))], [1, 1, 0.01, 100]);
  assert.deepEqual([...factorsOf(Float64Array.of(0, 0))], [1, 1]);
});

function inferAgain(graph: Graph): TypedGraph {
  return inferTypes(graph, inputTypes(graph));
}

async function aligned(typed: TypedGraph, samples = 6): Promise<EqualizedNetwork> {
  const source = new HostStatistics(typed.graph, drawSamples(typed.graph, samples));
  const found = await equalize(typed, source, {});
  assert.ok(found);
  assert.equal(source.passes, 1);
  return found;
}

/** Largest difference of any output, as a share of its largest value. */
function difference(a: Graph, b: Graph, seed = 31): number {
  let worst = 0;
  for (const sample of drawSamples(a, 3, seed)) {
    const [before, after] = [evaluateOnHost(a, sample), evaluateOnHost(b, sample)];
    for (const { name } of a.outputs) {
      const wanted = Float64Array.from(before.get(name)!.data);
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      after.get(name)!.data.forEach((value: number, place: number) => {
        worst = Math.max(worst, Math.abs(value - wanted[place]!) / largest);
      });
    }
  }
  return worst;
}

const EQUAL: Readonly<Record<string, GraphBuilder>> = {
  "two convolutions": pair(),
  "a bias that is added": pair({ sum: [1, 4, 1, 1] }),
  "a bias that is added to another": pair({ sum: [4, 1, 1], second: { weights: [5, 4, 2, 3], bias: false } }),
  "no biases": pair({ first: { weights: [4, 3, 3, 3], bias: false }, second: { weights: [5, 4, 3, 3], bias: false } }),
  "a chain of three": (() => {
    const b = new GraphBuilder();
    let value = b.input("x", [1, 4, 4, 4]);
    for (const name of ["b", "c", "a"]) value = conv(b, name, value, { weights: [4, 4, 1, 1] });
    return b.output(value);
  })(),
  "weights that both share": (() => {
    const b = new GraphBuilder();
    b.constant("w", [3, 3, 1, 1]);
    const first = b.node("Conv", [b.input("x", [1, 3, 4, 4]), "w"], { name: "first" });
    return b.output(b.node("Conv", [first, "w"], { name: "second" }));
  })(),
};

for (const [name, builder] of Object.entries(EQUAL)) {
  Deno.test(`equalize() leaves what the network computes as it is: ${name}`, async () => {
    const typed = builder.typed();
    const { graph, aligned: names } = await aligned(typed);
    assert.ok(names.size > 0);
    assert.ok(difference(typed.graph, graph) < 2e-6);
  });
}

Deno.test("equalize() subtracts means and divides by factors as POT does", async () => {
  const b = new GraphBuilder();
  b.constant("first_w", [2, 1, 1, 1], [2, -8]);
  b.constant("first_b", [2], [1, 10]);
  b.constant("second_w", [1, 2, 1, 2], [1, 3, 5, 7]);
  b.constant("second_b", [1], [0.5]);
  const first = b.node("Conv", [b.input("x", [1, 1, 1, 3]), "first_w", "first_b"], { name: "first" });
  b.output(b.node("Conv", [first, "second_w", "second_b"], { name: "second" }));
  const typed = b.typed();
  const sample = new Map([["x", { dtype: "float32", shape: [1, 1, 1, 3], data: Float32Array.of(0, 1, 2) }]]) as never;
  const { graph } = (await equalize(typed, new HostStatistics(typed.graph, [sample]), {}))!;
  // Channels are 1, 3, 5 and 10, 2, −6: means 3 and 2, spreads 4 and 16 less the same share, whose median is 10 of such.
  const values = (name: string) =>
    [...graph.initializers.get(name)!.data].map((value) => Math.round(value * 1e4) / 1e4);
  assert.deepEqual(values("first_w_equalized"), [5, -5]);
  assert.deepEqual(values("first_b_equalized"), [-5, 5]);
  assert.deepEqual(values("second_w_equalized"), [0.4, 1.2, 8, 11.2]);
  assert.deepEqual(values("second_b_equalized"), [0.5 + (1 + 3) * 3 + (5 + 7) * 2]);
});

Deno.test("equalize() does nothing where nothing is asked for or nothing fits, and makes no pass then", async () => {
  for (const [builder, options] of [[pair(), OFF], [chainOfConvolutions(), {}]] as const) {
    const typed = builder.typed();
    const source = new HostStatistics(typed.graph, drawSamples(typed.graph, 1));
    assert.equal(await equalize(typed, source, options), undefined);
    assert.equal(source.passes, 0);
  }
});

/** Two convolutions whose channels between differ by four orders of magnitude. */
function badlySpread(): TypedGraph {
  const b = new GraphBuilder();
  const channels = [0.01, 0.1, 1, 10, 100, 0.03, 0.3, 3];
  const random = new GraphBuilder(13, 5);
  random.constant("w", [8, 3, 1, 1]);
  const drawn = Float32Array.from(random.untyped().initializers.get("w")!.data);
  b.constant(
    "first_w",
    [8, 3, 1, 1],
    Float32Array.from(drawn, (value, index) => value * channels[Math.floor(index / 3)]!),
  );
  b.constant("first_b", [8], channels.map((reach, channel) => reach * (channel % 3 - 1)));
  random.constant("v", [4, 8, 1, 1]);
  const back = Float32Array.from(random.untyped().initializers.get("v")!.data);
  b.constant("second_w", [4, 8, 1, 1], Float32Array.from(back, (value, index) => value / channels[index % 8]!));
  b.constant("second_b", [4]);
  const first = b.node("Conv", [b.input("x", [1, 3, 5, 5]), "first_w", "first_b"], { name: "first" });
  return b.output(b.node("Conv", [first, "second_w", "second_b"], { name: "second" })).typed();
}

async function int8Error(typed: TypedGraph, reference: Graph): Promise<number> {
  const prepared = prepare(typed);
  const source = new HostStatistics(prepared.graph, drawSamples(prepared.graph, 8));
  const candidate = await calibrate(prepared, source);
  return difference(reference, buildQdq(prepared, [candidate], prepared.layout.groups.map(() => 0)));
}

Deno.test("equalize() makes int8 lose a tenth of what it lost on channels that are badly spread", async () => {
  const typed = badlySpread();
  const { graph } = await aligned(typed, 8);
  const before = await int8Error(typed, typed.graph);
  const after = await int8Error(inferAgain(graph), typed.graph);
  assert.ok(before > 0.1 && after < before / 10, `${before} → ${after}`);
});

Deno.test("calibrate() gives aligned convolutions 7 bits where saturation is to be fixed", async () => {
  const { graph, aligned: names } = await aligned(pair().typed());
  const prepared = prepare(inferAgain(graph), { aligned: names });
  const source = new HostStatistics(prepared.graph, drawSamples(prepared.graph, 2));
  const scales = async (saturationFix: "no" | "first_layer") => {
    const { parameters } = await calibrate(prepared, source, { saturationFix });
    const weights = prepared.layout.quantizers.filter(({ kind }) => kind === "weight");
    return weights.map(({ id }) => parameters.get(id)!.scale[0]!);
  };
  const [plain, fixed] = [await scales("no"), await scales("first_layer")];
  assert.deepEqual(fixed.map((scale, place) => scale / plain[place]!), [2, 2]);
});

Deno.test("restoreFloat() gives pairs that are in float their own constants back, bit for bit", async () => {
  const typed = pair({ second: { weights: [5, 4, 1, 1], bias: false } }).typed();
  const edited = await aligned(typed);
  const prepared = prepare(inferAgain(edited.graph), { aligned: edited.aligned });
  const source = new HostStatistics(prepared.graph, drawSamples(prepared.graph, 2));
  const candidate = await calibrate(prepared, source);
  const exported = (assignment: readonly number[]) =>
    restoreFloat(buildQdq(prepared, [candidate], assignment), edited, prepared.layout, assignment);
  const float = exported([FLOAT, FLOAT]);
  assert.deepEqual(float.nodes.map(({ name, inputs }) => [name, ...inputs]), [
    ["first", "x", "first_w", "first_b"],
    ["second", "first", "second_w"],
  ]);
  for (const [name, tensor] of float.initializers) assert.equal(tensor, typed.graph.initializers.get(name), name);
  const half: HostTensor | undefined = exported([FLOAT, 0]).initializers.get("first_w");
  assert.equal(half, undefined, "one of the two in int8 keeps both aligned");
});
