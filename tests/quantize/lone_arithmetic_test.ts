import assert from "node:assert/strict";
import { prepare, type PrepareOptions } from "../../src/quantize/prepare.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

function conv(b: GraphBuilder, name: string, x: string): string {
  b.constant(`${name}_w`, [4, 4, 1, 1]);
  return b.node("Conv", [x, `${name}_w`], { name, outputs: [name] });
}

/** Two convolutions, their sum, and what `behind` puts behind it. */
function graphOf(behind: (b: GraphBuilder, sum: string) => string): GraphBuilder {
  const b = new GraphBuilder();
  const x = b.input("x", [1, 4, 4, 4]);
  const sum = b.node("Add", [conv(b, "left", x), conv(b, "right", x)], { name: "add", outputs: ["sum"] });
  return b.output(behind(b, sum));
}

function quantizedNodes(b: GraphBuilder, options: PrepareOptions = {}): string[] {
  return prepare(b.typed(), options).layout.groups.flatMap(({ nodes }) => nodes).sort();
}

const softmax = (b: GraphBuilder, sum: string) => b.node("Softmax", [sum], { name: "softmax" });

Deno.test("prepare() leaves a sum in float when only float operators read it", () => {
  const b = graphOf(softmax);
  assert.deepEqual(quantizedNodes(b), ["left", "right"]);
  assert.equal(prepare(b.typed()).skipped.get("add"), "arithmetic that runtimes compute in float");
});

Deno.test("prepare() quantizes such a sum when asked for lone arithmetic, as POT does", () => {
  assert.deepEqual(quantizedNodes(graphOf(softmax), { loneArithmetic: true }), ["add", "left", "right"]);
});

Deno.test("prepare() quantizes a sum when a convolution reads it behind activation and pooling", () => {
  const b = graphOf((b, sum) => {
    const relu = b.node("Relu", [sum]);
    return conv(b, "last", b.node("MaxPool", [relu], { attributes: { kernel_shape: [2, 2] } }));
  });
  assert.deepEqual(quantizedNodes(b), ["add", "last", "left", "right"]);
});

Deno.test("prepare() quantizes a sum that also leaves the network", () => {
  const b = graphOf((b, sum) => b.node("Tanh", [softmax(b, sum)]));
  b.output("sum");
  assert.deepEqual(quantizedNodes(b), ["add", "left", "right"]);
});

Deno.test("prepare() leaves a chain of lone arithmetic in float as a whole", () => {
  const b = graphOf((b, sum) => {
    const product = b.node("Mul", [sum, "right"], { name: "mul" });
    return softmax(b, b.node("Sub", [product, "left"], { name: "sub" }));
  });
  assert.deepEqual(quantizedNodes(b), ["left", "right"]);
});

Deno.test("prepare() leaves the quotient of two activations in float, unless asked for lone arithmetic", () => {
  const b = new GraphBuilder();
  const x = b.input("x", [1, 4, 4, 4]);
  const quotient = b.node("Div", [conv(b, "left", x), conv(b, "right", x)], { name: "div" });
  b.output(conv(b, "last", quotient));
  assert.deepEqual(quantizedNodes(b), ["last", "left", "right"]);
  assert.deepEqual(quantizedNodes(b, { loneArithmetic: true }), ["div", "last", "left", "right"]);
});
