import assert from "node:assert/strict";
import { ModelError, UsageError } from "../../src/base/errors.ts";
import type { Candidate } from "../../src/quantize/candidate.ts";
import { calibrate, type CalibrationOptions } from "../../src/quantize/default_quantization.ts";
import { prepare, type Prepared, type PrepareOptions } from "../../src/quantize/prepare.ts";
import { buildQdq } from "../../src/quantize/qdq.ts";
import { WeightCodes } from "../../src/quantize/weight_codes.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { evaluateOnHost, HostStatistics } from "../fixtures/host_statistics.ts";
import { chainOfConvolutions, concatNetwork, drawSamples, residualNetwork } from "../fixtures/networks.ts";

interface Outcome {
  readonly prepared: Prepared;
  readonly candidate: Candidate;
  readonly source: HostStatistics;
}

async function quantize(
  b: GraphBuilder,
  options: CalibrationOptions = {},
  prepareOptions: PrepareOptions = {},
): Promise<Outcome> {
  const prepared = prepare(b.typed(), prepareOptions);
  const source = new HostStatistics(prepared.graph, drawSamples(prepared.graph, 5));
  return { prepared, source, candidate: await calibrate(prepared, source, options) };
}

function idOf({ prepared }: Outcome, value: string): number {
  return prepared.layout.quantizers.find((quantizer) => quantizer.value === value)!.id;
}

Deno.test("calibrate() gives parameters to every quantizer, and codes and values to every constant", async () => {
  const { prepared, candidate } = await quantize(residualNetwork());
  const { quantizers } = prepared.layout;
  const constants = quantizers.filter(({ kind }) => kind !== "activation").map(({ id }) => id).toSorted((a, b) =>
    a - b
  );
  assert.deepEqual([...candidate.parameters.keys()].toSorted((a, b) => a - b), quantizers.map(({ id }) => id));
  assert.deepEqual([...candidate.codes.keys()].toSorted((a, b) => a - b), constants);
  assert.deepEqual([...candidate.tensors.keys()].toSorted((a, b) => a - b), constants);
});

Deno.test("calibrate() keeps quantized weights within half a step of the float ones", async () => {
  const { prepared, candidate } = await quantize(residualNetwork());
  for (const { id, value, kind } of prepared.layout.quantizers) {
    if (kind !== "weight") continue;
    const float = prepared.graph.initializers.get(value)!;
    const step = Math.max(...candidate.parameters.get(id)!.scale);
    candidate.tensors.get(id)!.data.forEach((quantized: number, index: number) =>
      assert.ok(Math.abs(quantized - float.data[index]!) <= step * 0.5001)
    );
  }
});

Deno.test("calibrate() gives a bias int32 codes of input scale times weight scale", async () => {
  const outcome = await quantize(chainOfConvolutions(), { biasCorrection: false });
  const { parameters, codes, tensors } = outcome.candidate;
  const [input, weight, bias] = ["relu", "c2_w", "c2_b"].map((value) => idOf(outcome, value)) as [
    number,
    number,
    number,
  ];
  const inputScale = parameters.get(input)!.scale[0]!;
  const weightScale = parameters.get(weight)!.scale;
  const original = outcome.prepared.graph.initializers.get("c2_b")!;
  assert.equal(codes.get(bias)!.dtype, "int32");
  parameters.get(bias)!.scale.forEach((scale, channel) => {
    assert.equal(scale, Math.fround(inputScale * weightScale[channel]!));
    assert.equal(codes.get(bias)!.data[channel], Math.round(Math.fround(original.data[channel]! / scale)));
    assert.equal(tensors.get(bias)!.data[channel], Math.fround(codes.get(bias)!.data[channel]! * scale));
  });
});

Deno.test("calibrate() raises the weight scale of a channel whose bias would overflow int32", async () => {
  const b = new GraphBuilder();
  b.constant("w", [2, 1, 1, 1], [1e-3, 1]);
  b.constant("bias", [2], [1e6, 1]);
  b.output(b.node("Conv", [b.input("x", [1, 1, 2, 2]), "w", "bias"], { name: "c" }));
  const outcome = await quantize(b, { biasCorrection: false });
  const bias = idOf(outcome, "bias");
  const { codes, tensors } = outcome.candidate;
  assert.ok(Math.abs(codes.get(bias)!.data[0]!) < 2 ** 31 - 1, "saturated");
  assert.ok(Math.abs(tensors.get(bias)!.data[0]! / 1e6 - 1) < 1e-6);
  const scale = outcome.candidate.parameters.get(idOf(outcome, "w"))!.scale;
  assert.equal(scale[1], Math.fround(1 / 127));
});

Deno.test("calibrate() shares parameters among the inputs of a Concat, zero aligned", async () => {
  const outcome = await quantize(concatNetwork(), { preset: "mixed" });
  const [set] = outcome.prepared.unified;
  const [first, second] = set!.map((id) => outcome.candidate.parameters.get(id)!);
  assert.deepEqual(first, second);
  assert.ok(first!.zeroPoint[0]! > 0);
});

Deno.test("calibrate() makes biases absorb the shift of quantized weights", async () => {
  // Weights that all round down: without correction every output falls short by the same amount.
  const build = () => {
    const b = new GraphBuilder();
    b.constant("w", [1, 4, 1, 1], [1.27, 0.0149, 0.0149, 0.0149]);
    b.constant("bias", [1], [1]);
    b.output(b.node("Conv", [b.input("x", [1, 4, 4, 4]), "w", "bias"], { name: "c", outputs: ["y"] }));
    return b;
  };
  const meanError = async (options: CalibrationOptions) => {
    const { prepared, candidate } = await quantize(build(), options);
    const int8 = buildQdq(prepared, [candidate], [0]);
    let error = 0;
    for (const sample of drawSamples(prepared.graph, 5)) {
      const [float, quantized] = [prepared.graph, int8].map((graph) => evaluateOnHost(graph, sample).get("y")!.data);
      float!.forEach((value: number, index: number) => error += (value - quantized![index]!) / (5 * float!.length));
    }
    return Math.abs(error);
  };
  const [plain, modelled, measured] = await Promise.all([
    meanError({ biasCorrection: false }),
    meanError({}),
    meanError({ biasCorrection: { outputMean: "measured" } }),
  ]);
  assert.ok(plain! > 2e-3, `nothing to correct: ${plain}`);
  assert.ok(modelled! < plain! / 4 && measured! < plain! / 4, `${plain} → ${modelled}, ${measured}`);
});

Deno.test("calibrate() asks for means only when it corrects biases", async () => {
  const without = await quantize(chainOfConvolutions(), { biasCorrection: false });
  const corrected = await quantize(chainOfConvolutions());
  assert.deepEqual([without.source.passes, corrected.source.passes], [1, 2]);
});

Deno.test("calibrate() corrects the constant behind a MatMul without giving it codes", async () => {
  const b = new GraphBuilder();
  b.constant("w", [4, 3]);
  b.constant("shift", [3], [1, 2, 3]);
  b.output(
    b.node("Add", [b.node("MatMul", [b.input("x", [2, 4]), "w"], { name: "product" }), "shift"], { name: "add" }),
  );
  const outcome = await quantize(b);
  const shift = idOf(outcome, "shift");
  const { codes, parameters, tensors } = outcome.candidate;
  assert.deepEqual([codes.has(shift), parameters.has(shift)], [false, false]);
  assert.notDeepEqual([...tensors.get(shift)!.data], [1, 2, 3]);
  const int8 = buildQdq(outcome.prepared, [outcome.candidate], [0]);
  const add = int8.nodes.find(({ name }) => name === "add")!;
  assert.deepEqual(int8.initializers.get(add.inputs[1]!), tensors.get(shift));
});

Deno.test("calibrate() halves the codes of the first convolutions, or of all layers, when saturation is to be fixed", async () => {
  const scales = async (saturationFix?: "first_layer" | "all" | "no") => {
    const outcome = await quantize(chainOfConvolutions(), saturationFix ? { saturationFix } : {});
    return ["c1_w", "c2_w"].map((value) => outcome.candidate.parameters.get(idOf(outcome, value))!.scale[0]!);
  };
  const [plain, no, first, all] = await Promise.all([scales(), scales("no"), scales("first_layer"), scales("all")]);
  assert.deepEqual(plain, no);
  assert.deepEqual(first, [2 * plain![0]!, plain![1]!]);
  assert.deepEqual(all, [2 * plain![0]!, 2 * plain![1]!]);
});

Deno.test("calibrate() halves no codes for devices that do not saturate", async () => {
  for (const targetDevice of ["GPU", "NPU"] as const) {
    const scales = async (saturationFix: "no" | "all") => {
      const outcome = await quantize(chainOfConvolutions(), { saturationFix, targetDevice });
      return outcome.candidate.parameters.get(idOf(outcome, "c1_w"))!.scale;
    };
    assert.deepEqual(await scales("all"), await scales("no"));
  }
});

Deno.test("calibrate() makes both operands of a product of activations symmetric in transformers", async () => {
  const b = new GraphBuilder();
  const left = b.node("Tanh", [b.input("p", [2, 2])], { outputs: ["left"] });
  const right = b.node("Tanh", [b.input("q", [2, 2])], { outputs: ["right"] });
  const product = b.node("MatMul", [left, right], { name: "product" });
  b.constant("w", [2, 2]);
  b.output(b.node("MatMul", [b.node("Tanh", [product], { outputs: ["mid"] }), "w"], { name: "head" }));
  const outcome = await quantize(b, { preset: "mixed" }, { modelType: "transformer" });
  const lowest = ["left", "right", "mid"].map((value) => outcome.candidate.parameters.get(idOf(outcome, value))!.low);
  assert.deepEqual(lowest, [-128, -128, 0]);
});

Deno.test("calibrate() limits ranges to the clipping values", async () => {
  const outcome = await quantize(chainOfConvolutions(), {
    preset: "mixed",
    activationRange: { max: { clippingValue: 0.5 }, min: { clippingValue: -0.25 } },
  });
  const { scale, zeroPoint } = outcome.candidate.parameters.get(idOf(outcome, "x"))!;
  assert.equal(scale[0], Math.fround(0.75 / 255));
  assert.equal(zeroPoint[0], 85);
});

Deno.test("calibrate() quantizes a constant input of a Concat with the scale of the others", async () => {
  const b = new GraphBuilder();
  const x = b.node("Tanh", [b.input("x", [1, 2, 2, 2])], { outputs: ["t"] });
  b.constant("token", [1, 1, 2, 2], [0.1, 3, -0.2, 0.3]);
  const joined = b.node("Concat", [x, "token"], { name: "join", attributes: { axis: 1 } });
  b.constant("w", [2, 3, 1, 1]);
  b.output(b.node("Conv", [joined, "w"], { name: "c", outputs: ["y"] }));
  const outcome = await quantize(b);
  const token = idOf(outcome, "token");
  assert.deepEqual(outcome.prepared.unified, [[idOf(outcome, "t"), token].toSorted((a, b) => a - b)]);
  assert.equal(outcome.candidate.parameters.get(token)!.scale[0], Math.fround(3 / 127));
  assert.deepEqual([...outcome.candidate.codes.get(token)!.data], [4, 127, -8, 13]);
});

Deno.test("calibrate() refuses another granularity than the graph was prepared for", async () => {
  await assert.rejects(
    quantize(chainOfConvolutions(), { weights: { granularity: "pertensor" } }),
    (error) => error instanceof UsageError && /prepared for "perchannel"/.test(error.message),
  );
  const { prepared, candidate } = await quantize(chainOfConvolutions(), { weights: { granularity: "pertensor" } }, {
    weightGranularity: "pertensor",
  });
  const weight = prepared.layout.quantizers.find(({ kind }) => kind === "weight")!;
  assert.equal(candidate.parameters.get(weight.id)!.scale.length, 1);
});

Deno.test("calibrate() names the initializer with NaN in it", async () => {
  const b = new GraphBuilder();
  b.constant("broken", [1, 1, 1, 1], [NaN]);
  b.output(b.node("Conv", [b.input("x", [1, 1, 2, 2]), "broken"], { name: "c" }));
  const prepared = prepare(b.typed());
  const ranges = { min: Float64Array.of(0), max: Float64Array.of(1), absMax: Float64Array.of(1) };
  const source = {
    ranges: () => Promise.resolve(new Map([["x", ranges]])),
    channelMeans: () => Promise.resolve(new Map([["x", Float64Array.of(0)]])),
    histograms: () => Promise.resolve(),
  };
  await assert.rejects(
    calibrate(prepared, source),
    (error) => error instanceof ModelError && /constant "broken": element 0 is NaN/.test(error.message),
  );
});

Deno.test("calibrate() labels a candidate with its preset unless told otherwise", async () => {
  const labels = await Promise.all(
    [{}, { preset: "mixed" }, { label: "mine" }].map(async (options) =>
      (await quantize(chainOfConvolutions(), options as CalibrationOptions)).candidate.label
    ),
  );
  assert.deepEqual(labels, ["performance", "mixed", "mine"]);
});

Deno.test("calibrate() takes the extremes of all samples where a sample has few elements, and their mean elsewhere", async () => {
  for (const [elements, isMean] of [[2, false], [16, true]] as const) {
    const b = new GraphBuilder();
    const x = b.input("x", [1, elements]);
    b.output(b.node("MatMul", [x, b.constant("w", [elements, 3])]));
    const outcome = await quantize(b);
    const { absMax } = (await outcome.source.ranges(["x"])).get("x")!;
    const mean = absMax.reduce((sum, one) => sum + one, 0) / absMax.length;
    const expected = isMean ? mean : Math.max(...absMax);
    const { scale, low, high } = outcome.candidate.parameters.get(idOf(outcome, "x"))!;
    assert.ok(Math.abs(scale[0]! * Math.max(-low - 1, high) - expected) < 1e-5, `${elements} elements`);
    assert.ok(Math.max(...absMax) > 1.01 * mean);
  }
});

Deno.test("calibrate() shares the tensors of weights that two candidates quantize alike, and only those", async () => {
  const { prepared, source } = await quantize(residualNetwork());
  const weights = new WeightCodes();
  const [first, mixed, narrow] = [
    await calibrate(prepared, source, {}, weights),
    await calibrate(prepared, source, { preset: "mixed" }, weights),
    await calibrate(prepared, source, { weights: { bits: 7 } }, weights),
  ];
  const ids = prepared.layout.quantizers.filter(({ kind }) => kind === "weight").map(({ id }) => id);
  for (const id of ids) {
    assert.equal(mixed!.tensors.get(id), first!.tensors.get(id));
    assert.equal(mixed!.codes.get(id), first!.codes.get(id));
    assert.notDeepEqual(narrow!.codes.get(id)!.data, first!.codes.get(id)!.data);
  }
});
