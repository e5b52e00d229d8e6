import assert from "node:assert/strict";
import { inferTypes } from "../../src/ops/infer.ts";
import { runPasses } from "../../src/passes/run_passes.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { printPlan } from "../../src/plan/print.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { residualNetwork } from "../fixtures/residual_network.ts";
import type { TensorType } from "../../src/base/tensor.ts";

const inputs = new Map<string, TensorType>([["image", { dtype: "float32", shape: [1, 3, 9, 9] }]]);

/** The network's plan with quantizers, and without. */
function plans() {
  const graph = runPasses(residualNetwork(), inputs);
  const prepared = prepare(inferTypes(graph, inputs));
  const typed = inferTypes(prepared.graph, inputs);
  return { prepared, float: buildPlan(typed), quantized: buildPlan(typed, prepared.layout.quantizers) };
}

Deno.test("buildPlan() fuses activations, the residual add and fake-quant into the stores before them", () => {
  const { quantized } = plans();
  const fused = quantized.steps.flatMap((step) => step.nodes.slice(1));
  assert.deepEqual(fused.sort(), ["depthwise_relu", "expand_act", "residual", "stem_relu", "tail_relu"]);
  const residual = quantized.steps.find((step) => step.nodes.includes("residual"))!;
  assert.ok(residual.epilogue.residual);
  assert.notEqual(residual.epilogue.quantizer0, undefined, "what is added is quantized before");
  assert.notEqual(residual.epilogue.quantizer1, undefined, "and the sum after");
});

Deno.test("buildPlan() packs weights once, outside the steps", () => {
  const { quantized } = plans();
  assert.ok(quantized.prepare.length > 0);
  assert.ok(quantized.prepare.every((step) => step.operands.every((operand) => operand.kind === "constant")));
});

Deno.test("buildPlan() runs the same steps with and without quantizers but for copies of values read both ways", () => {
  const { float, quantized } = plans();
  const own = quantized.steps.filter((step) => step.onlyFor === undefined);
  assert.deepEqual(own.map((step) => step.dispatch.shader.name), float.steps.map((step) => step.dispatch.shader.name));
});

Deno.test("buildPlan() lets no step overwrite what a later step still reads", () => {
  for (const plan of Object.values(plans()).flatMap((one) => "steps" in one ? [one] : [])) {
    const content = new Map<number, string>();
    plan.inputs.forEach(({ slot, name }) => content.set(slot, name));
    plan.steps.forEach((step, index) => {
      step.operands.forEach((operand, place) => {
        if (operand.kind !== "slot") return;
        if (step.dispatch.bindings[place]!.startsWith("x")) {
          assert.ok(content.has(operand.slot), `step ${index} reads nothing`);
        } else content.set(operand.slot, `${index}`);
      });
    });
  }
});

/** The plan of x · w and what follows; `build` gives the outputs. */
function planOfProduct(
  x: readonly number[],
  w: readonly number[],
  build: (b: GraphBuilder, product: string) => string[],
) {
  const b = new GraphBuilder(13);
  const product = b.node("MatMul", [b.input("x", x), b.constant("w", w)], { name: "product" });
  return buildPlan(b.output(...build(b, product)).typed());
}

Deno.test("buildPlan() adds a number for each column in the store of a MatMul", () => {
  for (const shape of [[8], [1, 8]]) {
    const { steps } = planOfProduct([2, 3, 4], [4, 8], (b, product) => [
      b.node("Relu", [b.node("Add", [b.constant("bias", shape), product], { name: "sum" })], { name: "relu" }),
    ]);
    assert.deepEqual(steps.at(-1)!.nodes, ["product", "sum", "relu"]);
  }
});

/** What is added behind a MatMul by a step of its own. */
const ADDED_APART: Readonly<Record<string, (b: GraphBuilder, product: string) => string[]>> = {
  "for each row": (b, product) => [b.node("Add", [product, b.constant("bias", [2, 1])])],
  "for each element": (b, product) => [b.node("Add", [product, b.constant("bias", [2, 8])])],
  "of more axes": (b, product) => [b.node("Add", [product, b.constant("bias", [1, 1, 8])])],
  "to what leaves the network": (b, product) => [b.node("Add", [product, b.constant("bias", [8])]), product],
  "to what others read": (
    b,
    product,
  ) => [b.node("Add", [product, b.constant("bias", [8])]), b.node("Softmax", [product])],
};

for (const [what, build] of Object.entries(ADDED_APART)) {
  Deno.test(`buildPlan() leaves an addition ${what} to a step of its own`, () => {
    const { steps } = planOfProduct([2, 4], [4, 8], build);
    assert.ok(steps.some(({ dispatch }) => dispatch.shader.name.startsWith("binary")));
  });
}

Deno.test("printPlan() shows one line per dispatch", async (t) => {
  await t.assertSnapshot(printPlan(plans().quantized));
});
