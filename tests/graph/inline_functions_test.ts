/** Functions that a model defines: what is in them stands where they are called. */
import assert from "node:assert/strict";
import { hostTensor, knownType } from "../../src/base/tensor.ts";
import { importGraph } from "../../src/graph/import.ts";
import { decodeModel } from "../../src/onnx/decode.ts";
import { onnx } from "../../src/onnx/proto.ts";
import { inferTypes } from "../../src/ops/infer.ts";

type NodeFields = NonNullable<Parameters<typeof onnx.NodeProto.create>[0]>;
type FunctionFields = NonNullable<Parameters<typeof onnx.FunctionProto.create>[0]>;
type Attribute = NonNullable<NodeFields["attribute"]>[number];

const FLOAT = { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 2 }] } } };
const OPSET = 17;

const node = (
  opType: string,
  input: string[],
  output: string[],
  attribute: Attribute[] = [],
  domain = "",
): NodeFields => ({
  opType,
  name: opType.toLowerCase(),
  input,
  output,
  attribute,
  domain,
});
const call = (name: string, input: string[], output: string[], attribute: Attribute[] = []) =>
  node(name, input, output, attribute, "own");
const float = (name: string, f: number): Attribute => ({ name, type: onnx.AttributeProto.AttributeType.FLOAT, f });
const refers = (name: string, refAttrName: string): Attribute => ({
  name,
  refAttrName,
  type: onnx.AttributeProto.AttributeType.FLOAT,
});
const define = (name: string, input: string[], output: string[], nodes: NodeFields[], more: FunctionFields = {}) => ({
  name,
  domain: "own",
  input,
  output,
  node: nodes,
  opsetImport: [{ domain: "", version: OPSET }],
  ...more,
});

/** Imports a model from `x` to `y` through its bytes. */
function importModel(nodes: NodeFields[], functions: FunctionFields[]) {
  const model = onnx.ModelProto.create({
    opsetImport: [{ version: OPSET }, { domain: "own", version: 1 }],
    graph: { input: [{ name: "x", type: FLOAT }], output: [{ name: "y", type: FLOAT }], node: nodes as never },
    functions: functions as never,
  });
  return importGraph(decodeModel(onnx.ModelProto.encode(model).finish()));
}

/** y of a model for x = [-2, 3]. */
function evaluate(nodes: NodeFields[], functions: FunctionFields[]): number[] {
  const graph = importModel(nodes, functions);
  const { types } = inferTypes(graph, new Map([["x", knownType(hostTensor("float32", [2], [-2, 3]))]]));
  return [...types.get("y")!.value!];
}

const LEAKY = define("Leaky", ["a"], ["b"], [
  node("LeakyRelu", ["a"], ["t"], [refers("alpha", "slope")]),
  node("Neg", ["t"], ["b"]),
], { attribute: ["slope"] });

Deno.test("importGraph() inlines functions, each call with its own attributes and values", () => {
  const nodes = [
    call("Leaky", ["x"], ["m"], [float("slope", 0.5)]),
    call("Leaky", ["m"], ["y"], [float("slope", 0.25)]),
  ];
  assert.deepEqual(evaluate(nodes, [LEAKY]), [-1, 0.75]);
  assert.deepEqual(importModel(nodes, [LEAKY]).nodes.map(({ type }) => type), ["LeakyRelu", "Neg", "LeakyRelu", "Neg"]);
});

Deno.test("importGraph() leaves an operator its default where a function's attribute is not given", () => {
  assert.deepEqual(evaluate([call("Leaky", ["x"], ["y"])], [LEAKY]).map((value) => Math.round(value * 1e6)), [
    20_000,
    -3e6,
  ]);
});

Deno.test("importGraph() inlines functions within functions, absent operands and results handed on", () => {
  const twice = define("Twice", ["a", "low"], ["a", "b"], [
    call("Leaky", ["a"], ["c"], [float("slope", 0.5)]),
    node("Clip", ["c", "low"], ["b"]),
  ]);
  const nodes = [call("Twice", ["x"], ["p", "q"]), node("Sub", ["p", "q"], ["y"])];
  assert.deepEqual(evaluate(nodes, [LEAKY, twice]), [-3, 6]);
});

Deno.test("importGraph() inlines functions that have control flow", () => {
  const branch = (value: string) => ({
    name: value,
    output: [{ name: `${value}_out` }],
    node: [node("Mul", ["a", value], [`${value}_out`])],
  });
  const body = (name: string, value: string): Attribute => ({
    name,
    type: onnx.AttributeProto.AttributeType.GRAPH,
    g: branch(value) as never,
  });
  const chosen = define("Chosen", ["a", "flag"], ["b"], [
    node("Neg", ["a"], ["minus"]),
    node("If", ["flag"], ["b"], [body("then_branch", "minus"), body("else_branch", "a")]),
  ]);
  const flag = { name: "f", dataType: 9, dims: [], int32Data: [1] };
  const constant: Attribute = { name: "value", type: onnx.AttributeProto.AttributeType.TENSOR, t: flag as never };
  const graph = importModel([node("Constant", [], ["f"], [constant]), call("Chosen", ["x", "f"], ["y"])], [chosen]);
  const inner = graph.nodes.find(({ type }) => type === "If")!.attributes.get("then_branch")!;
  assert.equal(inner.type, "graph");
  assert.deepEqual(inner.type === "graph" && inner.value.nodes[0]!.inputs[0], "x");
});

Deno.test("importGraph() refuses functions that call themselves, come twice, or are of another opset", () => {
  const own = define("Own", ["a"], ["b"], [call("Own", ["a"], ["b"])]);
  assert.throws(() => importModel([call("Own", ["x"], ["y"])], [own]), /function "Own" calls itself$/);
  assert.throws(() => importModel([call("Leaky", ["x"], ["y"])], [LEAKY, LEAKY]), /defines function "Leaky" twice$/);
  const old = { ...LEAKY, opsetImport: [{ domain: "", version: 9 }] };
  assert.throws(() => importModel([call("Leaky", ["x"], ["y"])], [old]), /is of opset 9, expected the model's 17$/);
});

Deno.test("importGraph() refuses a default that the schema does not tell", () => {
  const hidden = { ...LEAKY, attribute: [] };
  assert.throws(
    () => importModel([call("Leaky", ["x"], ["y"])], [hidden]),
    /leaves attribute "slope" of function "Leaky"/,
  );
});

Deno.test("importGraph() refuses functions that multiply without end", () => {
  const levels = Array.from(
    { length: 40 },
    (_, level) =>
      define(
        `F${level}`,
        ["a"],
        ["b"],
        level === 0
          ? [node("Neg", ["a"], ["b"])]
          : [call(`F${level - 1}`, ["a"], ["t"]), call(`F${level - 1}`, ["t"], ["b"])],
      ),
  );
  assert.throws(() => importModel([call("F39", ["x"], ["y"])], levels), /its functions come to over 100000 nodes$/);
});
