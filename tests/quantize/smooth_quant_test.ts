import assert from "node:assert/strict";
import { FLOAT } from "../../src/base/precision.ts";
import { UsageError } from "../../src/base/errors.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferTypes, type TypedGraph } from "../../src/ops/infer.ts";
import { calibrate } from "../../src/quantize/default_quantization.ts";
import { equalize, type EqualizedNetwork } from "../../src/quantize/equalization.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { buildQdq } from "../../src/quantize/qdq.ts";
import { factorsOf } from "../../src/quantize/smooth_quant.ts";
import { restoreFloat } from "../../src/quantize/weight_edits.ts";
import { GraphBuilder, inputTypes } from "../fixtures/graph_builder.ts";
import { evaluateOnHost, HostStatistics } from "../fixtures/host_statistics.ts";
import { drawSamples } from "../fixtures/networks.ts";

/** Tokens × channels of a small transformer. */
const [TOKENS, CHANNELS] = [5, 8];

/** Reach of each channel: one is far larger than the rest, as in real transformers. */
const REACH = [1, 1.3, 60, 0.8, 1.1, 0.7, 25, 0.9];

interface Case {
  /** From tokens to what leaves the network. */
  readonly build: (b: GraphBuilder, x: string) => string | readonly string[];
  /** Initializers that change, by name. */
  readonly changes: readonly string[];
  /** Products that are put in front. */
  readonly inserts: number;
}

function normalized(b: GraphBuilder, x: string): string {
  b.constant("gamma", [CHANNELS], REACH);
  b.constant("beta", [CHANNELS]);
  return b.node("LayerNormalization", [x, "gamma", "beta"], { name: "norm", attributes: { axis: -1 } });
}

function product(b: GraphBuilder, x: string, name: string, rows = CHANNELS, columns = 6): string {
  b.constant(`${name}_w`, [rows, columns]);
  return b.node("MatMul", [x, `${name}_w`], { name });
}

const CASES: Readonly<Record<string, Case>> = {
  "the scale and shift of a normalization": {
    build: (b, x) => product(b, normalized(b, x), "fc"),
    changes: ["gamma", "beta", "fc_w"],
    inserts: 0,
  },
  "one normalization for several products": {
    build: (b, x) => {
      const y = normalized(b, x);
      return [product(b, y, "q"), product(b, y, "k"), product(b, y, "v")];
    },
    changes: ["gamma", "beta", "q_w", "k_w", "v_w"],
    inserts: 0,
  },
  "a product in front where a residual sum reads the normalization too": {
    build: (b, x) => {
      const y = normalized(b, x);
      return b.node("Add", [y, product(b, y, "fc", CHANNELS, CHANNELS)]);
    },
    changes: ["fc_w"],
    inserts: 1,
  },
  "a product in front where the activation leaves the network": {
    build: (b, x) => {
      const y = normalized(b, x);
      return [y, product(b, y, "fc")];
    },
    changes: ["fc_w"],
    inserts: 1,
  },
  "scale and shift that are written out": {
    build: (b, x) => {
      b.constant("scale", [1, 1, CHANNELS], REACH);
      b.constant("shift", [CHANNELS]);
      const scaled = b.node("Mul", ["scale", b.node("Tanh", [x])], { name: "mul" });
      return product(b, b.node("Add", [scaled, "shift"], { name: "add" }), "fc");
    },
    changes: ["scale", "shift", "fc_w"],
    inserts: 0,
  },
  "the weights and bias of the product before, over a Relu": {
    build: (b, x) => {
      b.constant("bias", [6]);
      const sum = b.node("Add", [product(b, b.node("Tanh", [x]), "first"), "bias"], { name: "sum" });
      return product(b, b.node("Relu", [sum], { name: "relu" }), "second", 6, 3);
    },
    changes: ["first_w", "bias", "second_w"],
    inserts: 1,
  },
  "a product in front of a Gemm behind a function that is not homogeneous": {
    build: (b, x) => {
      b.constant("shape", [2], [-1, TOKENS * CHANNELS], "int64");
      b.constant("w", [3, TOKENS * CHANNELS]);
      b.constant("c", [3]);
      const flat = b.node("Reshape", [b.node("Tanh", [x]), "shape"]);
      return b.node("Gemm", [flat, "w", "c"], { name: "gemm", attributes: { transB: 1 } });
    },
    changes: ["w"],
    inserts: 1,
  },
  "weights and bias of a transposed Gemm": {
    build: (b, x) => {
      b.constant("shape", [2], [-1, TOKENS * CHANNELS], "int64");
      b.constant("w", [4, TOKENS * CHANNELS]);
      b.constant("c", [4]);
      const flat = b.node("Reshape", [x, "shape"]);
      const first = b.node("Gemm", [flat, "w", "c"], { name: "first", attributes: { transB: 1 } });
      return product(b, first, "second", 4, 2);
    },
    changes: ["w", "c", "second_w"],
    inserts: 1,
  },
  "a sum with one number for all channels only by a product in front": {
    build: (b, x) => {
      b.constant("one", [], [0.5]);
      return product(b, b.node("Add", [normalized(b, x), "one"]), "fc");
    },
    changes: ["fc_w"],
    inserts: 1,
  },
  "a normalization with a scale per element only by a product in front": {
    build: (b, x) => {
      b.constant("gamma", [TOKENS, CHANNELS]);
      const y = b.node("LayerNormalization", [x, "gamma"], { name: "norm", attributes: { axis: 1 } });
      return product(b, y, "fc");
    },
    changes: ["fc_w"],
    inserts: 1,
  },
};

/** The seed that ranges are calibrated with. */
const CALIBRATED = 7;

function typedOf(build: Case["build"]): TypedGraph {
  const b = new GraphBuilder(17);
  const result = build(b, b.input("x", [1, TOKENS, CHANNELS]));
  return b.output(...(typeof result === "string" ? [result] : result)).typed();
}

async function smoothed(typed: TypedGraph, alpha?: number): Promise<EqualizedNetwork> {
  const source = new HostStatistics(typed.graph, drawSamples(typed.graph, 6));
  const found = await equalize(typed, source, { smoothQuant: alpha === undefined ? {} : { alpha } });
  assert.ok(found);
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

function inferAgain(graph: Graph): TypedGraph {
  return inferTypes(graph, inputTypes(graph));
}

for (const [name, { build, changes, inserts }] of Object.entries(CASES)) {
  Deno.test(`equalize() smooths by ${name}, and the network computes what it did`, async () => {
    const typed = typedOf(build);
    const { graph, originals, inserted } = await smoothed(typed);
    const changed = [...originals.values()].filter((original) => typed.graph.initializers.has(original));
    assert.deepEqual(changed.sort(), [...changes].sort());
    assert.equal(inserted.size, inserts);
    assert.ok(difference(typed.graph, graph) < 3e-6, `${difference(typed.graph, graph)}`);
  });
}

Deno.test("factorsOf() divides the reach of an activation to alpha by that of weights to the rest", () => {
  const [activations, weights] = [Float64Array.of(16, 1, 0, 9, 4), Float64Array.of(4, 0.25, 1, 0, Infinity)];
  assert.deepEqual([...factorsOf(activations, weights, 0.5)], [2, 2, 1, 1, 1e-5]);
  assert.deepEqual([...factorsOf(activations.slice(0, 2), weights.slice(0, 2), 1)], [16, 1]);
  assert.deepEqual([...factorsOf(activations.slice(0, 2), weights.slice(0, 2), 0)], [0.25, 4]);
});

Deno.test("equalize() gives activations and rows of weights the same reach with alpha 0.5", async () => {
  const typed = typedOf((b, x) => product(b, normalized(b, x), "fc"));
  const { graph } = await smoothed(typed);
  const weights = graph.initializers.get("fc_w_equalized")!;
  const samples = drawSamples(typed.graph, 6).map((sample) => evaluateOnHost(graph, sample).get("norm_out")!.data);
  for (let channel = 0; channel < CHANNELS; channel++) {
    const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs));
    const activation = largest(samples.flatMap((data) => [...data].filter((_, place) => place % CHANNELS === channel)));
    const row = largest([...weights.data].slice(channel * 6, channel * 6 + 6));
    assert.ok(Math.abs(activation / row - 1) < 1e-5, `channel ${channel}: ${activation}, ${row}`);
  }
});

Deno.test("equalize() refuses an alpha that is no share", async () => {
  const typed = typedOf((b, x) => product(b, normalized(b, x), "fc"));
  for (const alpha of [-0.1, 1.1, NaN]) await assert.rejects(smoothed(typed, alpha), UsageError);
});

async function int8(typed: TypedGraph, inserted: ReadonlySet<string> = new Set()) {
  const prepared = prepare(typed, { inserted });
  const source = new HostStatistics(prepared.graph, drawSamples(prepared.graph, 8));
  const activationRange = { max: { aggregator: "max" } } as const;
  return { prepared, candidate: await calibrate(prepared, source, { biasCorrection: false, activationRange }) };
}

/** A product whose weights make the large channels count as much as the others. */
function balancedProduct(b: GraphBuilder, x: string): string {
  const drawn = new GraphBuilder(17, 4);
  drawn.constant("w", [CHANNELS, 6]);
  const weights = Float32Array.from(drawn.untyped().initializers.get("w")!.data);
  b.constant("fc_w", [CHANNELS, 6], weights.map((value, place) => value / REACH[Math.floor(place / 6)]!));
  return b.node("MatMul", [x, "fc_w"], { name: "fc" });
}

for (
  const [name, build] of Object.entries({
    "a normalization": (b: GraphBuilder, x: string) => balancedProduct(b, normalized(b, x)),
    "a product in front": (b: GraphBuilder, x: string) => {
      const y = normalized(b, x);
      return [balancedProduct(b, y), b.node("Softmax", [y])];
    },
  })
) {
  Deno.test(`equalize() makes int8 lose a tenth where few channels are far larger than the rest: ${name}`, async () => {
    const typed = typedOf(build);
    const error = async (one: TypedGraph, inserted?: ReadonlySet<string>) => {
      const { prepared, candidate } = await int8(one, inserted);
      const graph = buildQdq(prepared, [candidate], prepared.layout.groups.map(() => 0));
      return difference(typed.graph, graph, CALIBRATED);
    };
    const { graph, inserted } = await smoothed(typed);
    const [before, after] = [await error(typed), await error(inferAgain(graph), inserted)];
    assert.ok(before > 0.05 && after < before / 10, `${before} → ${after}`);
  });
}

Deno.test("prepare() quantizes behind the product that smoothing put in front, and leaves that in float", async () => {
  const typed = typedOf((b, x) => [product(b, x, "fc"), b.node("Softmax", [x])]);
  const { graph, inserted } = await smoothed(typed);
  const { prepared } = await int8(inferAgain(graph), inserted);
  const activations = prepared.layout.quantizers.filter(({ kind }) => kind === "activation");
  assert.deepEqual(activations.map(({ value }) => value), ["x_smoothed"]);
  assert.deepEqual([...prepared.skipped].filter(([, why]) => why === "smooth quant").map(([node]) => node), [
    "x_smooth",
  ]);
});

Deno.test("restoreFloat() removes the product in front of a product that is in float", async () => {
  const typed = typedOf((b, x) => [product(b, x, "fc"), product(b, b.node("Softmax", [x]), "other")]);
  const edited = await smoothed(typed);
  const { prepared, candidate } = await int8(inferAgain(edited.graph), edited.inserted);
  assert.deepEqual(prepared.layout.groups.map(({ name }) => name), ["fc", "other"]);
  const exported = (assignment: readonly number[]) =>
    restoreFloat(buildQdq(prepared, [candidate], assignment), edited, prepared.layout, assignment);
  const names = (graph: Graph) => graph.nodes.map(({ name }) => name).filter((one) => !one.includes("Linear"));
  assert.deepEqual(names(exported([FLOAT, FLOAT])), names(typed.graph));
  assert.deepEqual(names(exported([FLOAT, 0])), ["fc", "softmax1", "softmax1_out_smooth", "other"]);
  assert.equal(difference(typed.graph, exported([FLOAT, FLOAT])), 0);
});
