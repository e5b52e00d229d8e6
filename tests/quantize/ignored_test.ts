import assert from "node:assert/strict";
import type { Node } from "../../src/graph/graph.ts";
import { ignoredNodes, type IgnoredScope } from "../../src/quantize/ignored.ts";

const node = (name: string, type: string): Node => ({
  name,
  type,
  domain: "",
  inputs: [],
  outputs: [name],
  attributes: new Map([["group", { type: "int" as const, value: 2 }]]),
});
const NODES = [node("layer1/conv", "Conv"), node("layer2/conv", "Conv"), node("head", "Gemm")];

function ignored(scope: IgnoredScope): string[] {
  return [...ignoredNodes(NODES, scope, () => [], () => false)];
}

Deno.test("ignoredNodes() finds nodes by name, pattern, type and attributes", () => {
  assert.deepEqual(ignored({ scope: ["head"] }), ["head"]);
  assert.deepEqual(ignored({ patterns: ["layer./conv"] }), ["layer1/conv", "layer2/conv"]);
  assert.deepEqual(ignored({ operations: [{ type: "Conv", attributes: { group: 2 } }] }), [
    "layer1/conv",
    "layer2/conv",
  ]);
});

Deno.test("ignoredNodes() says what was probably meant by a name or type that no node has", () => {
  const cases: readonly (readonly [IgnoredScope, RegExp])[] = [
    [{ scope: ["layer1.conv"] }, /node "layer1\.conv": no node of the network fits; did you mean "layer1\/conv"\?$/],
    [{ scope: ["softmax"] }, /node "softmax": no node of the network fits$/],
    [{ operations: [{ type: "conv" }] }, /type "conv": no node of the network fits; did you mean "Conv"\?$/],
    [
      { operations: [{ type: "Conv", attributes: { group: 1 } }] },
      /type "Conv": no node of the network fits, expected its attributes$/,
    ],
  ];
  for (const [scope, message] of cases) assert.throws(() => ignored(scope), message);
});
