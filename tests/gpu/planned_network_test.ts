/** Networks that come with quantizers: as their nodes one by one, as the emulation, and as they are run. */
import assert from "node:assert/strict";
import { type HostTensor, hostTensor } from "../../src/base/tensor.ts";
import { candidateData } from "../../src/api/candidates.ts";
import { openNetwork, planNetwork } from "../../src/api/planned_network.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { inferTypes, type TypedGraph } from "../../src/ops/infer.ts";
import { buildPlan } from "../../src/plan/build.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { calibrate, type CalibrationOptions } from "../../src/quantize/default_quantization.ts";
import { prepare } from "../../src/quantize/prepare.ts";
import { buildQdq } from "../../src/quantize/qdq.ts";
import { Session } from "../../src/run/session.ts";
import { GraphBuilder, inputTypes } from "../fixtures/graph_builder.ts";
import { HostStatistics, type Sample } from "../fixtures/host_statistics.ts";
import {
  attentionNetwork,
  chainOfConvolutions,
  concatNetwork,
  drawSamples,
  residualNetwork,
  transposedNetwork,
} from "../fixtures/networks.ts";
import { addCodes, addDequantize, addPair, addQuantize } from "../fixtures/qdq_pairs.ts";
import { openTestGpu } from "../support/adapter.ts";

const gpu = await openTestGpu();
const needsGpu = { ignore: !gpu };
const runtime = gpu && { gpu, pipelines: new PipelineCache(gpu) };

async function outputsOf(session: Session, sample: Sample, assignment?: number[]): Promise<HostTensor[]> {
  for (const [name, tensor] of sample) session.writeInput(name, tensor);
  session.run(assignment);
  return (await session.read()).map(({ dtype, shape, data }) => hostTensor(dtype, shape, data.map((x) => x + 0)));
}

/** As the file's nodes stand, each by a kernel of its own. */
async function nodeByNode(typed: TypedGraph): Promise<Session> {
  return await Session.create(
    runtime!.gpu,
    runtime!.pipelines,
    buildPlan(typed, [], { target: runtime!.gpu.kernelTarget }),
  );
}

/** Networks whose scales are powers of two: sums are exact in float32, whatever their order, and so are all codes. */
const EXACT: Readonly<Record<string, () => GraphBuilder>> = {
  "a chain of layers": () => {
    const b = new GraphBuilder();
    const x = addPair(b, b.input("x", [2, 3, 6, 6]), { scale: 1 / 64, zeroPoint: 100 });
    const weights = addCodes(b, "w", [8, 3, 3, 3], {
      scale: [1, 2, 3, 4, 5, 6, 7, 8].map((one) => 2 ** -one),
      axis: 0,
    });
    const bias = addCodes(b, "bias", [8], {
      scale: [1, 2, 3, 4, 5, 6, 7, 8].map((one) => 2 ** -one / 64),
      axis: 0,
      dtype: "int32",
    });
    const first = addPair(b, b.node("Relu", [b.node("Conv", [x, weights, bias])]), { scale: 1 / 8 });
    const pooled = b.node("MaxPool", [first], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } });
    const flat = addPair(b, b.node("Flatten", [addPair(b, pooled, { scale: 1 / 8 })]), { scale: 1 / 8 });
    const head = b.node("Gemm", [flat, addCodes(b, "head", [32, 5], { scale: [1 / 256] })]);
    return b.output(addPair(b, head, { scale: 1 / 4, zeroPoint: 128 }), b.node("Tanh", [head]));
  },
  "a residual sum that is quantized at both ends": () => {
    const b = new GraphBuilder();
    const x = addPair(b, b.input("x", [1, 4, 5, 5]), { scale: 1 / 32, zeroPoint: 64 });
    const made = b.node("Conv", [x, addCodes(b, "w", [4, 4, 1, 1], { scale: [1 / 64] })]);
    const sum = b.node("Add", [x, addPair(b, made, { scale: 1 / 16, zeroPoint: 128 })]);
    return b.output(b.node("Relu", [addPair(b, sum, { scale: 1 / 8, zeroPoint: 100 })]), b.node("Neg", [made]));
  },
  "readers of a value and of its codes": () => {
    const b = new GraphBuilder();
    const x = b.input("x", [1, 4, 5, 5]);
    const codes = addQuantize(b, x, { scale: 1 / 8, dtype: "int8" });
    const twice = ["one", "two"].map((name) => addDequantize(b, codes, name, { scale: 1 / 8, dtype: "int8" }));
    const other = addPair(b, b.node("Neg", [x]), { scale: 1 / 2, zeroPoint: 3 });
    return b.output(b.node("Sub", [x, twice[0]!]), b.node("Mul", [twice[0]!, twice[1]!]), b.node("Add", [other, x]));
  },
  "two ways over one value, beside a pair that fits": () => {
    const b = new GraphBuilder();
    const x = b.input("x", [3, 7]);
    const ways = [1 / 2, 1 / 4].map((scale) => addPair(b, x, { scale, zeroPoint: 2, name: `by${scale}` }));
    return b.output(addPair(b, b.node("Add", ways), { scale: 1 / 16 }), b.node("Abs", [addPair(b, ways[0]!)]));
  },
};

for (const [what, build] of Object.entries(EXACT)) {
  Deno.test(`planNetwork() gives what the nodes give one by one: ${what}`, needsGpu, async () => {
    const typed = build().typed();
    const planned = planNetwork(typed, runtime!.gpu.kernelTarget);
    assert.ok(planned.quantizers);
    using session = await openNetwork(runtime!, planned);
    using plain = await nodeByNode(typed);
    assert.ok(quantizingSteps(planned.plan) < quantizingSteps(plain.plan), "nothing was fused");
    for (const sample of drawSamples(typed.graph, 3)) {
      assert.deepEqual(await outputsOf(session, sample), await outputsOf(plain, sample));
    }
  });
}

/** Steps that compute QuantizeLinear or DequantizeLinear. */
function quantizingSteps({ steps }: Plan): number {
  return steps.filter(({ dispatch: { shader } }) => /quantize_linear/.test(shader.name)).length;
}

const NETWORKS: Readonly<Record<string, () => GraphBuilder>> = {
  chain: () => chainOfConvolutions(),
  "chain without biases": () => chainOfConvolutions({ bias: false }),
  attention: () => attentionNetwork(),
  concat: () => concatNetwork(),
  residual: () => residualNetwork(),
  transposed: () => transposedNetwork(),
};

for (const [name, build] of Object.entries(NETWORKS)) {
  const recipes: CalibrationOptions[] = [{ preset: "performance", biasCorrection: false }, { preset: "mixed" }];
  for (const recipe of recipes) {
    Deno.test(
      `openNetwork() runs an exported network as its emulation: ${name}, ${recipe.preset}`,
      needsGpu,
      async () => {
        const typed = build().typed();
        const prepared = prepare(typed);
        const candidate = await calibrate(
          prepared,
          new HostStatistics(prepared.graph, drawSamples(typed.graph, 4)),
          recipe,
        );
        const { gpu, pipelines } = runtime!;
        const target = gpu.kernelTarget;
        const plan = buildPlan(inferTypes(prepared.graph, inputTypes(prepared.graph)), prepared.layout.quantizers, {
          target,
        });
        using emulation = await Session.create(gpu, pipelines, plan, prepared.layout);
        emulation.setCandidate(0, candidateData(prepared, candidate));
        const groups = prepared.layout.groups.map(() => 0);
        const mixed = groups.map((_, group) => group % 2 - 1);
        for (const assignment of [groups, mixed]) {
          const exported = buildQdq(prepared, [candidate], assignment);
          const planned = planNetwork(inferTypes(exported, inputTypes(exported)), target);
          using session = await openNetwork(runtime!, planned);
          if (assignment === groups) assert.equal(planned.plan.steps.length, plan.steps.length);
          for (const sample of drawSamples(exported, 3, 99)) {
            const expected = await outputsOf(emulation, sample, assignment);
            assert.deepEqual(await outputsOf(session, sample), expected, `assignment ${assignment}`);
          }
        }
      },
    );
  }
}

Deno.test("openNetwork() uploads weights once", needsGpu, async () => {
  const typed = EXACT["a chain of layers"]!().typed();
  const planned = planNetwork(typed, runtime!.gpu.kernelTarget);
  using session = await openNetwork(runtime!, planned);
  const { layout } = planned.quantizers!;
  const variable = planned.plan.constants.filter(({ quantizer }) => quantizer !== undefined).map(({ name }) => name);
  assert.deepEqual(
    variable.toSorted(),
    layout.quantizers.filter(({ kind }) => kind === "bias").map(({ value }) => value).toSorted(),
  );
  assert.equal(session.uploads, layout.quantizers.length);
});

Deno.test("planNetwork() plans a float network as it always was", () => {
  const typed = residualNetwork().typed();
  assert.deepEqual(planNetwork(typed), { plan: buildPlan(typed), quantizers: undefined });
});

Deno.test("planNetwork() compiles nothing for float where the network has quantizers", () => {
  const { plan, quantizers } = planNetwork(EXACT["a chain of layers"]!().typed());
  const ids = new Set(quantizers!.layout.quantizers.map(({ id }) => id));
  for (const { epilogue: { quantizer0, quantizer1 }, onlyFor } of plan.steps) {
    const own = [quantizer0, quantizer1].filter((id) => id !== undefined);
    assert.equal(onlyFor, own[0]);
    assert.ok(own.every((id) => ids.has(id)));
  }
  assert.ok(plan.steps.some(({ onlyFor }) => onlyFor !== undefined));
});
