import assert from "node:assert/strict";
import { hostTensor } from "../../src/base/tensor.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { widenFloats } from "../../src/passes/widen_floats.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { residualNetwork } from "../fixtures/residual_network.ts";

/** y = cast(x, dtype) + w in that type. */
function narrowGraph(dtype: "float16" | "bfloat16", to: number) {
  const builder = new GraphBuilder(14);
  builder.input("x", [1, 2], dtype);
  builder.constant("w", [2], [0.5, -1], dtype);
  const cast = builder.node("Cast", ["x"], { attributes: { to } });
  return builder.output(builder.node("Add", [cast, "w"])).build();
}

for (const [dtype, to] of [["float16", 10], ["bfloat16", 16]] as const) {
  Deno.test(`widenFloats() makes ${dtype} inputs, constants, casts and outputs float32`, () => {
    const wide = widenFloats(narrowGraph(dtype, to));
    assert.deepEqual([...wide.inputs, ...wide.outputs].map(({ dtype }) => dtype), ["float32", "float32"]);
    assert.deepEqual(wide.initializers.get("w"), hostTensor("float32", [2], [0.5, -1]));
    const { types } = inferTypes(wide, new Map([["x", { dtype: "float32", shape: [1, 2] }]]));
    assert.deepEqual([...types.values()].map(({ dtype }) => dtype), ["float32", "float32", "float32", "float32"]);
  });
}

Deno.test("widenFloats() leaves a float32 graph as it is", () => {
  const graph = residualNetwork();
  assert.equal(widenFloats(graph), graph);
});
