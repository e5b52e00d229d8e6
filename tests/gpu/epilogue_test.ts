/** What a store does beside storing: every activation, with and without a residual add, in kernels of either width. */
import assert from "node:assert/strict";
import { type HostTensor, hostTensor } from "../../src/base/tensor.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { OPERATORS } from "../../src/ops/registry.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { Session } from "../../src/run/session.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
import { openTestGpu } from "../support/adapter.ts";
import { assertClose } from "../support/compare.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);

/** Activations that a store can apply, with attributes unlike the defaults. */
const ACTIVATIONS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  Relu: {},
  Clip: {},
  LeakyRelu: { alpha: 0.3 },
  Elu: { alpha: 1.7 },
  Sigmoid: {},
  HardSigmoid: { alpha: 0.3, beta: 0.4 },
  HardSwish: {},
  Tanh: {},
};

const LENGTH = 24;
const X = Float32Array.from({ length: LENGTH }, (_, index) => (index - 12) / 3);
const OTHER = Float32Array.from({ length: LENGTH }, (_, index) => (index * 7 % 11 - 5) / 4);

/** A kernel that gives back its input: `finish4` stores in a convolution, `finish` in a pool over several axes. */
const KERNELS = {
  Conv: (builder: GraphBuilder, x: string) => builder.node("Conv", [x, builder.constant("w", [1, 1, 1, 1], [1])]),
  GlobalAveragePool: (builder: GraphBuilder, x: string) => builder.node("GlobalAveragePool", [x]),
};

/** Kernels with shapes: planes of whole quads and of three, which are stored one by one. */
const STORES = [
  ["Conv", [1, 1, 4, 6]],
  ["Conv", [8, 1, 1, 3]],
  ["GlobalAveragePool", [1, LENGTH, 1, 1]],
] as const;

for (const [kernel, shape] of STORES) {
  for (const [type, attributes] of Object.entries(ACTIVATIONS)) {
    for (const hasResidual of [false, true]) {
      Deno.test({
        name: `Session.run() applies ${type} in the store of ${kernel} over [${shape}] ${
          hasResidual ? "after a residual add" : "alone"
        }`,
        ignore: !gpu,
        async fn() {
          const builder = new GraphBuilder(14);
          const [x, other] = [builder.input("x", shape), hasResidual ? builder.input("other", shape) : ""];
          const made = KERNELS[kernel](builder, x);
          const sum = hasResidual ? builder.node("Add", [made, other]) : made;
          const bounds = type === "Clip"
            ? [builder.constant("low", [], [-1.5]), builder.constant("high", [], [2])]
            : [];
          const y = builder.node(type, [sum, ...bounds], { name: "activation", attributes });
          const typed = builder.output(y).typed();
          const plan = buildPlan(typed);
          const storing = plan.steps.filter((step) => step.dispatch.shader.epilogue);
          assert.deepEqual(storing.map((step) => step.nodes.at(-1)), ["activation"], "everything is in one store");
          using session = await Session.create(gpu!, pipelines!, plan);
          session.writeInput("x", hostTensor("float32", shape, X));
          if (hasResidual) session.writeInput("other", hostTensor("float32", shape, OTHER));
          session.run();
          const [actual] = await session.read();
          const input = X.map((value, index) => value + (hasResidual ? OTHER[index]! : 0));
          assertClose(actual!, referenceOf(type, hostTensor("float32", shape, input), attributes), {
            relative: 1e-5,
            absolute: 1e-6,
          });
        },
      });
    }
  }
}

/** Where exponentials cancel, where series end, and where exponentials overflow. */
const DELICATE = [1e-6, -1e-6, 1e-4, -1e-4, 0.02, -0.09, -0.11, 0.29, -0.31, 0.5, 3, -8, 60, -60, 3e4, -3e4];

for (const type of ["Tanh", "Elu"] as const) {
  Deno.test({
    name: `Session.run() applies ${type} in a store with few units in the last place lost near zero and far from it`,
    ignore: !gpu,
    async fn() {
      const builder = new GraphBuilder(14);
      const shape = [1, 1, 4, 4];
      const made = KERNELS.Conv(builder, builder.input("x", shape));
      const y = builder.node(type, [made], { name: "activation", attributes: ACTIVATIONS[type]! });
      const plan = buildPlan(builder.output(y).typed());
      using session = await Session.create(gpu!, pipelines!, plan);
      session.writeInput("x", hostTensor("float32", shape, DELICATE));
      session.run();
      const [actual] = await session.read();
      const expected = referenceOf(type, hostTensor("float32", shape, DELICATE), ACTIVATIONS[type]!);
      assertClose(actual!, expected, { relative: 3e-6, absolute: 0 });
    },
  });
}

Deno.test("every operator that a store can apply is among those tested", () => {
  const fusible = OPERATORS.filter((operator) => operator.asActivation).map((operator) => operator.type);
  assert.deepEqual([...new Set(fusible)].sort(), Object.keys(ACTIVATIONS).sort());
});

/** Formulas of the ONNX specification, opset 14. */
function referenceOf(
  type: string,
  x: HostTensor,
  { alpha = 0, beta = 0 }: Readonly<Record<string, number>>,
): HostTensor {
  const apply: Readonly<Record<string, (value: number) => number>> = {
    Relu: (value) => Math.max(0, value),
    Clip: (value) => Math.min(Math.max(value, -1.5), 2),
    LeakyRelu: (value) => value < 0 ? alpha * value : value,
    Elu: (value) => value < 0 ? alpha * Math.expm1(value) : value,
    Sigmoid: (value) => 1 / (1 + Math.exp(-value)),
    HardSigmoid: (value) => Math.min(Math.max(alpha * value + beta, 0), 1),
    HardSwish: (value) => value * Math.min(Math.max(value / 6 + 0.5, 0), 1),
    Tanh: Math.tanh,
  };
  return hostTensor("float32", x.shape, Array.from(x.data, apply[type]!));
}
