/** Typed graph + quantizers → Plan: drafts steps, moves those over constants aside, assigns buffers. */
import { type KernelTarget, PORTABLE_TARGET } from "../base/kernel_target.ts";
import { knownTensor } from "../base/tensor.ts";
import type { Quantizer } from "../graph/quantizer.ts";
import type { TypedGraph } from "../ops/infer.ts";
import { type DraftStep, quantizedCopy, type ValueRef } from "./draft.ts";
import { bindsOf, writesOf } from "./bindings.ts";
import { type Draft, draftSteps } from "./fuse.ts";
import { assignSlots } from "./memory.ts";
import { type Epilogue, type Operand, type Plan, type PlanConstant, type Slot, slotsOf, type Step } from "./plan.ts";

/** Builds the plan of a typed graph for a target. With quantizers, every quantized layer gets both of its variants. */
export function buildPlan(
  typed: TypedGraph,
  quantizers: readonly Quantizer[] = [],
  { target = PORTABLE_TARGET }: { readonly target?: KernelTarget } = {},
): Plan {
  const draft = draftSteps(typed, quantizers, target);
  const { prepare, steps, derived } = hoistConstants(draft, typed, quantizers);
  const constants = new ConstantTable(typed, quantizers, draft, derived);
  const slots = assignSlots(typed, draft, steps, (value) => constants.has(value));
  const operandOf = (ref: ValueRef): Operand => {
    const whole = wholeOf(ref);
    return ref.window ? { ...whole, window: ref.window } : whole;
  };
  const wholeOf = (ref: ValueRef): Operand => {
    const root = draft.aliases.get(ref.value) ?? ref.value;
    if (constants.has(root)) return { kind: "constant", constant: constants.indexOf(root) };
    if (ref.quantizer === undefined) return { kind: "slot", slot: slots.slotOf(root) };
    return {
      kind: "choice",
      quantizer: ref.quantizer,
      float: slots.slotOf(root),
      int8: slots.slotOf(quantizedCopy(ref.value, ref.quantizer)),
    };
  };
  const finish = (step: DraftStep): Step => {
    const operands = step.operands.map(operandOf);
    const sums = constants.bringUnits(step);
    const residual = step.residual && operandOf(step.residual);
    const { activation0, quantizer0, activation1, quantizer1 } = step;
    return {
      nodes: step.nodes,
      dispatch: step.dispatch,
      operands,
      shared: sharedReads(step, operands, residual, slots.slots),
      epilogue: { activation0, quantizer0, ...sums, residual, activation1, quantizer1 },
      cost: step.cost,
      source: step.source,
      onlyFor: step.onlyFor,
    };
  };
  const finishedPrepare = prepare.map(finish);
  const finishedSteps = steps.map(finish);
  return {
    inputs: typed.graph.inputs.map(({ name }) => ({ name, type: typed.types.get(name)!, slot: slots.slotOf(name) })),
    outputs: typed.graph.outputs.map(({ name }) => {
      const type = typed.types.get(name)!;
      return { name, type, slot: type.value ? undefined : slots.slotOf(draft.aliases.get(name) ?? name) };
    }),
    buffers: slots.buffers,
    slots: slots.slots,
    values: slots.values,
    constants: constants.finish(finishedSteps),
    prepare: finishedPrepare,
    steps: finishedSteps,
    liveBytes: slots.liveBytes,
  };
}

/** What a step reads out of buffers that it writes. */
function sharedReads(
  step: DraftStep,
  operands: readonly Operand[],
  residual: Operand | undefined,
  slots: readonly Slot[],
): (number | "residual")[] {
  const [writes, binds] = [writesOf(step), bindsOf(step)];
  const buffersOf = (operand: Operand) => slotsOf(operand).map((slot) => slots[slot]!.buffer);
  const written = new Set(operands.filter((_, place) => writes[place]).flatMap(buffersOf));
  const isShared = (operand: Operand) => buffersOf(operand).some((buffer) => written.has(buffer));
  const places = operands.flatMap((operand, place) => binds[place] && !writes[place] && isShared(operand) ? place : []);
  return residual && isShared(residual) ? [...places, "residual"] : places;
}

interface Hoisted {
  readonly prepare: DraftStep[];
  readonly steps: DraftStep[];
  /** Values computed by `prepare`, with the quantizer that their contents depend on. */
  readonly derived: ReadonlyMap<string, number | undefined>;
}

/** Splits off the steps that read constants alone (weight packing), as long as one quantizer at most decides them. */
function hoistConstants(draft: Draft, typed: TypedGraph, quantizers: readonly Quantizer[]): Hoisted {
  const prepare: DraftStep[] = [];
  const steps: DraftStep[] = [];
  const derived = new Map<string, number | undefined>();
  const quantizerOf = weightQuantizers(quantizers);
  const outputs = new Set(typed.graph.outputs.map((output) => output.name));
  const writers = new Map<string, DraftStep[]>();
  for (const step of draft.steps) {
    for (const value of operandsOf(step, true)) writers.set(value, [...writers.get(value) ?? [], step]);
  }
  const sourcesOf = (step: DraftStep) => operandsOf(step, false).map((value) => draft.aliases.get(value) ?? value);
  const decidersOf = (sources: readonly string[]) =>
    new Set(
      sources.map((value) => derived.has(value) ? derived.get(value) : quantizerOf.get(value))
        .filter((id) => id !== undefined),
    );
  const readsConstants = (step: DraftStep) => {
    const sources = sourcesOf(step);
    return sources.length > 0 && !step.residual && step.quantizer0 === undefined && decidersOf(sources).size <= 1 &&
      sources.every((value) => typed.types.get(value)?.value || derived.has(value));
  };
  // Decided at the first of a value's writers: some values are written in parts.
  const isDerived = new Map<string, boolean>();
  for (const step of draft.steps) {
    const written = operandsOf(step, true);
    for (const value of written) {
      if (isDerived.has(value)) continue;
      isDerived.set(value, !outputs.has(value) && writers.get(value)!.every(readsConstants));
    }
    if (readsConstants(step) && written.every((value) => isDerived.get(value))) {
      prepare.push(step);
      const [decider] = decidersOf(sourcesOf(step));
      for (const value of written) derived.set(value, decider);
    } else {
      steps.push(step);
    }
  }
  return { prepare, steps, derived };
}

/** Names of the operands that a step writes, or of those that it reads, its residual aside. */
function operandsOf(step: DraftStep, written: boolean): string[] {
  const writes = writesOf(step);
  return step.operands.filter((_, place) => writes[place] === written).map((ref) => ref.value);
}

function weightQuantizers(quantizers: readonly Quantizer[]): Map<string, number> {
  return new Map(quantizers.filter(({ kind }) => kind !== "activation").map(({ value, id }) => [value, id]));
}

/** Activations behind which a sum is still a number of steps: runtimes leave them out or apply them to codes. */
const KEEP_STEPS: ReadonlySet<DraftStep["activation0"]["kind"]> = new Set(["none", "relu", "clip"]);

/** Constants in order of first use. */
class ConstantTable {
  readonly #typed: TypedGraph;
  readonly #quantizerOf: ReadonlyMap<string, number>;
  readonly #draft: Draft;
  readonly #derived: ReadonlyMap<string, number | undefined>;
  readonly #indices = new Map<string, number>();
  readonly #biases: ReadonlySet<string>;
  readonly #withUnits = new Set<string>();

  constructor(
    typed: TypedGraph,
    quantizers: readonly Quantizer[],
    draft: Draft,
    derived: ReadonlyMap<string, number | undefined>,
  ) {
    this.#typed = typed;
    this.#quantizerOf = weightQuantizers(quantizers);
    this.#draft = draft;
    this.#derived = derived;
    this.#biases = new Set(quantizers.filter(({ kind }) => kind === "bias").map(({ value }) => value));
  }

  has(value: string): boolean {
    return this.#derived.has(value) || this.#typed.types.get(value)?.value !== undefined;
  }

  /** What a step makes of sums that have units: those of two quantized activations, and those with biases that have a quantizer. */
  bringUnits(
    { dispatch: { addend, wholeSum }, operands, quantizer0, activation0, factors }: DraftStep,
  ): Pick<Epilogue, "requantizes" | "wholeSums" | "factors"> {
    const value = addend === undefined ? undefined : operands[addend]!.value;
    const hasBias = value !== undefined && this.#biases.has(value) && this.has(value);
    if (!hasBias && !factors) return { requantizes: false, wholeSums: false, factors };
    const requantizes = wholeSum !== "before_addend" && quantizer0 !== undefined && KEEP_STEPS.has(activation0.kind);
    const wholeSums = wholeSum !== undefined;
    if (hasBias && (requantizes || wholeSums)) this.#withUnits.add(value);
    return { requantizes, wholeSums, factors };
  }

  indexOf(value: string): number {
    let index = this.#indices.get(value);
    if (index === undefined) this.#indices.set(value, index = this.#indices.size);
    return index;
  }

  finish(steps: readonly Step[]): PlanConstant[] {
    const resident = new Set(
      steps.flatMap((step) => [...step.operands, step.epilogue.residual])
        .flatMap((operand) => operand?.kind === "constant" ? [operand.constant] : []),
    );
    return [...this.#indices].map(([name, index]) => {
      const type = this.#typed.types.get(name);
      const value = this.#derived.has(name) ? undefined : knownTensor(type!);
      return {
        name,
        dtype: type?.dtype ?? "float32",
        shape: type?.shape ?? [this.#draft.temporaries.get(name)!],
        value,
        quantizer: this.#derived.has(name) ? this.#derived.get(name) : this.#quantizerOf.get(name),
        isResident: resident.has(index),
        hasUnits: this.#withUnits.has(name),
      };
    });
  }
}
