/** One step with its pipelines and bind groups: a precision picks among them when the step is encoded. */
import { FLOAT } from "../base/precision.ts";
import type { Gpu } from "../gpu/device.ts";
import { type EpilogueFlags, linkShader } from "../gpu/link.ts";
import type { Pipeline, PipelineCache } from "../gpu/pipelines.ts";
import { packUniforms, uniformLayout } from "../gpu/uniforms.ts";
import type { Operand, Step } from "../plan/plan.ts";
import type { QuantizerTable } from "./quantizer_table.ts";

/** State of a quantizer: FLOAT or a candidate. */
export type StateOf = (quantizer: number) => number;

/** Uniform bindings start at multiples of this many bytes. */
const UNIFORM_ALIGNMENT = 256;

interface StepContext {
  readonly gpu: Gpu;
  readonly pipelines: PipelineCache;
  readonly step: Step;
  /** Quantizers whose state changes the step. */
  readonly quantizers: readonly number[];
  readonly uniforms: { readonly buffer: GPUBuffer; readonly offset: number };
  readonly bind: (operand: Operand, state: StateOf) => GPUBuffer;
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
  readonly uniformStride: number;
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
    this.uniformStride = strideOf(context.step);
  }

  /** One buffer for the uniforms of many steps, each at an aligned offset in order. */
  static uniformBuffer(gpu: Gpu, steps: readonly Step[]): GPUBuffer {
    const size = steps.reduce((sum, step) => sum + strideOf(step), 0);
    return gpu.device.createBuffer({
      label: "uniforms",
      size: Math.max(UNIFORM_ALIGNMENT, size),
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /** Compiles the pipelines of a step and writes its uniforms. */
  static async create(context: StepContext): Promise<CompiledStep> {
    const { gpu, pipelines, step, uniforms } = context;
    const { quantizer0, quantizer1 } = step.epilogue;
    const compiled: (Pipeline | undefined)[] = [];
    for (let mask = 0; mask < 4; mask++) {
      if ((mask & 1 && quantizer0 === undefined) || (mask & 2 && quantizer1 === undefined)) continue;
      // A quantized copy is only ever made while its quantizer is on.
      if (step.onlyFor !== undefined && mask === 0) continue;
      const code = linkShader(step.dispatch, flagsOf(step, mask));
      const label = `${step.dispatch.shader.name}${mask ? "/fake_quant" : ""} node=${step.nodes[0]}`;
      compiled[mask] = await pipelines.get(code, label);
    }
    const layout = uniformLayout(step.dispatch.shader.code);
    gpu.device.queue.writeBuffer(uniforms.buffer, uniforms.offset, packUniforms(layout, step.dispatch.uniforms));
    const { activation0, activation1 } = step.epilogue;
    gpu.device.queue.writeBuffer(
      uniforms.buffer,
      uniforms.offset + paramsStride(step),
      Float32Array.of(activation0.alpha ?? 0, activation0.beta ?? 0, activation1.alpha ?? 0, activation1.beta ?? 0),
    );
    return new CompiledStep(context, compiled);
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
      if (group === 0) return { buffer: bind(step.operands[binding]!, state) };
      switch (binding) {
        case 0:
          return {
            buffer: uniforms.buffer,
            offset: uniforms.offset,
            size: uniformLayout(step.dispatch.shader.code).byteLength,
          };
        case 1:
          return { buffer: uniforms.buffer, offset: uniforms.offset + paramsStride(step), size: 16 };
        case 2:
          return table.binding(quantizer0, stateOf(quantizer0));
        case 3:
          return table.binding(quantizer1, stateOf(quantizer1));
        default:
          return { buffer: residual ? bind(residual, state) : table.unused };
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

function paramsStride(step: Step): number {
  return Math.ceil(uniformLayout(step.dispatch.shader.code).byteLength / UNIFORM_ALIGNMENT) * UNIFORM_ALIGNMENT;
}

function strideOf(step: Step): number {
  return paramsStride(step) + UNIFORM_ALIGNMENT;
}
