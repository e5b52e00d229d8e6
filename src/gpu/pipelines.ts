/** Pipelines by the text they were compiled from: equal text is compiled once, and no cache key is written by hand. */
import { ShaderError } from "../base/errors.ts";
import { type Binding, bindingsOf } from "./link.ts";
import type { Gpu } from "./device.ts";

/** A compiled kernel with the layouts of its bind groups. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layouts: readonly GPUBindGroupLayout[];
  readonly bindings: readonly Binding[];
}

/** Compiles and keeps pipelines; `compiled` counts real compilations. */
export class PipelineCache {
  readonly #gpu: Gpu;
  readonly #pipelines = new Map<string, Promise<Pipeline>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();
  #compiled = 0;

  constructor(gpu: Gpu) {
    this.#gpu = gpu;
  }

  /** Number of pipelines compiled so far. */
  get compiled(): number {
    return this.#compiled;
  }

  /** The pipeline of a linked module; throws ShaderError with the driver's text. */
  get(code: string, label: string): Promise<Pipeline> {
    let pipeline = this.#pipelines.get(code);
    if (!pipeline) {
      pipeline = this.#compile(code, label);
      this.#pipelines.set(code, pipeline);
    }
    return pipeline;
  }

  async #compile(code: string, label: string): Promise<Pipeline> {
    this.#compiled++;
    const { device } = this.#gpu;
    device.pushErrorScope("validation");
    const bindings = bindingsOf(code);
    const groups = Math.max(0, ...bindings.map((binding) => binding.group + 1));
    const layouts = Array.from(
      { length: groups },
      (_, group) => this.#layout(bindings.filter((binding) => binding.group === group)),
    );
    const pipeline = device.createComputePipeline({
      label,
      layout: device.createPipelineLayout({ bindGroupLayouts: layouts }),
      compute: { module: device.createShaderModule({ label, code }), entryPoint: "main" },
    });
    const error = await device.popErrorScope();
    if (error) throw new ShaderError(`Cannot compile kernel "${label}": ${error.message}`);
    return { pipeline, layouts, bindings };
  }

  #layout(bindings: readonly Binding[]): GPUBindGroupLayout {
    const key = bindings.map(({ binding, type }) => `${binding}:${type}`).join();
    let layout = this.#layouts.get(key);
    if (!layout) {
      layout = this.#gpu.device.createBindGroupLayout({
        entries: bindings.map(({ binding, type }) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type },
        })),
      });
      this.#layouts.set(key, layout);
    }
    return layout;
  }
}
