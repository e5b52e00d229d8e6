/** A plan on a device: everything uploaded and compiled once, then run as often as wanted in any precision. */
import { type Assignment, FLOAT } from "../base/precision.ts";
import { type HostTensor, knownTensor } from "../base/tensor.ts";
import type { QuantizerLayout, QuantizerParameters } from "../graph/quantizer.ts";
import {
  type BufferPart,
  checkBinding,
  checkRoom,
  createPool,
  readBuffers,
  tensorFromWords,
  wordsOf,
  writeWords,
} from "../gpu/buffers.ts";
import type { Gpu } from "../gpu/device.ts";
import type { PassLabel, PassProfiler } from "../gpu/profiler.ts";
import { StagingBuffers } from "../gpu/staging.ts";
import type { PipelineCache } from "../gpu/pipelines.ts";
import { byteLengthOf, constantBytes, type Operand, type Plan, quantizersOf } from "../plan/plan.ts";
import { BoundSteps } from "./bound_steps.ts";
import { CompiledStep, type StateOf } from "./compiled_step.ts";
import { type ConstantData, ConstantStore } from "./constant_store.ts";
import { QuantizerTable } from "./quantizer_table.ts";
import { UniformBlock } from "./uniform_block.ts";

/** The contents that a candidate gives to one quantizer: parameters for activations, contents for weights and biases. */
export type CandidateData = { readonly parameters: QuantizerParameters } | ConstantData;

/** Runs one plan. Dispose it to free its buffers. */
export class Session {
  readonly plan: Plan;
  readonly #gpu: Gpu;
  readonly #layout: QuantizerLayout | undefined;
  readonly #slots: readonly BufferPart[];
  readonly #constants: ConstantStore;
  readonly #table: QuantizerTable;
  readonly #steps: BoundSteps;
  readonly #resources: Disposable;
  readonly #staging: StagingBuffers;
  /** Candidate → quantizers that have data for it. */
  readonly #given = new Map<number, Set<number>>();
  /** State of groups that an assignment does not name. */
  #unassigned = FLOAT;

  private constructor(parts: {
    gpu: Gpu;
    plan: Plan;
    layout: QuantizerLayout | undefined;
    buffers: SessionBuffers;
    steps: BoundSteps;
    resources: Disposable;
  }) {
    this.plan = parts.plan;
    this.#gpu = parts.gpu;
    this.#layout = parts.layout;
    this.#slots = parts.buffers.slots;
    this.#constants = parts.buffers.constants;
    this.#table = parts.buffers.table;
    this.#steps = parts.steps;
    this.#resources = parts.resources;
    this.#staging = new StagingBuffers(parts.gpu.device);
  }

  /**
   * Uploads the plan's constants and compiles all its pipelines, those of both variants of every quantized layer. Throws OutOfMemoryError
   * where its buffers do not fit; whatever it throws, nothing stays allocated.
   */
  static async create(gpu: Gpu, pipelines: PipelineCache, plan: Plan, layout?: QuantizerLayout): Promise<Session> {
    using stack = new DisposableStack();
    const buffers = stack.use(await gpu.allocating(() => allocateBuffers(gpu, plan, layout)));
    const { slots, table, constants, uniforms } = buffers;
    const bind = (operand: Operand, state: StateOf): BufferPart => {
      const whole = bindWhole(operand, state);
      const { window } = operand;
      return window ? { ...whole, offset: whole.offset + 4 * window.offset, size: 4 * window.length } : whole;
    };
    const bindWhole = (operand: Operand, state: StateOf): BufferPart => {
      switch (operand.kind) {
        case "slot":
          return slots[operand.slot]!;
        case "choice":
          return slots[state(operand.quantizer) === FLOAT ? operand.float : operand.int8]!;
        case "constant": {
          const { quantizer } = plan.constants[operand.constant]!;
          const buffer = constants.get(operand.constant, quantizer === undefined ? FLOAT : state(quantizer));
          return { buffer, offset: 0, size: buffer.size };
        }
      }
    };
    const compiled = await Promise.all([...plan.prepare, ...plan.steps].map((step, index) =>
      CompiledStep.create({
        gpu,
        pipelines,
        step,
        constants: plan.constants,
        uniforms: uniforms.of(index),
        bind,
        table,
      })
    ));
    const prepare = compiled.slice(0, plan.prepare.length);
    constants.setPrepare(prepare, plan.prepare);
    constants.prepare(FLOAT, () => true);
    const quantizers = plan.steps.map((step) => quantizersOf(step, plan.constants));
    const steps = new BoundSteps(compiled.slice(plan.prepare.length), quantizers, layout?.quantizers.length ?? 0);
    gpu.check();
    return new Session({ gpu, plan, layout, buffers, steps, resources: stack.move() });
  }

  /** Number of uploads of quantizer data since the session was created; toggling precision causes none. */
  get uploads(): number {
    return this.#table.uploads + this.#constants.uploads;
  }

  /** Gives quantizers the data of a candidate, so that assignments may choose it. Those that get none stay in float in it. */
  setCandidate(candidate: number, data: ReadonlyMap<number, CandidateData>): void {
    const changed = new Set<number>();
    this.#given.set(candidate, new Set([...this.#given.get(candidate) ?? [], ...data.keys()]));
    for (const [quantizer, content] of data) {
      if ("parameters" in content) {
        this.#table.set(quantizer, candidate, content.parameters);
      } else {
        if (this.#constants.set(quantizer, candidate, content)) changed.add(quantizer);
      }
    }
    this.#constants.prepare(candidate, (quantizer) => quantizer !== undefined && changed.has(quantizer));
    // What is bound here is found bound when the candidate is first encoded.
    this.#steps.bind((quantizer) => this.#given.get(candidate)!.has(quantizer) ? candidate : FLOAT);
  }

  /** Lets groups that an assignment does not name compute in a candidate; until then they compute in float. */
  assume(candidate: number): void {
    this.#unassigned = candidate;
  }

  /** Uploads one input of the next run. */
  writeInput(name: string, tensor: HostTensor): void {
    writeWords(this.#gpu, this.inputBuffer(name), wordsOf(tensor));
  }

  /** The buffer that an input is read from, which nothing else lies in. */
  inputBuffer(name: string): GPUBuffer {
    const input = this.plan.inputs.find((one) => one.name === name);
    if (!input) throw new RangeError(`Cannot find input "${name}": the network has ${this.#inputNames()}`);
    return this.#slots[input.slot]!.buffer;
  }

  /** Where a slot of the plan lies. */
  slotPart(slot: number): BufferPart {
    return this.#slots[slot]!;
  }

  /** State of every quantizer under an assignment of the layout's groups. */
  stateOf(assignment: Assignment = []): StateOf {
    const layout = this.#layout;
    const unassigned = this.#unassigned;
    if (!layout || (assignment.length === 0 && unassigned === FLOAT)) return () => FLOAT;
    return (quantizer) => {
      const state = assignment[layout.quantizers[quantizer]!.group] ?? unassigned;
      return this.#given.get(state)?.has(quantizer) === false ? FLOAT : state;
    };
  }

  /** Encodes steps `from` to `to`: in one pass, or while passes are recorded in one for each step. */
  encode(encoder: GPUCommandEncoder, assignment: Assignment = [], from = 0, to = this.plan.steps.length): void {
    if (from >= to) return;
    const state = this.stateOf(assignment);
    const precision = [...assignment, this.#unassigned].some((one) => one !== FLOAT) ? "int8" : "float32";
    const record = this.#gpu.profiler?.begin(this, precision, to - from);
    if (record) {
      this.#encodeRecorded(encoder, state, { from, to, record });
      return;
    }
    this.#steps.bind(state);
    const pass = encoder.beginComputePass();
    this.#steps.encode(pass, from, to);
    pass.end();
  }

  /** Encodes all steps, each in a pass that `profiler` records under `track`; false where it has no room for them. */
  encodeTimed(
    encoder: GPUCommandEncoder,
    assignment: Assignment,
    { profiler, track }: { readonly profiler: PassProfiler; readonly track: string },
  ): boolean {
    const record = profiler.begin(this, track, this.plan.steps.length);
    if (!record) return false;
    this.#encodeRecorded(encoder, this.stateOf(assignment), { from: 0, to: this.plan.steps.length, record });
    return true;
  }

  #encodeRecorded(
    encoder: GPUCommandEncoder,
    state: StateOf,
    { from, to, record }: { from: number; to: number; record: (label: PassLabel) => GPUComputePassTimestampWrites },
  ): void {
    this.#steps.bind(state);
    this.plan.steps.slice(from, to).forEach((step, place) => {
      if (step.onlyFor !== undefined && state(step.onlyFor) === FLOAT) return;
      const timestampWrites = record({
        name: step.nodes.join(" + "),
        node: step.nodes[0] ?? "",
        ...step.source,
        step: from + place,
        shader: step.dispatch.shader.name,
        workgroups: step.dispatch.workgroups,
      });
      const pass = encoder.beginComputePass({ timestampWrites });
      this.#steps.encode(pass, from + place, from + place + 1);
      pass.end();
    });
  }

  /** Encodes and submits the whole plan. */
  run(assignment?: Assignment): void {
    const encoder = this.#gpu.device.createCommandEncoder();
    this.encode(encoder, assignment);
    this.#gpu.device.queue.submit([encoder.finish()]);
  }

  /** Reads all outputs of the last run. */
  async read(): Promise<HostTensor[]> {
    const { outputs } = this.plan;
    const computed = outputs.filter((output) => output.slot !== undefined);
    const words = await readBuffers(
      this.#gpu,
      computed.map((output) => {
        const { buffer, offset } = this.#slots[output.slot!]!;
        return { buffer, byteOffset: offset, byteLength: byteLengthOf(output.type) };
      }),
      this.#staging,
    );
    return outputs.map((output) =>
      knownTensor(output.type) ??
        tensorFromWords(words[computed.indexOf(output)]!, output.type.dtype, output.type.shape)
    );
  }

  [Symbol.dispose](): void {
    this.#staging[Symbol.dispose]();
    this.#resources[Symbol.dispose]();
  }

  #inputNames(): string {
    return this.plan.inputs.map((input) => `"${input.name}"`).join(", ");
  }
}

/** Everything of a session that lies on the GPU. */
interface SessionBuffers extends Disposable {
  readonly slots: readonly BufferPart[];
  readonly table: QuantizerTable;
  readonly constants: ConstantStore;
  readonly uniforms: UniformBlock;
}

/** Allocates and fills the buffers of a plan; throws OutOfMemoryError where one is too large for the adapter. */
function allocateBuffers(gpu: Gpu, plan: Plan, layout: QuantizerLayout | undefined): SessionBuffers {
  using stack = new DisposableStack();
  // Without a submit the destroyed buffers' memory is kept.
  stack.defer(() => gpu.device.queue.submit([]));
  const bytes = plan.constants.reduce((sum, constant) => sum + constantBytes(constant), 0);
  checkRoom(gpu, plan.buffers.reduce((sum, byteLength) => sum + byteLength, bytes));
  plan.slots.forEach(({ byteLength }, slot) => checkBinding(gpu, byteLength, `slot ${slot}`));
  for (const operand of [...plan.prepare, ...plan.steps].flatMap((step) => step.operands)) {
    if (operand.kind !== "constant") continue;
    const constant = plan.constants[operand.constant]!;
    checkBinding(gpu, operand.window ? 4 * operand.window.length : constantBytes(constant), constant.name);
  }
  const pools = plan.buffers.map((byteLength, index) =>
    stack.adopt(createPool(gpu, byteLength, `activations ${index}`), (buffer) => buffer.destroy())
  );
  const table = stack.adopt(new QuantizerTable(gpu, layout?.quantizers.length ?? 0), (one) => one.destroy());
  const constants = stack.adopt(new ConstantStore(gpu, plan.constants), (one) => one.destroy());
  const uniforms = stack.adopt(new UniformBlock(gpu, [...plan.prepare, ...plan.steps]), (one) => one.destroy());
  const resources = stack.move();
  return {
    slots: plan.slots.map(({ buffer, offset, byteLength }) => ({ buffer: pools[buffer]!, offset, size: byteLength })),
    table,
    constants,
    uniforms,
    [Symbol.dispose]: () => resources.dispose(),
  };
}
