/**
 * Matrix products of codes whose results stay float are those of integer kernels: the sum as a whole number, times one float32 unit. Float32
 * sums of dequantized operands have other last digits nearly everywhere.
 */
import assert from "node:assert/strict";
import { FLOAT } from "../../src/base/precision.ts";
import { createRandom } from "../../src/base/random.ts";
import { type HostTensor, hostTensor } from "../../src/base/tensor.ts";
import type { Quantizer, QuantizerLayout } from "../../src/graph/quantizer.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { type CandidateData, Session } from "../../src/run/session.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);

/** A matrix of codes with what one of them is worth: one scale, or one for each column. */
interface Codes {
  readonly rows: number;
  readonly columns: number;
  readonly codes: readonly number[];
  readonly scale: readonly number[];
}

const random = createRandom(11);

/** Codes from -127 to 127; those of rows from `filled` on are zero. */
function drawCodes(rows: number, columns: number, scale: readonly number[], filled = rows): Codes {
  const codes = Array.from(
    { length: rows * columns },
    (_, place) => place < filled * columns ? Math.floor(255 * random()) - 127 : 0,
  );
  return { rows, columns, codes, scale: scale.map(Math.fround) };
}

function columnScales(columns: number): number[] {
  return Array.from({ length: columns }, () => 1e-3 + 3e-3 * random());
}

function scaleOf({ scale }: Codes, column: number): number {
  return scale[column % scale.length]!;
}

function dequantized({ rows, columns, codes, ...own }: Codes): HostTensor {
  const data = Float32Array.from(
    codes,
    (code, place) => code * scaleOf({ rows, columns, codes, ...own }, place % columns),
  );
  return hostTensor("float32", [rows, columns], data);
}

/** Sums of products of codes, in order of rows. */
function sumsOf(a: Codes, b: Codes): number[] {
  return Array.from({ length: a.rows * b.columns }, (_, place) => {
    const [row, column] = [Math.floor(place / b.columns), place % b.columns];
    let sum = 0;
    for (let k = 0; k < a.columns; k++) sum += a.codes[row * a.columns + k]! * b.codes[k * b.columns + column]!;
    return sum;
  });
}

function unitsOf(a: Codes, b: Codes): Float32Array {
  return Float32Array.from({ length: b.columns }, (_, column) => scaleOf(a, 0) * scaleOf(b, column));
}

function parameters(scale: number): CandidateData {
  return {
    parameters: { scale: Float32Array.of(scale), zeroPoint: Int32Array.of(0), low: -128, high: 127 },
  };
}

/** A network with one group, whose candidate 0 has codes. */
interface Network {
  readonly builder: GraphBuilder;
  readonly quantizers: readonly Omit<Quantizer, "id" | "name" | "group">[];
  readonly data: readonly CandidateData[];
  readonly inputs: Readonly<Record<string, HostTensor>>;
}

/** The output of a network, in candidate 0 unless stated. */
async function outputOf({ builder, quantizers, data, inputs }: Network, state = 0): Promise<number[]> {
  const own = quantizers.map((one, id): Quantizer => ({ ...one, id, name: one.value, group: 0 }));
  const layout: QuantizerLayout = {
    quantizers: own,
    groups: [{ id: 0, name: "all", quantizers: own.map(({ id }) => id), nodes: ["product"] }],
  };
  const plan = buildPlan(builder.typed(), own, { target: gpu!.kernelTarget });
  using session = await Session.create(gpu!, pipelines!, plan, layout);
  session.setCandidate(0, new Map(data.entries()));
  for (const [name, tensor] of Object.entries(inputs)) session.writeInput(name, tensor);
  session.run([state]);
  const [output] = await session.read();
  return Array.from(output!.data);
}

const X_SCALE = 0.013;

/** Terms of a sum that are not zero, at most: with more of them, float32 could not tell whole numbers. */
const FILLED = 300;

/** x · w + bias, as MatMul and Add or as Gemm, whose bias has codes. */
function layer(type: "MatMul" | "Gemm", { rows = 7, depth = 300, columns = 20 } = {}) {
  const x = drawCodes(rows, depth, [X_SCALE]);
  const w = drawCodes(depth, columns, columnScales(columns), FILLED);
  const units = unitsOf(x, w);
  const biasCodes = Array.from({ length: columns }, () => Math.floor(2000 * random()) - 1000);
  const bias = Float32Array.from(biasCodes, (code, column) => type === "Gemm" ? code * units[column]! : random() - 0.5);
  const builder = new GraphBuilder(13);
  builder.input("x", [rows, depth]);
  builder.constant("w", [depth, columns]);
  builder.constant("bias", [columns]);
  const adder = type === "Gemm" ? { node: "product", input: 2 } : { node: "sum", input: 1 };
  builder.output(
    type === "Gemm"
      ? builder.node("Gemm", ["x", "w", "bias"], { name: "product" })
      : builder.node("Add", [builder.node("MatMul", ["x", "w"], { name: "product" }), "bias"], { name: "sum" }),
  );
  const network: Network = {
    builder,
    quantizers: [
      { value: "x", kind: "activation", consumers: [{ node: "product", input: 0 }] },
      { value: "w", kind: "weight", consumers: [{ node: "product", input: 1 }], channelAxis: 1 },
      { value: "bias", kind: "bias", consumers: [adder], channelAxis: 0 },
    ],
    data: [
      parameters(Math.fround(X_SCALE)),
      { tensor: dequantized(w) },
      { tensor: hostTensor("float32", [columns], bias), units },
    ],
    inputs: { x: dequantized(x) },
  };
  const expected = sumsOf(x, w).map((sum, place) => {
    const column = place % columns;
    const unit = units[column]!;
    return type === "Gemm"
      ? Math.fround((sum + biasCodes[column]!) * unit)
      : Math.fround(Math.fround(sum * unit) + bias[column]!);
  });
  return { network, expected };
}

const test = (name: string, fn: () => Promise<void>) => Deno.test({ name: `Session.run() ${name}`, ignore: !gpu, fn });

test("sums up a MatMul and an Add as an integer product and a float bias", async () => {
  const { network, expected } = layer("MatMul");
  assert.deepEqual(await outputOf(network), expected);
});

test("sums up a Gemm as an integer product with an integer bias", async () => {
  const { network, expected } = layer("Gemm");
  assert.deepEqual(await outputOf(network), expected);
});

for (const type of ["MatMul", "Gemm"] as const) {
  test(`sums up a ${type} in slices as in one`, async () => {
    const { network, expected } = layer(type, { rows: 1, depth: 70000, columns: 8 });
    const { steps } = buildPlan(network.builder.typed(), [], { target: gpu!.kernelTarget });
    assert.ok(steps.some(({ dispatch }) => dispatch.shader.name === "sum_slices"));
    assert.deepEqual(await outputOf(network), expected);
  });
}

test("leaves the sums of float operands what they are", async () => {
  const { network } = layer("MatMul", { rows: 2, depth: 3, columns: 4 });
  const operand = (name: string, shape: readonly number[]) =>
    [
      name,
      hostTensor("float32", shape, Float32Array.from({ length: shape[0]! * shape[1]! }, () => 1e-7 * random())),
    ] as const;
  const [name, x] = operand("x", [2, 3]);
  const { builder } = network;
  builder.constant("w", [3, 4], new Array(12).fill(1));
  builder.constant("bias", [4], [0, 0, 0, 0]);
  const found = await outputOf({ ...network, inputs: { [name]: x } }, FLOAT);
  const expected = found.map((_, place) => {
    const [a, b, c] = x.data.slice(3 * Math.floor(place / 4)) as Float32Array as unknown as [number, number, number];
    return Math.fround(Math.fround(a + b) + c);
  });
  assert.deepEqual(found, expected);
});

/** a · bᵀ of two activations, whose codes a Transpose moves. */
function activations(
  a: Codes,
  b: Codes,
  behind?: { readonly scale: number },
): Network {
  const builder = new GraphBuilder(13);
  builder.input("a", [a.rows, a.columns]);
  builder.input("b", [b.columns, b.rows]);
  const turned = builder.node("Transpose", ["b"], { name: "turn", attributes: { perm: [1, 0] } });
  const product = builder.node("MatMul", ["a", turned], { name: "product" });
  builder.output(behind ? builder.node("Neg", [product], { name: "negated" }) : product);
  const flat = dequantized(b);
  const data = Float32Array.from(
    flat.data,
    (_, place) => flat.data[place % b.rows * b.columns + Math.floor(place / b.rows)]!,
  );
  return {
    builder,
    quantizers: [
      { value: "a", kind: "activation", consumers: [{ node: "product", input: 0 }] },
      {
        value: "b",
        kind: "activation",
        consumers: [{ node: "turn", input: 0 }],
        carriedTo: [{ node: "product", input: 1 }],
      },
      ...behind ? [{ value: product, kind: "activation" as const, consumers: [{ node: "negated", input: 0 }] }] : [],
    ],
    data: [a, b].map(({ scale }) => parameters(scale[0]!)).concat(behind ? [parameters(behind.scale)] : []),
    inputs: { a: dequantized(a), b: hostTensor("float32", [b.columns, b.rows], data) },
  };
}

test("sums up products of two activations as integers", async () => {
  const [a, b] = [drawCodes(9, 300, [0.017]), drawCodes(300, 12, [0.029])];
  const [unit] = unitsOf(a, b) as unknown as [number];
  const expected = sumsOf(a, b).map((sum) => Math.fround(sum * unit));
  assert.deepEqual(await outputOf(activations(a, b)), expected);
});

test("rounds products of two activations to codes with one factor", async () => {
  const odd = [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23];
  const even = (value: number) => Math.round(value / 2) * 2;
  const rounded = (value: number) => value % 1 === 0.5 ? even(value) : Math.round(value);
  for (;;) {
    const [aScale, bScale] = [Math.fround(0.01 + random() / 50), Math.fround(0.01 + random() / 50)];
    const unit = Math.fround(aScale * bScale);
    // All results lie in the middle between two codes, but for rounding.
    const scale = Math.fround(2 * aScale * bScale);
    const codes = odd.map((sum) => rounded(Math.fround(sum * Math.fround(unit / scale))));
    const throughFloat = odd.map((sum) => rounded(Math.fround(Math.fround(sum * unit) / scale)));
    if (codes.every((code, place) => code === throughFloat[place])) continue;
    const a = { rows: 1, columns: 1, codes: [1], scale: [aScale] };
    const b = { rows: 1, columns: odd.length, codes: odd, scale: [bScale] };
    assert.deepEqual(await outputOf(activations(a, b, { scale })), codes.map((code) => -Math.fround(code * scale)));
    return;
  }
});
