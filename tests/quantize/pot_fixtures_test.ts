/** What POT's own tests say of small graphs (tools/pot, tests/test_graph.py), with graphs of the same shape. */
import assert from "node:assert/strict";
import { prepare, type PrepareOptions } from "../../src/quantize/prepare.ts";
import { narrowedWeights } from "../../src/quantize/saturation.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

function conv(b: GraphBuilder, name: string, x: string, channels: readonly [number, number] = [4, 4]): string {
  b.constant(`${name}_w`, [channels[1], channels[0], 1, 1]);
  return b.node("Conv", [x, `${name}_w`], { name, outputs: [name] });
}

/** `value → consumer:input …` of every quantizer that is no bias. */
function sites(b: GraphBuilder, options: PrepareOptions = {}): string[] {
  const { layout } = prepare(b.typed(), options);
  return layout.quantizers.flatMap(({ kind, value, consumers }) =>
    kind === "bias" ? [] : [`${value} → ${consumers.map(({ node, input }) => `${node}:${input}`).join(" ")}`]
  );
}

/** Four convolutions to be ignored, each behind its own activation. */
function fourBranches(b: GraphBuilder): string[] {
  const x = b.node("Sigmoid", [b.input("x", [1, 4, 4, 4])]);
  return ["c8", "c9", "c10", "c11"].map((name) =>
    b.node("MaxPool", [conv(b, name, x)], {
      name: `pool_${name}`,
      outputs: [`p_${name}`],
      attributes: { kernel_shape: [1, 1] },
    })
  );
}

const FOUR = { ignored: { scope: ["c8", "c9", "c10", "c11"] } } as const;

Deno.test("prepare() has 2 quantizers where a branch in float keeps those of four ignored convolutions from climbing", () => {
  const b = new GraphBuilder();
  const joined = b.node("Concat", fourBranches(b), { name: "join", outputs: ["joined"], attributes: { axis: 1 } });
  b.output(conv(b, "c13", joined, [16, 4]), b.node("Softmax", [joined]));
  assert.deepEqual(sites(b, FOUR), ["joined → c13:0", "c13_w → c13:1"]);
});

Deno.test("prepare() has 6 quantizers where those of four ignored convolutions climb over one Concat into another", () => {
  const b = new GraphBuilder();
  const [p8, p9, p10, p11] = fourBranches(b) as [string, string, string, string];
  const inner = b.node("Concat", [p8, p9], { name: "n12", attributes: { axis: 1 } });
  const outer = b.node("Concat", [p10, p11, inner], { name: "n14", attributes: { axis: 1 } });
  b.output(conv(b, "c15", outer, [16, 4]), conv(b, "c16", outer, [16, 4]));
  const found = sites(b, FOUR);
  assert.equal(found.length, 6);
  assert.deepEqual(found.filter((site) => site.includes("pool_")), [
    "c8 → pool_c8:0",
    "c9 → pool_c9:0",
    "c10 → pool_c10:0",
    "c11 → pool_c11:0",
  ]);
  assert.deepEqual(prepare(b.typed(), FOUR).unified.map((set) => set.length), [4]);
});

Deno.test("prepare() puts no quantizer in front of ignored operators that move values", () => {
  const b = new GraphBuilder();
  const pool = b.node("MaxPool", [
    b.node("Relu", [conv(b, "first", b.input("x", [1, 4, 4, 4]))], { outputs: ["relu"] }),
  ], {
    name: "pool",
    outputs: ["pooled"],
    attributes: { kernel_shape: [1, 1] },
  });
  const shape = b.constant("shape", [4], [1, 4, 16, 1], "int64");
  const flat = b.node("Reshape", [pool, shape], { name: "flat", outputs: ["flat"] });
  b.output(conv(b, "second", conv(b, "reader", flat)));
  assert.ok(sites(b).some((site) => site.includes("pool:0")), "they climb unless ignored");
  const ignored = { operations: [{ type: "MaxPool" }, { type: "Reshape" }] };
  assert.deepEqual(sites(b, { ignored }), [
    "x → first:0",
    "first_w → first:1",
    "reader → second:0",
    "second_w → second:1",
  ]);
});

for (const inputs of [1, 3]) {
  Deno.test(`narrowedWeights() finds the first convolution behind each of ${inputs} inputs`, () => {
    const b = new GraphBuilder();
    const names = Array.from({ length: inputs }, (_, place) => `first${place}`);
    const branches = names.map((name, place) => conv(b, name, b.node("Relu", [b.input(`x${place}`, [1, 4, 4, 4])])));
    const joined = b.node("Concat", branches, { name: "join", attributes: { axis: 1 } });
    b.output(conv(b, "last", b.node("Relu", [joined]), [4 * inputs, 4]));
    const { view, layout } = prepare(b.typed());
    const narrowed = narrowedWeights(view, layout.quantizers, "first_layer");
    assert.deepEqual([...narrowed].map((id) => layout.quantizers[id]!.value), names.map((name) => `${name}_w`));
  });
}

/** Weights behind a Concat that is scaled and shifted by channel, which no convolution before can take up. */
function scaledConcat(): GraphBuilder {
  const b = new GraphBuilder();
  const x = b.node("Relu", [b.input("x", [1, 4, 4, 4])], { outputs: ["relu"] });
  const joined = b.node("Concat", [conv(b, "c1", x), conv(b, "c2", x)], {
    outputs: ["joined"],
    attributes: { axis: 1 },
  });
  b.constant("scale", [1, 8, 1, 1]);
  b.constant("shift", [1, 8, 1, 1]);
  const shifted = b.node("Add", [b.node("Mul", ["scale", joined], { name: "mul" }), "shift"], { name: "add" });
  return b.output(conv(b, "c3", b.node("Relu", [shifted], { outputs: ["normal"] }), [8, 4]));
}

Deno.test("prepare() quantizes the data of a scale and shift but not its constants, as POT does, with lone arithmetic", () => {
  const found = sites(scaledConcat(), { loneArithmetic: true });
  assert.deepEqual(found.filter((site) => !site.includes("_w")), [
    "relu → c1:0 c2:0",
    "c1 → concat3:0",
    "c2 → concat3:1",
    "normal → c3:0",
  ]);
});

Deno.test("prepare() leaves a scale and shift in float otherwise: nothing quantized reads the product", () => {
  const found = sites(scaledConcat());
  assert.deepEqual(found.filter((site) => !site.includes("_w")), ["relu → c1:0 c2:0", "normal → c3:0"]);
});
