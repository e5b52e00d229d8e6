import assert from "node:assert/strict";
import { GraphView } from "../../src/quantize/graph_view.ts";
import { findSkipped } from "../../src/quantize/patterns.ts";
import { findDetectionTails } from "../../src/quantize/skipped.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";

/** Builds on an input `x` of shape [1, 4, 4, 4] and returns what leaves the network. */
type Build = (b: GraphBuilder, x: string) => string | readonly string[];

interface PatternCase {
  readonly build: Build;
  /** Names of the nodes that stay in float. */
  readonly skips: readonly string[];
}

function conv(b: GraphBuilder, name: string, x: string, channels = 4): string {
  b.constant(`${name}_w`, [channels, 4, 1, 1]);
  return b.node("Conv", [x, `${name}_w`], { name });
}

/** An elementwise node with a constant. */
function withConstant(b: GraphBuilder, type: string, name: string, x: string, value = 0.5): string {
  return b.node(type, [x, b.constant(`${name}_k`, [1], [value])], { name });
}

function clip(b: GraphBuilder, name: string, x: string): string {
  return b.node("Clip", [x, b.constant(`${name}_lo`, [], [0]), b.constant(`${name}_hi`, [], [6])], { name });
}

/** Coordinates as Mask R-CNN makes them; with `indexed` a constant column is put beside them. */
function batchIndex(b: GraphBuilder, x: string, indexed: boolean): string {
  const difference = b.node("Sub", [x, b.node("Tanh", [x])], { name: "difference" });
  const size = b.node("Mul", [difference, b.node("Sigmoid", [x])], { name: "size" });
  const shift = b.node("Add", [withConstant(b, "Mul", "scale", size), b.node("Exp", [x])], { name: "shift" });
  const column = b.node("Unsqueeze", [shift, b.constant("axes", [1], [4], "int64")], { name: "unsqueeze" });
  const joined = b.node("Concat", [column, column], { name: "join", attributes: { axis: 4 } });
  const beside = indexed ? b.constant("batch", [1, 4, 4, 4, 1]) : b.node("Softplus", [column], { name: "other" });
  const whole = b.node("Concat", [beside, joined], { name: "index", attributes: { axis: 4 } });
  return b.node("Reshape", [whole, b.constant("shape", [4], [3, 4, 4, 4], "int64")], { name: "grid" });
}

/** Elements of a value gathered by the places that TopK gave, or by constant ones. */
function chosen(b: GraphBuilder, x: string, byRank: boolean): string {
  const places = b.constant("places", [2], [0, 1], "int64");
  const flat = b.node("Reshape", [b.node("Exp", [x]), b.constant("flat", [1], [-1], "int64")]);
  const count = b.constant("k", [1], [2], "int64");
  b.node("TopK", [b.node("Tanh", [flat]), count], { name: "top", outputs: ["best", "ranked"] });
  b.output("best");
  const found = b.node("Cast", ["ranked"], { name: "cast", attributes: { to: 6 } });
  return b.node("Gather", [flat, byRank ? found : places], { name: "gather", attributes: { axis: 0 } });
}

function squeezeExcite(b: GraphBuilder, x: string, gate: string): string {
  const pooled = b.node("ReduceMean", [x], { name: "pool", attributes: { axes: [2, 3] } });
  const squeezed = b.node("Relu", [conv(b, "squeeze", pooled)], { name: "relu" });
  return b.node("Mul", [x, b.node(gate, [conv(b, "excite", squeezed)], { name: "gate" })], { name: "product" });
}

const CASES: Readonly<Record<string, PatternCase>> = {
  "a bias added behind weights": { build: (b, x) => withConstant(b, "Add", "bias", conv(b, "c", x)), skips: ["bias"] },
  "a sum of two activations": { build: (b, x) => b.node("Add", [x, conv(b, "c", x)], { name: "sum" }), skips: [] },
  "swish": {
    build: (b, x) => b.node("Mul", [x, b.node("Sigmoid", [x], { name: "gate" })], { name: "swish" }),
    skips: ["gate", "swish"],
  },
  "hard swish as x · clip(x + 3) / 6": {
    build: (b, x) =>
      withConstant(
        b,
        "Div",
        "sixth",
        b.node("Mul", [x, clip(b, "clip", withConstant(b, "Add", "three", x))], { name: "product" }),
      ),
    skips: ["three", "clip", "product", "sixth"],
  },
  "hard swish as x · (clip(x + 3) / 6)": {
    build: (b, x) =>
      b.node("Mul", [withConstant(b, "Div", "sixth", clip(b, "clip", withConstant(b, "Add", "three", x))), x], {
        name: "product",
      }),
    skips: ["three", "clip", "sixth", "product"],
  },
  "hard swish with HardSigmoid": {
    build: (b, x) => b.node("Mul", [x, b.node("HardSigmoid", [x], { name: "gate" })], { name: "swish" }),
    skips: ["gate", "swish"],
  },
  "hard swish with Relu and Min": {
    build: (b, x) => {
      const relu = b.node("Relu", [withConstant(b, "Add", "three", x)], { name: "relu" });
      return b.node("Mul", [x, withConstant(b, "Mul", "sixth", withConstant(b, "Min", "six", relu))], {
        name: "product",
      });
    },
    skips: ["three", "relu", "six", "sixth", "product"],
  },
  "a product with a gate of another value": {
    build: (b, x) => b.node("Mul", [x, b.node("Sigmoid", [conv(b, "c", x)])], { name: "product" }),
    skips: [],
  },
  "a square": { build: (b, x) => b.node("Mul", [x, x], { name: "square" }), skips: [] },
  "squeeze and excite": {
    build: (b, x) => squeezeExcite(b, x, "Sigmoid"),
    skips: ["squeeze", "relu", "excite", "gate"],
  },
  "squeeze and excite gated by HardSigmoid, which POT quantizes": {
    build: (b, x) => squeezeExcite(b, x, "HardSigmoid"),
    skips: [],
  },
  "a shift behind a product": {
    build: (b, x) => withConstant(b, "Add", "shift", b.node("Mul", [x, b.node("Abs", [x])], { name: "product" })),
    skips: ["shift"],
  },
  "scale and shift behind weights and activation": {
    build: (b, x) =>
      withConstant(b, "Add", "shift", withConstant(b, "Mul", "scale", b.node("Relu", [conv(b, "c", x)]))),
    skips: ["scale", "shift"],
  },
  "scale and shift behind weights and hard swish, which several nodes spell": {
    build: (b, x) => {
      const c = conv(b, "c", x);
      const product = b.node("Mul", [c, clip(b, "clip", withConstant(b, "Add", "three", c))], { name: "product" });
      const swish = withConstant(b, "Div", "sixth", product);
      return withConstant(b, "Add", "shift", withConstant(b, "Mul", "scale", swish));
    },
    skips: ["three", "clip", "product", "sixth", "scale", "shift"],
  },
  "a scale behind weights that others read too": {
    build: (b, x) => {
      const y = conv(b, "c", x);
      return [withConstant(b, "Mul", "scale", y), y];
    },
    skips: [],
  },
  "the network's own normalization of its input": {
    build: (b) => conv(b, "c", withConstant(b, "Div", "std", withConstant(b, "Sub", "mean", "x"))),
    skips: ["mean", "std"],
  },
  "the network's own normalization behind channels turned round": {
    build: (b) => {
      const pieces = ["red", "green", "blue", "alpha"];
      b.node("Split", ["x"], { name: "split", outputs: pieces, attributes: { axis: 1 } });
      const turned = b.node("Concat", [...pieces].reverse(), { name: "turn", attributes: { axis: 1 } });
      return conv(b, "c", withConstant(b, "Add", "shift", withConstant(b, "Mul", "scale", turned)));
    },
    skips: ["scale", "shift"],
  },
  "a scale behind an input joined with another value": {
    build: (b, x) => {
      const joined = b.node("Concat", ["x", x], { name: "join", attributes: { axis: 1 } });
      return withConstant(b, "Mul", "scale", joined);
    },
    skips: [],
  },
  "layer normalization written out": {
    build: (b, x) => {
      const mean = b.node("ReduceMean", [x], { name: "mean", attributes: { axes: [-1] } });
      const centered = b.node("Sub", [x, mean], { name: "centered" });
      const square = withConstant(b, "Pow", "square", centered, 2);
      const variance = b.node("ReduceMean", [square], { name: "variance", attributes: { axes: [-1] } });
      const deviation = b.node("Sqrt", [withConstant(b, "Add", "epsilon", variance)], { name: "root" });
      const normal = b.node("Div", [centered, deviation], { name: "normal" });
      return withConstant(b, "Add", "beta", withConstant(b, "Mul", "gamma", normal));
    },
    skips: ["mean", "centered", "square", "variance", "epsilon", "root", "normal", "gamma", "beta"],
  },
  "softmax in parts": {
    build: (b, x) => {
      const exponential = b.node("Exp", [x], { name: "exp" });
      const sum = b.node("ReduceSum", [exponential], { name: "total" });
      return b.node("Div", [exponential, sum], { name: "quotient" });
    },
    skips: ["total", "quotient"],
  },
  "attention behind a moved softmax": {
    build: (b, x) => {
      const weights = b.node("Transpose", [b.node("Softmax", [x])], {
        name: "turn",
        attributes: { perm: [0, 1, 3, 2] },
      });
      return b.node("MatMul", [weights, b.node("Tanh", [x])], { name: "attend" });
    },
    skips: ["turn", "attend"],
  },
  "attention behind a plain softmax, which POT quantizes": {
    build: (b, x) => b.node("MatMul", [b.node("Softmax", [x]), b.node("Tanh", [x])], { name: "attend" }),
    skips: [],
  },
  "shift, scale and shift to a result": {
    build: (b, x) => {
      const sum = b.node("Add", [b.node("Tanh", [x]), x], { name: "sum" });
      return withConstant(b, "Add", "last", withConstant(b, "Mul", "scale", sum));
    },
    skips: ["scale", "last"],
  },
  "a scale behind Clip": {
    build: (b, x) => withConstant(b, "Mul", "scale", clip(b, "clip", b.node("Tanh", [x]))),
    skips: ["scale"],
  },
  "boxes with the index of their batch before a convolution": {
    build: (b, x) => conv(b, "c", batchIndex(b, x, true)),
    skips: ["difference", "size", "scale", "shift", "unsqueeze", "join", "index", "grid", "c"],
  },
  "boxes without the index of their batch, which POT quantizes": {
    build: (b, x) => conv(b, "c", batchIndex(b, x, false)),
    skips: [],
  },
  "a shift of features cut out for regions": {
    build: (b, x) => {
      b.constant("rois", [2, 4], [0, 0, 2, 2, 1, 1, 3, 3]);
      b.constant("batch", [2], [0, 0], "int64");
      return withConstant(b, "Add", "shift", b.node("RoiAlign", [x, "rois", "batch"], { name: "regions" }));
    },
    skips: ["shift"],
  },
  "a shift of values chosen by TopK": {
    build: (b, x) => withConstant(b, "Add", "shift", chosen(b, x, true)),
    skips: ["shift"],
  },
  "a shift of values chosen otherwise": {
    build: (b, x) => withConstant(b, "Add", "shift", chosen(b, x, false)),
    skips: [],
  },
  "Equal before Not": {
    build: (b, x) => b.node("Not", [b.node("Equal", [x, b.node("Tanh", [x])], { name: "equal" })]),
    skips: ["equal"],
  },
};

for (const [name, { build, skips }] of Object.entries(CASES)) {
  Deno.test(`findSkipped() knows ${name}`, () => {
    const b = new GraphBuilder();
    // A step between the input and the pattern: arithmetic on the input itself is a pattern of its own.
    const x = b.node("Abs", [b.input("x", [1, 4, 4, 4])]);
    const outputs = [build(b, x)].flat();
    const skipped = findSkipped(new GraphView(b.output(...outputs).typed()));
    assert.deepEqual([...skipped.keys()].toSorted(), [...skips].toSorted());
  });
}

Deno.test("findDetectionTails() reaches from TopK up to operators with weights", () => {
  const b = new GraphBuilder();
  const scores = b.node("Mul", [conv(b, "c", b.input("x", [1, 4, 4, 4])), b.input("y", [1, 4, 4, 4])], { name: "mul" });
  b.constant("k", [1], [2], "int64");
  b.output(b.node("TopK", [b.node("Tanh", [scores], { name: "tanh" }), "k"], { outputs: ["best", "places"] }));
  const graph = { ...b.untyped(), outputs: [] };
  const found = findDetectionTails(new GraphView({ graph, nodes: graph.nodes.map(resolvedLike), types: typesOf(b) }));
  assert.deepEqual([...found].toSorted(), ["mul", "tanh"]);
});

function resolvedLike(node: ReturnType<GraphBuilder["untyped"]>["nodes"][number]) {
  const operator = { type: node.type, since: 1, quant: { kind: "non_quantizable" as const }, cases: [] };
  return { node, operator: operator as never, attributes: {} };
}

function typesOf(b: GraphBuilder) {
  const { initializers } = b.untyped();
  return new Map(
    [...initializers].map(([name, { dtype, shape, data }]) => [name, { dtype, shape, value: data }] as const),
  );
}
