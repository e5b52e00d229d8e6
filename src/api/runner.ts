/** Running a model on whatever inputs it takes: planned once for each set of input shapes. */
import { UsageError } from "../base/errors.ts";
import { formatShape, type HostTensor, isFloat, misfitOf } from "../base/tensor.ts";
import type { Graph, ValueInfo } from "../graph/graph.ts";
import { runPasses } from "../passes/run_passes.ts";
import { widenFloats } from "../passes/widen_floats.ts";
import type { Session } from "../run/session.ts";
import { type BoundPlan, planFor, runBound } from "./bound_plan.ts";
import type { Model } from "./model.ts";
import { openNetwork } from "./planned_network.ts";
import type { Runtime } from "./runtime.ts";

/** How a runner keeps plans. */
export interface RunnerOptions {
  /** Sets of input shapes to keep planned, compiled and allocated; the one unused for longest goes first. 8 unless stated. */
  readonly maxPlans?: number;
}

/** Tensors by the name of the input or output. */
export type NamedTensors = Readonly<Record<string, HostTensor>>;

/** What is ready for inputs of certain shapes. */
interface Ready {
  readonly key: string;
  /** Contents of the inputs that decide shapes, which the plan holds for. */
  readonly contents: ReadonlyMap<string, HostTensor>;
  readonly bound: BoundPlan;
  readonly session: Session;
}

/**
 * Runs one model. Symbolic extents may differ from run to run; each new set of shapes costs a plan, each known one nothing.
 *
 * ```ts
 * import { loadModel, Runner, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * using runner = new Runner(runtime, await loadModel("model.onnx"));
 * const x = { dtype: "float32" as const, shape: [1, 2, 6, 6], data: new Float32Array(72) };
 * const outputs = await runner.run({ x });
 * for (const [name, { shape, data }] of Object.entries(outputs)) console.log(name, shape, data);
 * ```
 */
export class Runner {
  readonly #runtime: Runtime;
  readonly #graph: Graph;
  readonly #maxPlans: number;
  /** Least recently used first. */
  #ready: Ready[] = [];
  #plannings = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** Dispose it before its runtime. Nothing is planned until the first run. */
  constructor(runtime: Runtime, model: Model, options: RunnerOptions = {}) {
    const { maxPlans = 8 } = options;
    if (!Number.isInteger(maxPlans) || maxPlans < 1) {
      throw new RangeError(`Cannot keep ${maxPlans} plans, expected at least 1`);
    }
    this.#runtime = runtime;
    this.#graph = widenFloats(model.graph);
    this.#maxPlans = maxPlans;
  }

  /** What `run` takes; floats of any width are computed in float32. */
  get inputs(): readonly ValueInfo[] {
    return this.#graph.inputs;
  }

  /** How often a set of shapes was planned since the runner was made. */
  get plannings(): number {
    return this.#plannings;
  }

  /**
   * Computes the outputs, by name. Calls wait for those before them. Throws UsageError for inputs that the model does not have or that
   * contradict its shapes, and UnsupportedError for what cannot be planned.
   */
  run(inputs: NamedTensors): Promise<NamedTensors> {
    const tensors = this.#checked(inputs);
    const result = this.#last.then(() => this.#run(tensors));
    this.#last = result.catch(() => {});
    return result;
  }

  /** Frees what is planned and allocated. */
  [Symbol.dispose](): void {
    for (const { session } of this.#ready) session[Symbol.dispose]();
    this.#ready = [];
  }

  async #run(inputs: ReadonlyMap<string, HostTensor>): Promise<NamedTensors> {
    const ready = await this.#prepare(inputs);
    const outputs = await runBound(this.#runtime, ready.session, ready.bound, inputs);
    return Object.fromEntries(this.#graph.outputs.map(({ name }, place) => [name, outputs[place]!]));
  }

  async #prepare(inputs: ReadonlyMap<string, HostTensor>): Promise<Ready> {
    const key = [...inputs].map(([name, { shape }]) => `${name}:${shape.join()}`).join(" ");
    const known = this.#ready.find((one) => one.key === key && hasContents(inputs, one.contents));
    if (known) {
      this.#ready = [...this.#ready.filter((one) => one !== known), known];
      return known;
    }
    const { kernelTarget: target } = this.#runtime.gpu;
    const bound = planFor(this.#graph, inputs, { optimize: runPasses, target });
    const session = await openNetwork(this.#runtime, bound);
    this.#plannings++;
    const contents = new Map(
      [...inputs].filter(([name]) => bound.bound.has(name)).map(([name, tensor]) => [
        name,
        { ...tensor, data: tensor.data.slice() },
      ]),
    );
    const ready = { key, contents, bound, session };
    this.#ready.push(ready);
    if (this.#ready.length > this.#maxPlans) this.#ready.shift()!.session[Symbol.dispose]();
    return ready;
  }

  #checked(inputs: NamedTensors): Map<string, HostTensor> {
    const unknown = Object.keys(inputs).find((name) => !this.#graph.inputs.some((input) => input.name === name));
    if (unknown !== undefined) {
      const names = this.#graph.inputs.map(({ name }) => `"${name}"`).join(", ");
      throw new UsageError(`Cannot run model: it has no input "${unknown}", expected ${names}`);
    }
    const extents = new Map<string, number>();
    return new Map(this.#graph.inputs.map((input) => [input.name, checkedInput(input, inputs[input.name], extents)]));
  }
}

/** `extents` remembers symbolic extents across inputs. */
function checkedInput(
  { name, dtype, shape }: ValueInfo,
  tensor: HostTensor | undefined,
  extents: Map<string, number>,
): HostTensor {
  if (!tensor) throw new UsageError(`Cannot run model: input "${name}" is missing`);
  if (tensor.dtype !== dtype && !(isFloat(tensor.dtype) && isFloat(dtype))) {
    throw new UsageError(`Cannot run model: input "${name}" is ${tensor.dtype}, expected ${dtype}`);
  }
  const misfit = misfitOf(tensor);
  if (misfit !== undefined) throw new UsageError(`Cannot run model: input "${name}" ${misfit}`);
  const fits = !shape || (shape.length === tensor.shape.length && shape.every((extent, axis) => {
    const found = tensor.shape[axis]!;
    if (typeof extent === "number") return extent === found;
    if (extent === "") return true;
    if (!extents.has(extent)) extents.set(extent, found);
    return extents.get(extent) === found;
  }));
  if (!fits) {
    const expected = formatShape(shape.map((extent) => extent === "" ? "?" : extents.get(String(extent)) ?? extent));
    throw new UsageError(
      `Cannot run model: input "${name}" has shape ${formatShape(tensor.shape)}, expected ${expected}`,
    );
  }
  return tensor.dtype === dtype ? tensor : { ...tensor, dtype, data: Float32Array.from(tensor.data) };
}

function hasContents(inputs: ReadonlyMap<string, HostTensor>, contents: ReadonlyMap<string, HostTensor>): boolean {
  return [...contents].every(([name, { data }]) => {
    const found = inputs.get(name)!.data;
    return found.length === data.length && data.every((value, index) => Object.is(value, found[index]));
  });
}
