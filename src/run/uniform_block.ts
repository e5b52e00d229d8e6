/** The uniforms of all steps of a plan: one buffer, one upload. */
import { MOST_SCALARS, type Shader } from "../base/dispatch.ts";
import type { BufferPart } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { packUniforms, type UniformLayout, uniformLayout } from "../gpu/uniforms.ts";
import type { Epilogue, Step } from "../plan/plan.ts";

/** Uniform bindings start at multiples of this many bytes. */
const ALIGNMENT = 256;

/** Bytes of `struct Epilogue` (shaders/lib/epilogue.wgsl). */
const EPILOGUE_BYTES = 16 + 4 * MOST_SCALARS;

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
      new Float32Array(bytes.buffer, activations, EPILOGUE_BYTES / 4).set(numbersOf(activation0, activation1));
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
      activations: { buffer: this.#buffer, offset: activations, size: EPILOGUE_BYTES },
    };
  }

  destroy(): void {
    this.#buffer.destroy();
  }
}

/** The numbers of both activations, one of which may be a chain, in the order of `struct Epilogue`. */
function numbersOf(...activations: Epilogue["activation0"][]): number[] {
  const simple = activations.flatMap((one) => one.kind === "chain" ? [0, 0] : [one.alpha ?? 0, one.beta ?? 0]);
  return [...simple, ...activations.flatMap((one) => one.kind === "chain" ? one.scalars : [])];
}
