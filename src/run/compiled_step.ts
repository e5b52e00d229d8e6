/** One step with its pipelines and bind groups: a precision picks among them when the step is encoded. */
import { FLOAT } from "../base/precision.ts";
import type { Gpu } from "../gpu/device.ts";
import { declareWritable, type EpilogueFlags, linkShader, type StoreActivation } from "../gpu/link.ts";
import type { Pipeline, PipelineCache } from "../gpu/pipelines.ts";
import type { BufferPart } from "../gpu/buffers.ts";
import { type Epilogue, type Operand, type PlanConstant, quantizersOfOperand, type Step } from "../plan/plan.ts";
import { MAX_CANDIDATES, type QuantizerTable } from "./quantizer_table.ts";
import type { StepUniforms } from "./uniform_block.ts";

/** State of a quantizer: FLOAT or a candidate. */
export type StateOf = (quantizer: number) => number;

/** Number of the residual in group 1 (shaders/lib/epilogue.wgsl). */
const RESIDUAL_BINDING = 4;
/** Number of the first factor's quantizer there. */
const FIRST_FACTOR_BINDING = 5;

interface StepContext {
  readonly gpu: Gpu;
  readonly pipelines: PipelineCache;
  readonly step: Step;
  readonly constants: readonly PlanConstant[];
  readonly uniforms: StepUniforms;
  readonly bind: (operand: Operand, state: StateOf) => BufferPart;
  readonly table: QuantizerTable;
}

/** What a pass is told of a step in one precision. */
export interface BoundStep {
  /** Undefined while the step does not run. */
  pipeline: GPUComputePipeline | undefined;
  readonly groups: GPUBindGroup[];
  readonly workgroups: readonly [number, number, number];
}

/** One bind group of a step in all the states that it was needed in. */
interface GroupCache {
  /** Quantizers whose states decide what is bound. */
  readonly quantizers: readonly number[];
  readonly groups: Map<number, GPUBindGroup>;
}

/** A step ready to be encoded. */
export class CompiledStep {
  /** Which operands the kernel writes. */
  readonly writes: readonly boolean[];
  readonly #context: StepContext;
  /** Pipelines by which fake-quants are on: bit 0 and bit 1. */
  readonly #pipelines: readonly (Pipeline | undefined)[];
  /** By number: operands are bound in group 0, what stores need in group 1, each pipeline binding what it uses. */
  readonly #caches: readonly GroupCache[];

  private constructor(context: StepContext, pipelines: readonly (Pipeline | undefined)[]) {
    const { step, constants } = context;
    const { quantizer0, quantizer1, residual, factors = [] } = step.epilogue;
    const ofOperands = (operands: readonly Operand[]) =>
      operands.flatMap((operand) => quantizersOfOperand(operand, constants));
    const ofStores = [quantizer0, quantizer1, ...factors].filter((one) => one !== undefined);
    this.#context = context;
    this.#pipelines = pipelines;
    this.#caches = [ofOperands(step.operands), [...ofStores, ...ofOperands(residual ? [residual] : [])]]
      .map((quantizers) => ({ quantizers: [...new Set(quantizers)], groups: new Map() }));
    const declared = pipelines.find((pipeline) => pipeline)!.bindings.filter((binding) => binding.group === 0);
    this.writes = step.operands.map((_, place) =>
      !step.shared.includes(place) && declared.find((one) => one.binding === place)?.type === "storage"
    );
  }

  /** Compiles the pipelines of a step. */
  static async create(context: StepContext): Promise<CompiledStep> {
    const { pipelines, step } = context;
    const { quantizer0, quantizer1 } = step.epilogue;
    const compiling: (Promise<Pipeline> | undefined)[] = [];
    for (let mask = 0; mask < 4; mask++) {
      if ((mask & 1 && quantizer0 === undefined) || (mask & 2 && quantizer1 === undefined)) continue;
      // A quantized copy is only ever made while its quantizer is on.
      if (step.onlyFor !== undefined && mask === 0) continue;
      const code = declareWritable(linkShader(step.dispatch, flagsOf(step, mask)), isSharedIn(step));
      const label = `${step.dispatch.shader.name}${mask ? "/fake_quant" : ""} node=${step.nodes[0]}`;
      compiling[mask] = pipelines.get(code, label);
    }
    return new CompiledStep(context, await Promise.all(compiling));
  }

  /** A step that is bound in no precision yet. */
  unbound(): BoundStep {
    return { pipeline: undefined, groups: [], workgroups: this.#context.step.dispatch.workgroups };
  }

  /** Binds what the states ask for; what is bound once is found again. */
  bind(state: StateOf, into: BoundStep): void {
    const pipeline = this.#pipelineFor(state);
    into.pipeline = pipeline?.pipeline;
    const count = pipeline?.layouts.length ?? 0;
    for (let group = 0; group < count; group++) into.groups[group] = this.#group(pipeline!, group, state);
  }

  /** Encodes a step that runs once, over buffers that may not be there for long. */
  encodeOnce(pass: GPUComputePassEncoder, state: StateOf): void {
    const pipeline = this.#pipelineFor(state);
    if (!pipeline) return;
    const groups = pipeline.layouts.map((_, group) => this.#createGroup(pipeline, group, state));
    encodeSteps(pass, [{ ...this.unbound(), pipeline: pipeline.pipeline, groups }], 0, 1);
  }

  /** Undefined while the step does not run. */
  #pipelineFor(state: StateOf): Pipeline | undefined {
    const { onlyFor, epilogue: { quantizer0, quantizer1 } } = this.#context.step;
    if (onlyFor !== undefined && state(onlyFor) === FLOAT) return undefined;
    const isOn = (quantizer: number | undefined) => quantizer !== undefined && state(quantizer) !== FLOAT;
    return this.#pipelines[(isOn(quantizer0) ? 1 : 0) | (isOn(quantizer1) ? 2 : 0)]!;
  }

  #group(pipeline: Pipeline, group: number, state: StateOf): GPUBindGroup {
    const { quantizers, groups } = this.#caches[group]!;
    // Eight storage buffers and four uniforms at most keep this a safe integer.
    let key = 0;
    for (const quantizer of quantizers) key = key * (MAX_CANDIDATES + 1) + state(quantizer) - FLOAT;
    let bound = groups.get(key);
    if (!bound) groups.set(key, bound = this.#createGroup(pipeline, group, state));
    return bound;
  }

  #createGroup(pipeline: Pipeline, group: number, state: StateOf): GPUBindGroup {
    const { gpu, step, bind, table, uniforms } = this.#context;
    const { quantizer0, quantizer1, residual, factors } = step.epilogue;
    const resourceOf = (binding: number): GPUBindingResource => {
      if (group === 0) return bind(step.operands[binding]!, state);
      switch (binding) {
        case 0:
          return uniforms.params;
        case 1:
          return uniforms.activations;
        case 2:
          return table.binding(quantizer0!, state(quantizer0!));
        case 3:
          return table.binding(quantizer1!, state(quantizer1!));
        case RESIDUAL_BINDING:
          return bind(residual!, state);
        default: {
          const factor = factors![binding - FIRST_FACTOR_BINDING]!;
          return table.binding(factor, state(factor));
        }
      }
    };
    return gpu.device.createBindGroup({
      layout: pipeline.layouts[group]!,
      entries: pipeline.bindings.filter((one) => one.group === group).map(({ binding }) => ({
        binding,
        resource: resourceOf(binding),
      })),
    });
  }
}

/** Encodes steps `from` to `to`. */
export function encodeSteps(pass: GPUComputePassEncoder, steps: readonly BoundStep[], from: number, to: number): void {
  let current: GPUComputePipeline | undefined;
  for (let index = from; index < to; index++) {
    const { pipeline, groups, workgroups } = steps[index]!;
    if (!pipeline) continue;
    if (pipeline !== current) pass.setPipeline(current = pipeline);
    for (let group = 0; group < groups.length; group++) pass.setBindGroup(group, groups[group]!);
    pass.dispatchWorkgroups(workgroups[0], workgroups[1], workgroups[2]);
  }
}

/** Whether a step shares what it binds at some place. */
function isSharedIn({ shared }: Step): (place: { readonly group: number; readonly binding: number }) => boolean {
  return ({ group, binding }) =>
    group === 0 ? shared.includes(binding) : binding === RESIDUAL_BINDING && shared.includes("residual");
}

/** What a step's stores do with those of its quantizers on that `mask` names, bit 0 and bit 1: both unless stated. */
export function flagsOf({ epilogue }: Step, mask = 3): EpilogueFlags {
  const { activation0, quantizer0, residual, requantizes, wholeSums, factors, activation1, quantizer1 } = epilogue;
  const fakeQuant0 = (mask & 1) !== 0 && quantizer0 !== undefined;
  return {
    activation0: withoutNumbers(activation0),
    fakeQuant0,
    requantizes: requantizes && fakeQuant0,
    wholeSums: wholeSums && !(requantizes && fakeQuant0),
    hasFactors: factors !== undefined,
    residual: residual !== undefined,
    activation1: withoutNumbers(activation1),
    fakeQuant1: (mask & 2) !== 0 && quantizer1 !== undefined,
  };
}

function withoutNumbers(activation: Epilogue["activation0"]): StoreActivation {
  return activation.kind === "chain" ? activation : activation.kind;
}
