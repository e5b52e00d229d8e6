/** Runs one case of an operator on the GPU, alone or with a quantizer behind it, and holds it to its reference. */
import assert from "node:assert/strict";
import { type KernelTarget, PORTABLE_TARGET, type TileChoice } from "../../src/base/kernel_target.ts";
import { type HostTensor, hostTensor, isFloat, type TensorType } from "../../src/base/tensor.ts";
import type { Gpu } from "../../src/gpu/device.ts";
import { PipelineCache } from "../../src/gpu/pipelines.ts";
import type { QuantizerLayout } from "../../src/graph/quantizer.ts";
import { inferTypes } from "../../src/ops/infer.ts";
import type { OpCase, OpDef } from "../../src/ops/op.ts";
import { blockTiles, convTiles, matmulTiles } from "../../src/ops/tiles.ts";
import { resolveNode } from "../../src/ops/resolve.ts";
import { buildPlan } from "../../src/plan/build.ts";
import type { Plan } from "../../src/plan/plan.ts";
import { Session } from "../../src/run/session.ts";
import { assertClose } from "./compare.ts";
import { attributeOf, generate, graphOfCase } from "./op_graph.ts";

/** Scale of the output quantizer in fake-quant cases: a power of two, so that dividing by it is exact. */
const SCALE = 1 / 16;

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

/** Makes the contents of a case's input; `seed` differs from input to input. */
export type Contents = (type: TensorType, range: readonly [number, number], seed: number) => HostTensor;

/** Runs cases on one device, with one cache of kernels. */
export class CaseRunner {
  readonly #gpu: Gpu;
  readonly #pipelines: PipelineCache;
  readonly #contents: Contents;
  readonly #adjust: (plan: Plan) => Plan;

  /** `adjust` may change what is run. */
  constructor(gpu: Gpu, contents: Contents = generate, adjust: (plan: Plan) => Plan = (plan) => plan) {
    this.#gpu = gpu;
    this.#pipelines = new PipelineCache(gpu);
    this.#contents = contents;
    this.#adjust = adjust;
  }

  /** Fails where the float kernel is off its reference. */
  async checkFloat(operator: OpDef, one: OpCase): Promise<void> {
    const tensors = this.#tensorsOf(operator, one);
    const expected = expectedOf(operator, one, tensors);
    const actual = await this.#run(operator, one, tensors);
    actual.forEach((tensor, index) => assertClose(tensor, expected[index]!, one.tolerance, `output ${index}`));
  }

  /** Fails where the kernel, with a quantizer behind its first output, is not what fake-quant makes of the reference. */
  async checkQuantized(operator: OpDef, one: OpCase): Promise<void> {
    const tensors = this.#tensorsOf(operator, one);
    const [expected] = expectedOf(operator, one, tensors);
    const [actual] = await this.#run(operator, one, tensors, LAYOUT);
    assertQuantized(actual!, expected!, one);
  }

  /** Fails where the portable kernels give other bits than those for the device. */
  async checkPortable(operator: OpDef, one: OpCase): Promise<void> {
    const tensors = this.#tensorsOf(operator, one);
    const own = await this.#run(operator, one, tensors);
    const portable = await this.#run(operator, one, tensors, undefined, PORTABLE_TARGET);
    portable.forEach((tensor, index) => assert.deepEqual(tensor.data, own[index]!.data, `output ${index}`));
  }

  /** Fails where another tile that a tuner may choose for the target gives other bits; gives the number of other choices of tiles. */
  async checkTiles(operator: OpDef, one: OpCase, target: KernelTarget): Promise<number> {
    const tensors = this.#tensorsOf(operator, one);
    const choices = tileChoices(operator, one, target);
    if (choices.length === 0) return 0;
    const expected = await this.#run(operator, one, tensors, undefined, target);
    for (const [place, tiles] of choices.entries()) {
      const actual = await this.#run(operator, one, tensors, undefined, { ...target, tiles });
      actual.forEach((tensor, index) =>
        assert.deepEqual(tensor.data, expected[index]!.data, `output ${index}, choice ${place + 1} of tiles`)
      );
    }
    return choices.length;
  }

  #tensorsOf(operator: OpDef, one: OpCase): Map<string, HostTensor> {
    const { graph, inputs } = graphOfCase(operator, one);
    const tensors = new Map<string, HostTensor>(graph.initializers);
    [...inputs].forEach(([name, type], index) =>
      tensors.set(name, this.#contents(type, one.range ?? [-4, 4], 17 + index))
    );
    return tensors;
  }

  async #run(
    operator: OpDef,
    one: OpCase,
    tensors: ReadonlyMap<string, HostTensor>,
    layout?: QuantizerLayout,
    target: KernelTarget = this.#gpu.kernelTarget,
  ): Promise<HostTensor[]> {
    const { graph, inputs } = graphOfCase(operator, one);
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
    using session = await Session.create(
      this.#gpu,
      this.#pipelines,
      this.#adjust(buildPlan(typed, layout?.quantizers, { target })),
      layout,
    );
    if (layout) {
      const parameters = { scale: Float32Array.of(SCALE), zeroPoint: Int32Array.of(3), low: -128, high: 127 };
      session.setCandidate(0, new Map([[0, { parameters }]]));
    }
    for (const name of inputs.keys()) session.writeInput(name, tensors.get(name)!);
    session.run(layout ? [0] : undefined);
    return await session.read();
  }
}

function expectedOf(operator: OpDef, one: OpCase, tensors: ReadonlyMap<string, HostTensor>): HostTensor[] {
  const { graph } = graphOfCase(operator, one);
  const [node] = graph.nodes;
  const operands = node!.inputs.map((name) => name === "" ? undefined : tensors.get(name)!);
  return operator.reference(operands, resolveNode(node!, graph.opset).attributes);
}

/** Whether a quantizer may stand behind the output. Decided by types alone: a wrong reference must fail its own test, not the whole file. */
export function producesFloat(operator: OpDef, one: OpCase): boolean {
  try {
    const { graph, inputs } = graphOfCase(operator, one);
    const { dtype, value } = inferTypes(graph, inputs).types.get("y0")!;
    return isFloat(dtype) && value === undefined;
  } catch {
    return false;
  }
}

/** For n from 1 on the choice of every shape's n-th tile beside the default one, until every tile of every shape was chosen. */
function tileChoices(operator: OpDef, one: OpCase, target: KernelTarget): TileChoice[] {
  const { graph, inputs } = graphOfCase(operator, one);
  const { nodes, types } = inferTypes(graph, inputs);
  const { node, attributes } = nodes[0]!;
  const operands = node.inputs.map((name) => name === "" ? undefined : types.get(name));
  const outputs = node.outputs.map((name) => types.get(name)!);
  if (outputs.every((output) => output?.value)) return [];
  let most = 1;
  const note = (tiles: readonly unknown[]) => void (most = Math.max(most, tiles.length));
  const recorder: TileChoice = {
    matmul: (shape) => note(matmulTiles(shape, target)),
    conv: (shape) => note(convTiles(shape, target)),
    block: (shape) => note(blockTiles(shape, target)),
  };
  operator.lower(operands, outputs, attributes, { ...target, tiles: recorder });
  const nth = <T>(tiles: readonly T[], place: number) => tiles[place % tiles.length];
  return Array.from({ length: most - 1 }, (_, index) => ({
    matmul: (shape) => nth(matmulTiles(shape, target), index + 1),
    conv: (shape) => nth(convTiles(shape, target), index + 1),
    block: (shape) => nth(blockTiles(shape, target), index + 1),
  }));
}

/** Whether the kernels of a case depend on the target. */
export function dependsOnTarget(operator: OpDef, one: OpCase): boolean {
  if (!producesFloat(operator, one)) return false;
  const { graph, inputs } = graphOfCase(operator, one);
  const { nodes, types } = inferTypes(graph, inputs);
  const { node, attributes } = nodes[0]!;
  const operands = node.inputs.map((name) => name === "" ? undefined : types.get(name));
  const outputs = node.outputs.map((name) => types.get(name)!);
  const texts = [PORTABLE_TARGET, { isSoftware: true, lanes: 8 }].map((target) =>
    JSON.stringify(operator.lower(operands, outputs, attributes, target))
  );
  return texts[0] !== texts[1];
}

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
