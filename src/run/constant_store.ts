/** Buffers of a plan's constants: one for each state of the weight or bias quantizer that decides the contents. */
import { FLOAT } from "../base/precision.ts";
import { sameShape } from "../base/shape.ts";
import { elementCount, formatShape, type HostTensor } from "../base/tensor.ts";
import { createPool, wordsOf, writeWords } from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import { byteLengthOf, constantBytes, type PlanConstant, type Step } from "../plan/plan.ts";
import type { CompiledStep } from "./compiled_step.ts";

/** What a weight or bias is in a candidate. */
export interface ConstantData {
  /** Float32 values. */
  readonly tensor: HostTensor;
  /** For each element of a bias with codes what one code is worth: the scale of the layer's input times that of its weights. */
  readonly units?: Float32Array;
}

/** Uploads initializers, keeps their variants, and runs the plan's `prepare` steps over them. */
export class ConstantStore {
  readonly #gpu: Gpu;
  readonly #constants: readonly PlanConstant[];
  /** `buffers[constant]`: state → buffer. */
  readonly #buffers: Map<number, GPUBuffer>[];
  /** `sources[quantizer]`: candidate → what it was set to. */
  readonly #sources = new Map<number, Map<number, ConstantData>>();
  #prepare: readonly { readonly compiled: CompiledStep; readonly quantizer: number | undefined }[] = [];
  #uploads = 0;

  constructor(gpu: Gpu, constants: readonly PlanConstant[]) {
    this.#gpu = gpu;
    this.#constants = constants;
    this.#buffers = constants.map((constant) => {
      const buffer = createPool(gpu, constantBytes(constant), constant.name);
      if (constant.value) writeWords(gpu, buffer, wordsOf(constant.value));
      return new Map([[FLOAT, buffer]]);
    });
    gpu.device.queue.submit([]);
  }

  get uploads(): number {
    return this.#uploads;
  }

  /** The buffer of a constant in a state of its quantizer. */
  get(constant: number, state: number): GPUBuffer {
    const buffer = this.#buffers[constant]!.get(state);
    if (!buffer) {
      throw new Error(
        `Cannot use candidate ${state} of constant "${this.#constants[constant]!.name}": it was never set`,
      );
    }
    return buffer;
  }

  /**
   * Sets what the constants of a quantizer contain in a candidate; false where another candidate has the very same tensor, whose
   * buffers then serve both. Contents that serve two candidates cannot be replaced.
   */
  set(quantizer: number, candidate: number, data: ConstantData): boolean {
    let sources = this.#sources.get(quantizer);
    if (!sources) this.#sources.set(quantizer, sources = new Map());
    const others = [...sources].filter(([other]) => other !== candidate);
    const before = sources.get(candidate);
    if (before && others.some(([, source]) => isSame(source, before))) {
      throw new Error(`Cannot replace candidate ${candidate} of quantizer ${quantizer}: it shares its buffers`);
    }
    const [twin] = before ? [] : others.find(([, source]) => isSame(source, data)) ?? [];
    sources.set(candidate, data);
    if (twin === undefined) {
      this.#upload(quantizer, candidate, data);
      return true;
    }
    this.#constants.forEach((constant, index) => {
      const buffer = constant.quantizer === quantizer ? this.#buffers[index]!.get(twin) : undefined;
      if (buffer) this.#buffers[index]!.set(candidate, buffer);
    });
    return false;
  }

  #upload(quantizer: number, candidate: number, { tensor, units }: ConstantData): void {
    this.#constants.forEach((constant, index) => {
      if (constant.quantizer !== quantizer) return;
      if (constant.value && !sameShape(constant.shape, tensor.shape)) {
        throw new RangeError(
          `Cannot replace "${constant.name}": found shape ${formatShape(tensor.shape)}, expected ${
            formatShape(constant.shape)
          }`,
        );
      }
      const buffer = this.#buffers[index]!.get(candidate) ??
        createPool(this.#gpu, constantBytes(constant), `${constant.name} candidate ${candidate}`);
      this.#buffers[index]!.set(candidate, buffer);
      if (constant.value) writeWords(this.#gpu, buffer, wordsOf(tensor));
      if (constant.hasUnits) writeWords(this.#gpu, buffer, unitWords(constant, units), byteLengthOf(constant));
    });
    this.#uploads++;
  }

  /** Tells the store the steps that compute constants from constants. */
  setPrepare(compiled: readonly CompiledStep[], steps: readonly Step[]): void {
    this.#prepare = compiled.map((one, index) => {
      const written = steps[index]!.operands.filter((_, place) => one.writes[place]);
      const constant = written.flatMap((operand) => operand.kind === "constant" ? [operand.constant] : [])[0];
      return { compiled: one, quantizer: constant === undefined ? undefined : this.#constants[constant]!.quantizer };
    });
  }

  /** Computes the derived constants of those quantizers that `selects` names, in one state. */
  prepare(state: number, selects: (quantizer: number | undefined) => boolean): void {
    const chosen = this.#prepare.filter(({ quantizer }) => selects(quantizer));
    if (chosen.length === 0) return;
    const encoder = this.#gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { compiled } of chosen) compiled.encodeOnce(pass, () => state);
    pass.end();
    this.#gpu.device.queue.submit([encoder.finish()]);
    this.#releaseSources(state);
  }

  destroy(): void {
    for (const states of this.#buffers) for (const buffer of new Set(states.values())) buffer.destroy();
  }

  /** Frees what only the prepare steps read. */
  #releaseSources(state: number): void {
    this.#constants.forEach((constant, index) => {
      if (constant.isResident) return;
      const states = this.#buffers[index]!;
      if (state === FLOAT || constant.quantizer === undefined) return;
      states.get(state)?.destroy();
      states.delete(state);
    });
  }
}

function isSame(a: ConstantData, b: ConstantData): boolean {
  return a.tensor === b.tensor && a.units === b.units;
}

/** Zeros where a candidate has no units: its sums are in float. */
function unitWords({ name, shape }: PlanConstant, units: Float32Array | undefined): Uint32Array<ArrayBuffer> {
  const length = elementCount(shape);
  if (units && units.length !== length) {
    throw new RangeError(`Cannot use ${units.length} units for the ${length} elements of "${name}"`);
  }
  return new Uint32Array((units ? Float32Array.from(units) : new Float32Array(length)).buffer);
}
