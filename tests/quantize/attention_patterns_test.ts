import assert from "node:assert/strict";
import { GraphView } from "../../src/quantize/graph_view.ts";
import { findSkipped } from "../../src/quantize/patterns.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

/** Logits [1, 2, 4, 4] of two activations, with what `mask` makes of them before the softmax. */
function attention(mask: (b: GraphBuilder, logits: string, keep: string) => string): GraphBuilder {
  const b = new GraphBuilder();
  const keep = b.input("keep", [1, 4]);
  const [q, k] = [b.input("q", [1, 2, 4, 8]), b.input("k", [1, 2, 8, 4])];
  const logits = b.node("MatMul", [q, k], { name: "logits" });
  return b.output(b.node("Softmax", [mask(b, logits, keep)], { name: "softmax" }));
}

/** (1 − keep) · lowest, in the shape of the logits. */
function computedMask(b: GraphBuilder, keep: string, lowest: number): string {
  const dropped = b.node("Sub", [b.constant("one", [], [1]), keep], { name: "dropped" });
  const shaped = b.node("Reshape", [dropped, b.constant("shape", [4], [1, 1, 1, 4], "int64")], { name: "shaped" });
  return b.node("Mul", [shaped, b.constant("lowest", [], [lowest])], { name: "mask" });
}

function maskNodes(b: GraphBuilder): string[] {
  const skipped = findSkipped(new GraphView(b.typed()));
  return [...skipped].flatMap(([name, reason]) => reason === "attention mask" ? [name] : []).sort();
}

for (const lowest of [-10000, -1e9, -3.4028234663852886e38]) {
  Deno.test(`findSkipped() leaves logits and a computed mask of ${lowest} in float`, () => {
    const b = attention((b, logits, keep) =>
      b.node("Add", [logits, computedMask(b, keep, lowest)], { name: "masked" })
    );
    assert.ok(maskNodes(b).includes("masked"));
    const { layout } = prepare(b.typed());
    const values = layout.quantizers.map(({ value }) => value);
    assert.deepEqual(values.filter((value) => value !== "q" && value !== "k"), []);
  });
}

Deno.test("findSkipped() leaves the sum with a constant mask in float, minus infinity included", () => {
  const b = attention((b, logits) => {
    const mask = Array.from({ length: 16 }, (_, place) => place % 4 > place / 4 ? -Infinity : 0);
    return b.node("Add", [b.constant("causal", [1, 1, 4, 4], mask), logits], { name: "masked" });
  });
  assert.deepEqual(maskNodes(b), ["masked"]);
});

Deno.test("findSkipped() takes a choice between a huge negative constant and zero for a mask", () => {
  const b = attention((b, logits, keep) => {
    const isKept = b.node("Cast", [keep], { attributes: { to: 9 } });
    const choice = b.node("Where", [isKept, b.constant("zero", [], [0]), b.constant("lowest", [], [-1e9])], {
      name: "choice",
    });
    return b.node("Add", [logits, choice], { name: "masked" });
  });
  assert.deepEqual(maskNodes(b), ["choice", "masked"]);
});

Deno.test("findSkipped() takes no ordinary bias of logits for a mask", () => {
  const b = attention((b, logits) => b.node("Add", [logits, b.constant("bias", [1, 1, 4, 4])], { name: "biased" }));
  assert.deepEqual(maskNodes(b), []);
});

Deno.test("findSkipped() leaves the division of a vector by its length in float", () => {
  for (const spelling of ["Mul", "Pow"]) {
    const b = new GraphBuilder();
    const x = b.input("x", [1, 8]);
    const square = spelling === "Mul"
      ? b.node("Mul", [x, x], { name: "square" })
      : b.node("Pow", [x, b.constant("two", [], [2])], { name: "square" });
    const sum = b.node("ReduceSum", [square, b.constant("axes", [1], [1], "int64")], { name: "sum" });
    const root = b.node("Sqrt", [sum], { name: "root" });
    b.output(b.node("Div", [x, root], { name: "unit" }));
    const skipped = findSkipped(new GraphView(b.typed()));
    for (const name of ["square", "sum", "root", "unit"]) assert.ok(skipped.has(name), `${spelling}: ${name}`);
  }
});

Deno.test("findSkipped() does not take the division of one value by the length of another for a unit vector", () => {
  const b = new GraphBuilder();
  const [x, y] = [b.input("x", [1, 8]), b.input("y", [1, 8])];
  const square = b.node("Mul", [y, y], { name: "square" });
  const sum = b.node("ReduceSum", [square, b.constant("axes", [1], [1], "int64")], { name: "sum" });
  b.output(b.node("Div", [x, b.node("Sqrt", [sum], { name: "root" })], { name: "unit" }));
  assert.deepEqual([...findSkipped(new GraphView(b.typed())).keys()], []);
});

/** Softmax of logits times values [1, 2, 4, 8], which `project` makes of [1, 4, 16]. */
function attendedValues(project: (b: GraphBuilder, v: string) => string): Set<string> {
  const b = new GraphBuilder();
  const weights = b.node("Softmax", [b.input("logits", [1, 2, 4, 4])], { name: "softmax" });
  const values = project(b, b.node("Tanh", [b.input("v", [1, 4, 16])]));
  b.output(b.node("MatMul", [weights, values], { name: "attend" }));
  return new Set(findSkipped(new GraphView(b.typed())).keys());
}

function heads(b: GraphBuilder, v: string): string {
  const split = b.node("Reshape", [v, b.constant("heads", [4], [1, 4, 2, 8], "int64")], { name: "split" });
  return b.node("Transpose", [split], { name: "turn", attributes: { perm: [0, 2, 1, 3] } });
}

Deno.test("findSkipped() leaves the product of softmax and projected values in float, as POT does", () => {
  const skipped = attendedValues((b, v) => heads(b, b.node("Add", [v, b.constant("bias", [16])], { name: "add" })));
  assert.deepEqual([...skipped].sort(), ["add", "attend", "split", "turn"]);
});

Deno.test("findSkipped() quantizes the product of softmax and values without a bias, as POT does", () => {
  assert.deepEqual([...attendedValues(heads)], []);
});
