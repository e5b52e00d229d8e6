/** Every operator × every case × {fp32, fake-quant} against its reference; knows no operator by name. */
import { type HostTensor, hostTensor, isFloat } from "../../src/base/tensor.ts";
import type { QuantizerLayout } from "../../src/graph/quantizer.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import type { OpCase, OpDef } from "../../src/ops/op.ts";
import { OPERATORS } from "../../src/ops/registry.ts";
import { resolveNode } from "../../src/ops/resolve.ts";
import { buildPlan } from "../../src/plan/build.ts";
import { Session } from "../../src/run/session.ts";
import { openTestGpu } from "../support/adapter.ts";
import { assertClose } from "../support/compare.ts";
import { attributeOf, generate, graphOfCase } from "../support/op_graph.ts";

const gpu = await openTestGpu();
const pipelines = gpu && new PipelineCache(gpu);

/** Scale of the output quantizer in fake-quant cases: a power of two, so that dividing by it is exact. */
const SCALE = 1 / 16;

interface Prepared {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly expected: readonly HostTensor[];
}

function expectedOf(operator: OpDef, one: OpCase): Prepared {
  const { graph, inputs } = graphOfCase(operator, one);
  const tensors = new Map<string, HostTensor>(graph.initializers);
  [...inputs].forEach(([name, type], index) => tensors.set(name, generate(type, one.range ?? [-4, 4], 17 + index)));
  const resolved = resolveNode(graph.nodes[0]!, graph.opset);
  const operands = graph.nodes[0]!.inputs.map((name) => name === "" ? undefined : tensors.get(name)!);
  return { tensors, expected: operator.reference(operands, resolved.attributes) };
}

async function run(operator: OpDef, one: OpCase, layout?: QuantizerLayout): Promise<HostTensor[]> {
  const { graph, inputs } = graphOfCase(operator, one);
  const { tensors } = expectedOf(operator, one);
  // The value under test goes on through a node that only renames it, so that its quantizer can be fused into its store.
  const flat = {
    ...graph,
    outputs: [{ name: "z0", dtype: "float32" as const, shape: undefined }],
    nodes: [...graph.nodes, {
      name: "flatten",
      type: "Flatten",
      domain: "",
      inputs: ["y0"],
      outputs: ["z0"],
      attributes: new Map([["axis", attributeOf(0)]]),
    }],
  };
  const typed = inferTypes(layout ? flat : graph, inputs);
  using session = await Session.create(gpu!, pipelines!, buildPlan(typed, layout?.quantizers), layout);
  if (layout) {
    const parameters = { scale: Float32Array.of(SCALE), zeroPoint: Int32Array.of(3), low: -128, high: 127 };
    session.setCandidate(0, new Map([[0, { parameters }]]));
  }
  for (const name of inputs.keys()) session.writeInput(name, tensors.get(name)!);
  session.run(layout ? [0] : undefined);
  return await session.read();
}

const LAYOUT: QuantizerLayout = {
  quantizers: [{
    id: 0,
    name: "q",
    value: "y0",
    kind: "activation",
    consumers: [{ node: "flatten", input: 0 }],
    group: 0,
  }],
  groups: [{ id: 0, name: "g", quantizers: [0], nodes: ["flatten"] }],
};

/** What fake-quant makes of the reference; where the value is within tolerance of a tie, the neighbouring level too. */
function assertQuantized(actual: HostTensor, reference: HostTensor, one: OpCase): void {
  const { relative = 0, absolute = 0 } = one.tolerance ?? {};
  const level = (value: number) => Math.min(Math.max(roundHalfEven(value / SCALE) + 3, -128), 127) - 3;
  const expected = Array.from(reference.data, (value, index) => {
    // No quantizer defines what becomes of these.
    if (!Number.isFinite(value)) return actual.data[index]!;
    const slack = absolute + relative * Math.abs(value) + 1e-6;
    const levels = [level(value - slack), level(value), level(value + slack)].map((one) => one * SCALE);
    const found = actual.data[index]!;
    return levels.includes(found) ? found : levels[1]!;
  });
  assertClose(actual, hostTensor(reference.dtype, [1, reference.data.length], expected));
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
}

for (const operator of OPERATORS) {
  for (const one of operator.cases) {
    const address = `${operator.domain ? `${operator.domain}.` : ""}${operator.type}`;
    Deno.test({
      name: `${address} fp32 ${one.name}`,
      ignore: !gpu,
      fn: async () => {
        const { expected } = expectedOf(operator, one);
        const actual = await run(operator, one);
        actual.forEach((tensor, index) => assertClose(tensor, expected[index]!, one.tolerance, `output ${index}`));
      },
    });
    if (!producesFloat(operator, one)) continue;
    Deno.test({
      name: `${address} fake_quant ${one.name}`,
      ignore: !gpu,
      fn: async () =>
        assertQuantized((await run(operator, one, LAYOUT))[0]!, expectedOf(operator, one).expected[0]!, one),
    });
  }
}

/** Whether a quantizer may stand behind the output. Decided by types alone: a wrong reference must fail its own test, not the whole file. */
function producesFloat(operator: OpDef, one: OpCase): boolean {
  try {
    const { graph, inputs } = graphOfCase(operator, one);
    const { dtype, value } = inferTypes(graph, inputs).types.get("y0")!;
    return isFloat(dtype) && value === undefined;
  } catch {
    return false;
  }
}
