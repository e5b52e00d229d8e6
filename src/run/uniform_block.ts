/** The uniforms of all steps of a plan: one buffer, one upload. */
import type { Shader } from "../base/dispatch.ts";
import type { BufferPart } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { packUniforms, type UniformLayout, uniformLayout } from "../gpu/uniforms.ts";
import type { Step } from "../plan/plan.ts";

/** Uniform bindings start at multiples of this many bytes. */
const ALIGNMENT = 256;

/** What a step binds in group 1: the kernel's `params`, and the parameters of its activations. */
export interface StepUniforms {
  readonly params: BufferPart;
  readonly activations: BufferPart;
}

/** Holds the uniforms of steps. */
export class UniformBlock {
  readonly #buffer: GPUBuffer;
  readonly #offsets: readonly { readonly params: number; readonly size: number; readonly activations: number }[];

  constructor(gpu: Gpu, steps: readonly Step[]) {
    const layouts = new Map<Shader, UniformLayout>();
    let end = 0;
    this.#offsets = steps.map(({ dispatch: { shader } }) => {
      let layout = layouts.get(shader);
      if (!layout) layouts.set(shader, layout = uniformLayout(shader.code));
      const params = end;
      const activations = params + Math.ceil(layout.byteLength / ALIGNMENT) * ALIGNMENT;
      end = activations + ALIGNMENT;
      return { params, size: layout.byteLength, activations };
    });
    const bytes = new Uint8Array(Math.max(ALIGNMENT, end));
    steps.forEach(({ dispatch, epilogue: { activation0, activation1 } }, index) => {
      const { params, activations } = this.#offsets[index]!;
      bytes.set(packUniforms(layouts.get(dispatch.shader)!, dispatch.uniforms), params);
      new Float32Array(bytes.buffer, activations, 4).set([
        activation0.alpha ?? 0,
        activation0.beta ?? 0,
        activation1.alpha ?? 0,
        activation1.beta ?? 0,
      ]);
    });
    this.#buffer = gpu.device.createBuffer({
      label: "uniforms",
      size: bytes.length,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    gpu.device.queue.writeBuffer(this.#buffer, 0, bytes);
  }

  /** The uniforms of the step at an index. */
  of(index: number): StepUniforms {
    const { params, size, activations } = this.#offsets[index]!;
    return {
      params: { buffer: this.#buffer, offset: params, size },
      activations: { buffer: this.#buffer, offset: activations, size: 16 },
    };
  }

  destroy(): void {
    this.#buffer.destroy();
  }
}
