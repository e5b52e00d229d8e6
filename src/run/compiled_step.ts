/** One step with its pipelines and bind groups: a precision picks among them when the step is encoded. */
import { FLOAT } from "../base/precision.ts";
import type { Gpu } from "../gpu/device.ts";
import { type EpilogueFlags, linkShader } from "../gpu/link.ts";
import type { Pipeline, PipelineCache } from "../gpu/pipelines.ts";
import type { BufferPart } from "../gpu/buffers.ts";
import type { Operand, Step } from "../plan/plan.ts";
import type { QuantizerTable } from "./quantizer_table.ts";
import type { StepUniforms } from "./uniform_block.ts";

/** State of a quantizer: FLOAT or a candidate. */
export type StateOf = (quantizer: number) => number;

interface StepContext {
  readonly gpu: Gpu;
  readonly pipelines: PipelineCache;
  readonly step: Step;
  /** Quantizers whose state changes the step. */
  readonly quantizers: readonly number[];
  readonly uniforms: StepUniforms;
  readonly bind: (operand: Operand, state: StateOf) => BufferPart;
  readonly table: QuantizerTable;
}

interface Variant {
  readonly pipeline: GPUComputePipeline;
  readonly groups: readonly GPUBindGroup[];
}

/** A step ready to be encoded. */
export class CompiledStep {
  /** Which operands the kernel writes. */
  readonly writes: readonly boolean[];
  readonly #context: StepContext;
  /** Pipelines by which fake-quants are on: bit 0 and bit 1. */
  readonly #pipelines: readonly (Pipeline | undefined)[];
  readonly #variants = new Map<string, Variant>();

  private constructor(context: StepContext, pipelines: readonly (Pipeline | undefined)[]) {
    this.#context = context;
    this.#pipelines = pipelines;
    const declared = pipelines.find((pipeline) => pipeline)!.bindings.filter((binding) => binding.group === 0);
    this.writes = context.step.operands.map((_, place) =>
      declared.find((one) => one.binding === place)?.type === "storage"
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
      const code = linkShader(step.dispatch, flagsOf(step, mask));
      const label = `${step.dispatch.shader.name}${mask ? "/fake_quant" : ""} node=${step.nodes[0]}`;
      compiling[mask] = pipelines.get(code, label);
    }
    return new CompiledStep(context, await Promise.all(compiling));
  }

  /** Encodes the step in the variant that the state asks for. */
  encode(pass: GPUComputePassEncoder, state: StateOf): void {
    const { step, quantizers } = this.#context;
    if (step.onlyFor !== undefined && state(step.onlyFor) === FLOAT) return;
    const key = quantizers.map(state).join();
    let variant = this.#variants.get(key);
    if (!variant) this.#variants.set(key, variant = this.#bind(state));
    pass.setPipeline(variant.pipeline);
    variant.groups.forEach((group, index) => pass.setBindGroup(index, group));
    pass.dispatchWorkgroups(...step.dispatch.workgroups);
  }

  #bind(state: StateOf): Variant {
    const { gpu, step, bind, table, uniforms } = this.#context;
    const { quantizer0, quantizer1, residual } = step.epilogue;
    const isOn = (quantizer: number | undefined) => quantizer !== undefined && state(quantizer) !== FLOAT;
    const pipeline = this.#pipelines[(isOn(quantizer0) ? 1 : 0) | (isOn(quantizer1) ? 2 : 0)]!;
    const stateOf = (quantizer: number | undefined) => quantizer === undefined ? FLOAT : state(quantizer);
    const resourceOf = (group: number, binding: number): GPUBindingResource => {
      if (group === 0) return bind(step.operands[binding]!, state);
      switch (binding) {
        case 0:
          return uniforms.params;
        case 1:
          return uniforms.activations;
        case 2:
          return table.binding(quantizer0, stateOf(quantizer0));
        case 3:
          return table.binding(quantizer1, stateOf(quantizer1));
        default:
          return residual ? bind(residual, state) : { buffer: table.unused };
      }
    };
    const groups = pipeline.layouts.map((layout, group) =>
      gpu.device.createBindGroup({
        layout,
        entries: pipeline.bindings.filter((one) => one.group === group).map(({ binding }) => ({
          binding,
          resource: resourceOf(group, binding),
        })),
      })
    );
    return { pipeline: pipeline.pipeline, groups };
  }
}

function flagsOf(step: Step, mask: number): EpilogueFlags {
  const { activation0, activation1, residual } = step.epilogue;
  return {
    activation0: activation0.kind,
    fakeQuant0: (mask & 1) !== 0,
    residual: residual !== undefined,
    activation1: activation1.kind,
    fakeQuant1: (mask & 2) !== 0,
  };
}
