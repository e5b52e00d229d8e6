import assert from "node:assert/strict";
import { type ReadNetwork, readQuantizers } from "../../src/passes/read_quantizers.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { calibrate } from "../../src/quantize/default_quantization.ts";
import { buildQdq } from "../../src/quantize/qdq.ts";
import { GraphBuilder, inputTypes } from "../fixtures/graph_builder.ts";
import { HostStatistics } from "../fixtures/host_statistics.ts";
import { chainOfConvolutions, drawSamples, residualNetwork } from "../fixtures/networks.ts";
import { addCodes, addDequantize, addPair, addQuantize, type PairOptions } from "../fixtures/qdq_pairs.ts";

function read(b: GraphBuilder): ReadNetwork {
  const found = readQuantizers(b.typed());
  assert.ok(found, "nothing was read");
  return found;
}

function nodesOf({ graph }: ReadNetwork): string[] {
  return graph.nodes.map(({ type, inputs }) => `${type}(${inputs.join()})`);
}

/** Quantizers as texts: value, what reads it, and the data. */
function quantizersOf({ layout, data }: ReadNetwork): string[] {
  return layout.quantizers.map(({ id, kind, value, consumers }) => {
    const own = data.get(id)!;
    const content = "parameters" in own
      ? [own.parameters.scale[0], own.parameters.zeroPoint[0], own.parameters.low, own.parameters.high]
      : own.units;
    return `${kind} ${value} → ${consumers.map(({ node, input }) => `${node}:${input}`).join(" ")} [${[...content]}]`;
  });
}

Deno.test("readQuantizers() makes a quantizer of a pair: its value, its readers, its codes", () => {
  for (const [dtype, low, high] of [["uint8", 0, 255], ["int8", -128, 127]] as const) {
    const b = new GraphBuilder();
    const quantized = addPair(b, b.node("Relu", [b.input("x", [2, 3])], { name: "relu" }), {
      scale: 0.5,
      zeroPoint: 7,
      dtype,
    });
    b.output(b.node("Tanh", [quantized], { name: "a" }), b.node("Add", [quantized, quantized], { name: "b" }));
    const found = read(b);
    assert.deepEqual(nodesOf(found), ["Relu(x)", "Tanh(relu_out)", "Add(relu_out,relu_out)"]);
    assert.deepEqual(quantizersOf(found), [`activation relu_out → a:0 b:0 b:1 [0.5,7,${low},${high}]`]);
    assert.deepEqual([...found.graph.initializers.keys()], []);
    assert.deepEqual(found.layout.groups, [{ id: 0, name: "a", quantizers: [0], nodes: ["a", "b"] }]);
  }
});

Deno.test("readQuantizers() takes scales without a zero point as uint8 from zero", () => {
  const b = new GraphBuilder();
  b.constant("scale", [1], [0.25]);
  const codes = b.node("QuantizeLinear", [b.input("x", [4]), "scale"]);
  b.output(b.node("Tanh", [b.node("DequantizeLinear", [codes, "scale"])], { name: "tanh" }));
  assert.deepEqual(quantizersOf(read(b)), ["activation x → tanh:0 [0.25,0,0,255]"]);
});

Deno.test("readQuantizers() leaves readers of the value itself what they read", () => {
  const b = new GraphBuilder();
  const x = b.input("x", [4]);
  b.output(b.node("Add", [x, addPair(b, x)], { name: "sum" }));
  const found = read(b);
  assert.deepEqual(nodesOf(found), ["Add(x,x)"]);
  assert.deepEqual(quantizersOf(found), ["activation x → sum:1 [0.0625,0,0,255]"]);
});

Deno.test("readQuantizers() makes one quantizer of equal pairs over a value, and of codes dequantized several times", () => {
  const b = new GraphBuilder();
  const x = b.input("x", [4]);
  const codes = addQuantize(b, x);
  const twice = ["one", "two"].map((name) => addDequantize(b, codes, name));
  b.output(
    ...[...twice, addPair(b, x, { name: "three" })].map((value) => b.node("Tanh", [value], { name: `t_${value}` })),
  );
  const [quantizer, ...others] = quantizersOf(read(b));
  assert.equal(quantizer, "activation x → t_one_quantized:0 t_two_quantized:0 t_three_quantized:0 [0.0625,0,0,255]");
  assert.deepEqual(others, []);
});

Deno.test("readQuantizers() drops pairs that change nothing more, behind a pair or behind what only moves elements", () => {
  const b = new GraphBuilder();
  const first = addPair(b, b.input("x", [1, 2, 4, 4]), { zeroPoint: 3 });
  const again = addPair(b, first, { zeroPoint: 3 });
  const pooled = b.node("MaxPool", [again], { name: "pool", attributes: { kernel_shape: [2, 2] } });
  const moved = b.node("Transpose", [addPair(b, pooled, { zeroPoint: 3 })], { name: "turn" });
  const joined = b.node("Concat", [moved, addPair(b, moved, { zeroPoint: 3 })], {
    name: "join",
    attributes: { axis: 0 },
  });
  b.output(b.node("Tanh", [addPair(b, joined, { zeroPoint: 3 })]));
  const found = read(b);
  assert.deepEqual(nodesOf(found), [
    "MaxPool(x)",
    "Transpose(pool_out)",
    "Concat(turn_out,turn_out)",
    "Tanh(join_out)",
  ]);
  assert.deepEqual(quantizersOf(found), ["activation x → pool:0 [0.0625,3,0,255]"]);
});

Deno.test("readQuantizers() keeps a quantizer behind what computes, pads with a number, or joins other scales", () => {
  const b = new GraphBuilder();
  const first = addPair(b, b.input("x", [1, 2, 4, 4]));
  b.constant("pads", [8], [0, 0, 1, 1, 0, 0, 1, 1], "int64");
  b.constant("filling", [], [0.03]);
  const averaged = b.node("AveragePool", [first], { name: "pool", attributes: { kernel_shape: [2, 2] } });
  const padded = b.node("Pad", [first, "pads", "filling"], { name: "pad" });
  const other = addPair(b, b.node("Tanh", [first], { name: "tanh" }), { scale: 0.125 });
  const joined = b.node("Concat", [first, other], { name: "join", attributes: { axis: 0 } });
  b.output(...[averaged, padded, joined].map((value) => b.node("Exp", [addPair(b, value)], { name: `e_${value}` })));
  const found = read(b).layout.quantizers.map(({ value }) => value);
  assert.deepEqual(found, ["x", "pool_out", "pad_out", "tanh_out", "join_out"]);
});

/** Pairs that stay as nodes, as what builds one behind `x` and returns what is read. */
const LEFT: Readonly<Record<string, (b: GraphBuilder, x: string) => string>> = {
  "codes that something else reads": (b, x) => {
    const codes = addQuantize(b, x);
    b.output(b.node("Cast", [codes], { attributes: { to: 6 } }));
    return addDequantize(b, codes, x);
  },
  "codes that leave the network": (b, x) => {
    b.output(`${x}_codes`);
    return addPair(b, x);
  },
  "dequantized values that leave the network": (b, x) => {
    b.output(`${x}_quantized`);
    return addPair(b, x);
  },
  "a scale that is computed": (b, x) => {
    const scale = b.node("ReduceMax", [x], { attributes: { keepdims: 0 } });
    b.constant("zero", [], [0], "uint8");
    return b.node("DequantizeLinear", [b.node("QuantizeLinear", [x, scale, "zero"]), scale, "zero"]);
  },
  "scales along an axis": (b, x) => {
    b.constant("scales", [2], [0.5, 0.25]);
    b.constant("zeros", [2], [0, 0], "uint8");
    const attributes = { axis: 0 };
    const codes = b.node("QuantizeLinear", [x, "scales", "zeros"], { attributes });
    return b.node("DequantizeLinear", [codes, "scales", "zeros"], { attributes });
  },
  "scales along an axis without zero points": (b, x) => {
    b.constant("scales", [2], [0.5, 0.25]);
    const attributes = { axis: 0 };
    const codes = b.node("QuantizeLinear", [x, "scales"], { attributes });
    return b.node("DequantizeLinear", [codes, "scales"], { attributes });
  },
  "scales in blocks": (b, x) => {
    b.constant("scales", [1, 1], [0.5]);
    b.constant("zeros", [1, 1], [0], "uint8");
    const attributes = { axis: 0, block_size: 2 };
    const codes = b.node("QuantizeLinear", [b.node("Slice", [x, ...slices(b)]), "scales", "zeros"], { attributes });
    return b.node("DequantizeLinear", [codes, "scales", "zeros"], { attributes });
  },
  "codes of 16 bits": (b, x) => addPair(b, x, { dtype: "int16" }),
  "another scale behind than before": (b, x) => addDequantize(b, addQuantize(b, x), x, { scale: 0.5 }),
  "another zero point behind than before": (b, x) => addDequantize(b, addQuantize(b, x), x, { zeroPoint: 1 }),
  "a value that is quantized to 16 bits as well": (b, x) => {
    b.output(b.node("Tanh", [addPair(b, x, { dtype: "int16", name: "other" })]));
    return addPair(b, x);
  },
  "two ways over one value": (b, x) => {
    b.output(b.node("Tanh", [addPair(b, x, { scale: 0.5, name: "other" })]));
    return addPair(b, x);
  },
};

/** Bounds that leave one column. */
function slices(b: GraphBuilder): string[] {
  return [["starts", 0], ["ends", 1], ["axes", 1]].map(([name, value]) =>
    b.constant(String(name), [1], [Number(value)], "int64")
  );
}

for (const [what, build] of Object.entries(LEFT)) {
  Deno.test(`readQuantizers() leaves nodes as they are: ${what}`, () => {
    const b = new GraphBuilder(21);
    const x = b.input("x", [2, 3]);
    b.output(b.node("Exp", [build(b, x)]));
    assert.equal(readQuantizers(b.typed()), undefined);
    // Beside a pair that fits they stay the same nodes.
    const beside = addPair(b, b.input("y", [2, 3]));
    b.output(b.node("Exp", [beside], { name: "beside" }));
    const before = b.typed().graph.nodes.filter(({ name }) => !/^(y_|beside)/.test(name));
    const found = read(b);
    assert.deepEqual(found.graph.nodes.filter(({ name }) => name !== "beside"), before);
    assert.deepEqual(quantizersOf(found), ["activation y → beside:0 [0.0625,0,0,255]"]);
  });
}

Deno.test("readQuantizers() leaves a second quantization of another kind to its nodes", () => {
  const b = new GraphBuilder();
  b.output(b.node("Tanh", [addPair(b, addPair(b, b.input("x", [4])), { scale: 0.5 })]));
  const found = read(b);
  assert.deepEqual(found.graph.nodes.map(({ type }) => type), ["QuantizeLinear", "DequantizeLinear", "Tanh"]);
  assert.deepEqual(quantizersOf(found), ["activation x → x_quantized_q:0 [0.0625,0,0,255]"]);
});

Deno.test("readQuantizers() quantizes a value that is the scale of others", () => {
  const b = new GraphBuilder();
  const x = b.input("x", [4]);
  const scale = b.node("ReduceMax", [x], { name: "scale", attributes: { keepdims: 0 } });
  b.output(b.node("QuantizeLinear", [x, scale]), b.node("Tanh", [addPair(b, scale)], { name: "tanh" }));
  const found = read(b);
  assert.deepEqual(nodesOf(found), ["ReduceMax(x)", "QuantizeLinear(x,scale_out)", "Tanh(scale_out)"]);
  assert.deepEqual(quantizersOf(found), ["activation scale_out → tanh:0 [0.0625,0,0,255]"]);
});

Deno.test("readQuantizers() gives nothing for a network without QuantizeLinear", () => {
  const b = new GraphBuilder();
  b.output(b.node("Add", [b.input("x", [2]), addCodes(b, "w", [2], { scale: [0.5] })]));
  assert.equal(readQuantizers(b.typed()), undefined);
});

/** A layer over a quantized input of scale 1/16. */
function layer(
  type: string,
  operands: (b: GraphBuilder) => readonly string[],
  attributes: Readonly<Record<string, number>> = {},
  options: PairOptions & { readonly shape?: readonly number[] } = {},
  opset = 13,
): ReadNetwork {
  const b = new GraphBuilder(opset);
  const x = b.input("x", options.shape ?? [1, 4, 3, 3]);
  b.output(b.node(type, [addPair(b, x, options), ...operands(b)], { name: "layer", attributes }));
  return read(b);
}

Deno.test("readQuantizers() gives weights no quantizer: what was dequantized is the same in float", () => {
  const found = layer("Conv", (b) => [addCodes(b, "w", [2, 4, 1, 1], { scale: [0.5, 0.25], axis: 0 })]);
  assert.deepEqual(found.layout.quantizers.map(({ kind }) => kind), ["activation", "bias"]);
  const { dtype, data, steps } = found.graph.initializers.get("w")!;
  assert.equal(dtype, "float32");
  assert.ok([...data].every((value, index) => Number.isInteger(value / (index < 4 ? 0.5 : 0.25))));
  assert.deepEqual(steps, { dtype: "int8", scale: Float32Array.of(0.5, 0.25), axis: 0 });
});

Deno.test("readQuantizers() gives layers without a bias zeros with the unit of every channel", () => {
  const units = "[0.03125,0.015625]";
  const conv = layer("Conv", (b) => [addCodes(b, "w", [2, 4, 1, 1], { scale: [0.5, 0.25], axis: 0 }), ""]);
  assert.deepEqual(quantizersOf(conv)[1], `bias layer_bias → layer:2 ${units}`);
  assert.deepEqual([...conv.graph.initializers.get("layer_bias")!.data], [0, 0]);
  assert.deepEqual(nodesOf(conv), ["Conv(x,w,layer_bias)"]);
  const gemm = (transB: number, axis: number) =>
    layer("Gemm", (b) => [addCodes(b, "w", [2, 2], { scale: [0.5, 0.25], axis })], { transB }, { shape: [3, 2] });
  assert.equal(quantizersOf(gemm(1, 0))[1], `bias layer_bias → layer:2 ${units}`);
  assert.equal(quantizersOf(gemm(0, -1))[1], `bias layer_bias → layer:2 ${units}`);
  const plain = layer("Gemm", (b) => [addCodes(b, "w", [2, 2], { scale: [0.5], dtype: "uint8" })], {}, {
    shape: [3, 2],
  });
  assert.equal(quantizersOf(plain)[1], "bias layer_bias → layer:2 [0.03125,0.03125]");
});

Deno.test("readQuantizers() repeats the scales of a grouped transposed convolution for every group", () => {
  const found = layer("ConvTranspose", (b) => [addCodes(b, "w", [4, 2, 1, 1], { scale: [0.5, 0.25], axis: 1 })], {
    group: 2,
  });
  assert.equal(quantizersOf(found)[1], "bias layer_bias → layer:2 [0.03125,0.015625,0.03125,0.015625]");
});

Deno.test("readQuantizers() takes an int32 bias with the scale of the products as it is, a copy where others read it", () => {
  const operands = (b: GraphBuilder) => [
    addCodes(b, "w", [2, 4, 1, 1], { scale: [0.5, 0.25], axis: 0 }),
    addCodes(b, "bias", [2], { scale: [1 / 32, 1 / 64], axis: 0, dtype: "int32" }),
  ];
  const found = layer("Conv", operands);
  assert.deepEqual(quantizersOf(found)[1], "bias bias → layer:2 [0.03125,0.015625]");
  assert.deepEqual([...found.graph.initializers.keys()], ["w", "bias"]);
  const shared = layer("Conv", (b) => {
    const own = operands(b);
    b.output(b.node("Conv", ["x", ...own], { name: "float" }));
    return own;
  });
  assert.deepEqual(nodesOf(shared), ["Conv(x,w,bias)", "Conv(x,w,bias_layer)"]);
  assert.equal(shared.graph.initializers.get("bias_layer"), shared.graph.initializers.get("bias"));
});

Deno.test("readQuantizers() gives what is added behind a MatMul the units of its products, a copy where others read it", () => {
  const sum = (others: (b: GraphBuilder) => void) => {
    const b = new GraphBuilder();
    addCodes(b, "w", [4, 2], { scale: [0.5, 0.25], axis: 1 });
    b.constant("bias", [1, 2]);
    const product = b.node("MatMul", [addPair(b, b.input("x", [3, 4])), "w"], { name: "product" });
    b.output(b.node("Add", ["bias", product], { name: "sum" }));
    others(b);
    return read(b);
  };
  assert.deepEqual(quantizersOf(sum(() => {}))[1], "bias bias → sum:0 [0.03125,0.015625]");
  const shared = sum((b) => b.output(b.node("Neg", ["bias"], { name: "other" })));
  assert.deepEqual(quantizersOf(shared)[1], "bias bias_sum → sum:0 [0.03125,0.015625]");
  assert.deepEqual(nodesOf(shared)[1], "Add(bias_sum,product_out)");
});

Deno.test("readQuantizers() tells which operands read codes behind what only moves them", () => {
  const b = new GraphBuilder();
  const turned = b.node("Transpose", [addPair(b, b.input("x", [3, 4]))], { name: "turn" });
  const again = addPair(b, turned);
  b.output(b.node("MatMul", [turned, addPair(b, b.input("y", [3, 4]))], { name: "a" }));
  b.output(b.node("MatMul", ["z", again], { name: "b" }));
  b.input("z", [2, 4]);
  const [x, y] = read(b).layout.quantizers;
  assert.deepEqual(x!.consumers, [{ node: "turn", input: 0 }]);
  assert.deepEqual(x!.carriedTo, [{ node: "a", input: 0 }, { node: "b", input: 1 }]);
  assert.deepEqual(y!.carriedTo, []);
});

/** Layers whose sums are no whole numbers of a unit. */
const WITHOUT_UNITS: Readonly<Record<string, () => ReadNetwork>> = {
  "float weights": () => layer("Conv", (b) => [b.constant("w", [2, 4, 1, 1])]),
  "weights of 16 bits": () => layer("Conv", (b) => [addCodes(b, "w", [2, 4, 1, 1], { scale: [0.5], dtype: "int16" })]),
  "scales along another axis than the output channels": () =>
    layer("Conv", (b) => [addCodes(b, "w", [2, 4, 1, 1], { scale: [1, 2, 3, 4], axis: 1 })]),
  "weights with scales in blocks": () =>
    layer(
      "Gemm",
      (b) => {
        b.constant("codes", [2, 2], [1, 2, 3, 4], "int8");
        b.constant("scales", [2, 1], [0.5, 0.25]);
        return [b.node("DequantizeLinear", ["codes", "scales"], { attributes: { axis: 1, block_size: 2 } })];
      },
      {},
      { shape: [3, 2] },
      21,
    ),
  "a float bias": () =>
    layer("Conv", (b) => [addCodes(b, "w", [2, 4, 1, 1], { scale: [0.5] }), b.constant("bias", [2])]),
  "a bias with another scale": () =>
    layer("Conv", (b) => [
      addCodes(b, "w", [2, 4, 1, 1], { scale: [0.5] }),
      addCodes(b, "bias", [2], { scale: [1 / 33], dtype: "int32" }),
    ]),
  "a bias of 8 bits": () =>
    layer("Conv", (b) => [
      addCodes(b, "w", [2, 4, 1, 1], { scale: [0.5] }),
      addCodes(b, "bias", [2], { scale: [1 / 32] }),
    ]),
  "a bias for all channels": () =>
    layer(
      "Gemm",
      (
        b,
      ) => [addCodes(b, "w", [2, 2], { scale: [0.5] }), addCodes(b, "bias", [1], { scale: [1 / 32], dtype: "int32" })],
      {},
      { shape: [3, 2] },
    ),
  "a factor": () =>
    layer("Gemm", (b) => [addCodes(b, "w", [2, 2], { scale: [0.5] })], { alpha: 0.5 }, { shape: [3, 2] }),
  "an addition that others read around": () => {
    const b = new GraphBuilder();
    addCodes(b, "w", [4, 2], { scale: [0.5] });
    const product = b.node("MatMul", [addPair(b, b.input("x", [3, 4])), "w"]);
    b.output(b.node("Add", [product, b.constant("bias", [2])]), b.node("Tanh", [product]));
    return read(b);
  },
  "an addition of one number": () => {
    const b = new GraphBuilder();
    addCodes(b, "w", [4, 2], { scale: [0.5] });
    const product = b.node("MatMul", [addPair(b, b.input("x", [3, 4])), "w"]);
    b.output(b.node("Add", [product, b.constant("bias", [1])]));
    return read(b);
  },
  "an input that is computed": () => {
    const b = new GraphBuilder();
    const tanh = b.node("Tanh", [addPair(b, b.input("x", [1, 4, 3, 3]))], { name: "tanh" });
    b.output(b.node("Conv", [tanh, addCodes(b, "w", [2, 4, 1, 1], { scale: [0.5] })]));
    return read(b);
  },
};

for (const [what, build] of Object.entries(WITHOUT_UNITS)) {
  Deno.test(`readQuantizers() gives no units to a layer with ${what}`, () => {
    assert.deepEqual(build().layout.quantizers.map(({ kind }) => kind), ["activation"]);
  });
}

Deno.test("readQuantizers() gives units behind what only moves codes, and behind codes that stay nodes", () => {
  const b = new GraphBuilder();
  addCodes(b, "w", [2, 4, 1, 1], { scale: [0.5] });
  const pooled = b.node("MaxPool", [addPair(b, b.input("x", [1, 4, 2, 2]))], { attributes: { kernel_shape: [2, 2] } });
  const stored = addDequantize(b, b.input("codes", [1, 4, 2, 2], "uint8"), "codes", { scale: 0.25 });
  b.output(b.node("Conv", [pooled, "w"], { name: "a" }), b.node("Conv", [stored, "w"], { name: "b" }));
  const found = read(b);
  assert.deepEqual(quantizersOf(found).slice(1), [
    "bias a_bias → a:2 [0.03125,0.03125]",
    "bias b_bias → b:2 [0.125,0.125]",
  ]);
});

for (const [name, build] of Object.entries({ chainOfConvolutions, residualNetwork })) {
  Deno.test(`readQuantizers() finds in an exported network what the quantizer placed: ${name}`, async () => {
    const typed = build().typed();
    const prepared = prepare(typed);
    const source = new HostStatistics(prepared.graph, drawSamples(prepared.graph, 2));
    const candidate = await calibrate(prepared, source);
    const exported = buildQdq(prepared, [candidate], prepared.layout.groups.map(() => 0));
    const found = readQuantizers(inferTypes(exported, inputTypes(exported)))!;
    const edges = (network: Pick<ReadNetwork, "layout">) =>
      network.layout.quantizers.filter(({ kind }) => kind === "activation")
        .map(({ value, consumers }) => `${value} ${consumers.map(({ node, input }) => `${node}:${input}`).toSorted()}`)
        .toSorted();
    assert.deepEqual(edges(found), edges(prepared));
    assert.ok(found.graph.nodes.every(({ type }) => !/quantize/i.test(type)));
    for (const { id, value, kind, consumers } of prepared.layout.quantizers) {
      if (kind !== "bias") continue;
      const own = found.layout.quantizers.find((one) =>
        one.kind === "bias" && one.consumers[0]!.node === consumers[0]!.node
      )!;
      const data = found.data.get(own.id)!;
      assert.ok("units" in data);
      assert.deepEqual(data.units, candidate.parameters.get(id)!.scale, value);
      assert.deepEqual(data.tensor.data, candidate.tensors.get(id)!.data, value);
    }
  });
}
