/** The steps of a session bound for one precision: a change of precision binds again what it concerns, and nothing else. */
import { FLOAT } from "../base/precision.ts";
import { type BoundStep, type CompiledStep, encodeSteps, type StateOf } from "./compiled_step.ts";

/** Steps with what passes are told of them. */
export class BoundSteps {
  readonly #compiled: readonly CompiledStep[];
  readonly #bound: readonly BoundStep[];
  /** Quantizer → indices of the steps that its state changes. */
  readonly #stepsOf: readonly (readonly number[])[];
  /** State of each quantizer that the steps are bound for. */
  readonly #states: Int32Array;
  /** The change that each step was last bound in: several quantizers of a step often change at once. */
  readonly #seen: Uint32Array;
  #changes = 0;

  /** Binds all steps in float. `quantizersOf[step]` are the quantizers whose state changes a step. */
  constructor(
    compiled: readonly CompiledStep[],
    quantizersOf: readonly (readonly number[])[],
    quantizerCount: number,
  ) {
    this.#compiled = compiled;
    this.#bound = compiled.map((step) => step.unbound());
    const stepsOf = Array.from({ length: quantizerCount }, (): number[] => []);
    quantizersOf.forEach((quantizers, step) => quantizers.forEach((quantizer) => stepsOf[quantizer]!.push(step)));
    this.#stepsOf = stepsOf;
    this.#states = new Int32Array(quantizerCount).fill(FLOAT);
    this.#seen = new Uint32Array(compiled.length);
    const isFloat = () => FLOAT;
    compiled.forEach((step, index) => step.bind(isFloat, this.#bound[index]!));
  }

  /** Binds the steps for the states of all quantizers. */
  bind(state: StateOf): void {
    const change = ++this.#changes;
    const states = this.#states;
    for (let quantizer = 0; quantizer < states.length; quantizer++) {
      const next = state(quantizer);
      if (next === states[quantizer]) continue;
      states[quantizer] = next;
      for (const step of this.#stepsOf[quantizer]!) {
        if (this.#seen[step] === change) continue;
        this.#seen[step] = change;
        this.#compiled[step]!.bind(state, this.#bound[step]!);
      }
    }
  }

  /** Encodes steps `from` to `to` as they are bound. */
  encode(pass: GPUComputePassEncoder, from: number, to: number): void {
    encodeSteps(pass, this.#bound, from, to);
  }
}
