/** Where values lie: what a step reads is what was computed, and little more memory is taken than values need at once. */
import assert from "node:assert/strict";
import { elementCount, type TensorType } from "../../src/base/tensor.ts";
import { bindingsOf, declareWritable, linkShader, PLAIN_EPILOGUE } from "../../src/gpu/link.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import { runPasses } from "../../src/passes/run_passes.ts";
import { buildPlan } from "../../src/plan/build.ts";
import type { Operand, Plan, Step } from "../../src/plan/plan.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { residualNetwork } from "../fixtures/residual_network.ts";
import { upscalingNetwork } from "../fixtures/upscaling_network.ts";

const image = new Map<string, TensorType>([["image", { dtype: "float32", shape: [1, 3, 9, 9] }]]);

/** Blocks that widen, convolve and narrow, each added to what it started from, over two branches that are concatenated. */
function branchedNetwork(): Graph {
  const builder = new GraphBuilder();
  let value = builder.input("image", [1, 3, 9, 9]);
  for (let block = 0; block < 6; block++) {
    const convolve = (input: string, from: number, to: number, name: string) =>
      builder.node("Conv", [input, builder.constant(`w${block}${name}`, [to, from, 1, 1])], {
        name: `${block}${name}`,
      });
    const channels = block === 0 ? 3 : 12;
    const wide = builder.node("Relu", [convolve(value, channels, 48, "wide")]);
    const halves = [convolve(wide, 48, 6, "a"), convolve(wide, 48, 6, "b")];
    const joined = builder.node("Concat", halves, { attributes: { axis: 1 } });
    value = block === 0 ? joined : builder.node("Add", [joined, value]);
  }
  return builder.output(builder.node("GlobalAveragePool", [value]), value).build();
}

const plans: Readonly<Record<string, Plan>> = Object.fromEntries(
  [["residual", residualNetwork()], ["branched", branchedNetwork()], ["upscaling", upscalingNetwork()]].flatMap(
    ([name, network]) => {
      const prepared = prepare(inferTypes(runPasses(network as Graph, image), image));
      const typed = inferTypes(prepared.graph, image);
      return [
        [`${name}, float`, buildPlan(typed)],
        [`${name}, quantized`, buildPlan(typed, prepared.layout.quantizers)],
      ];
    },
  ),
);

/** Slots of an operand in one precision. */
function slotOf(operand: Operand | undefined, isQuantized: boolean): number[] {
  if (operand?.kind === "slot") return [operand.slot];
  return operand?.kind === "choice" ? [isQuantized ? operand.int8 : operand.float] : [];
}

/** Throws where WebGPU would refuse the buffers of a step: one of them read and written, or two bindings of which one is written overlapping. */
function assertBindable(plan: Plan, step: Step, isQuantized: boolean): void {
  const code = linkShader(step.dispatch, { ...PLAIN_EPILOGUE, residual: step.epilogue.residual !== undefined });
  const linked = declareWritable(
    code,
    ({ group, binding }) => step.shared.includes(group === 0 ? binding : "residual"),
  );
  const bound = bindingsOf(linked).filter(({ type }) => type !== "uniform").flatMap((binding) => {
    const operand = binding.group === 0 ? step.operands[binding.binding] : step.epilogue.residual;
    return slotOf(operand, isQuantized).map((slot) => ({
      isWritable: binding.type === "storage",
      ...plan.slots[slot]!,
    }));
  });
  bound.forEach((one, index) =>
    bound.slice(0, index).filter(({ buffer }) => buffer === one.buffer).forEach((other) => {
      assert.equal(one.isWritable, other.isWritable, `${step.nodes[0]} reads and writes a buffer`);
      const isApart = one.offset + one.byteLength <= other.offset || other.offset + other.byteLength <= one.offset;
      assert.ok(isApart || !one.isWritable, `${step.nodes[0]} binds overlapping parts of a buffer`);
    })
  );
}

for (const [name, plan] of Object.entries(plans)) {
  for (const isQuantized of [false, true]) {
    Deno.test(`buildPlan() lets no step overwrite what is read later: ${name}, run in ${isQuantized ? "int8" : "float"}`, () => {
      const intact = new Set(plan.inputs.map(({ slot }) => slot));
      const write = (slot: number) => {
        const own = plan.slots[slot]!;
        plan.slots.forEach((other, index) => {
          const overlap = own.buffer === other.buffer && own.offset < other.offset + other.byteLength &&
            other.offset < own.offset + own.byteLength;
          if (overlap) intact.delete(index);
        });
        intact.add(slot);
      };
      plan.steps.forEach((step, index) => {
        if (step.onlyFor !== undefined && !isQuantized) return;
        const declared = bindingsOf(linkShader(step.dispatch)).filter(({ group }) => group === 0);
        const isWritten = (place: number) =>
          declared.some(({ binding, type }) => binding === place && type === "storage");
        assertBindable(plan, step, isQuantized);
        const read = step.operands.filter((_, place) => !isWritten(place));
        const written = step.operands.filter((_, place) => isWritten(place)).flatMap((one) => slotOf(one, isQuantized));
        for (const slot of [...read, step.epilogue.residual].flatMap((one) => slotOf(one, isQuantized))) {
          assert.ok(intact.has(slot), `step ${index} reads slot ${slot}, which was overwritten`);
        }
        for (const slot of written) write(slot);
      });
      for (const { slot, name } of plan.outputs) assert.ok(intact.has(slot!), `output ${name} was overwritten`);
    });
  }

  Deno.test(`buildPlan() gives every value room: ${name}`, () => {
    for (const { buffer, offset, byteLength } of plan.slots) assert.ok(offset + byteLength <= plan.buffers[buffer]!);
    for (const { slot, type } of plan.outputs) {
      assert.equal(plan.slots[slot!]!.byteLength, 4 * elementCount(type.shape));
    }
  });

  Deno.test(`buildPlan() takes at most a quarter more than the largest live set: ${name}`, () => {
    const bytes = plan.buffers.reduce((sum, byteLength) => sum + byteLength, 0);
    assert.ok(bytes <= 1.25 * plan.liveBytes, `${bytes} of ${plan.liveBytes}`);
    assert.ok(bytes >= plan.liveBytes);
  });
}

Deno.test("buildPlan() shares buffers between what steps read and write only where it must", () => {
  const sharing = (name: string) => plans[name]!.steps.filter(({ shared }) => shared.length > 0);
  assert.deepEqual(sharing("residual, quantized"), []);
  assert.ok(sharing("upscaling, float").some(({ nodes }) => nodes.includes("depthwise")));
});

Deno.test("buildPlan() never shares a buffer with what a step reads through two bindings", () => {
  const types = new Map<string, TensorType>([["image", { dtype: "float32", shape: [1, 3, 8, 8] }]]);
  const plan = buildPlan(inferTypes(runPasses(upscalingNetwork(8), types), types));
  const step = plan.steps.find(({ nodes }) => nodes.includes("depthwise"))!;
  const [first, second] = step.operands;
  assert.deepEqual(first, second, "rows of whole quads are read as elements and as quads");
  for (const one of plan.steps) assertBindable(plan, one, false);
});
