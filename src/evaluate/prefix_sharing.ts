/** Runs several assignments over the same samples: what they have in common with a base assignment is computed once. */
import type { Assignment } from "../base/precision.ts";
import type { Gpu } from "../gpu/device.ts";
import { type Plan, quantizersOf } from "../plan/plan.ts";
import type { Session } from "../run/session.ts";
import type { BatchActivations } from "./batch_activations.ts";
import type { BatchPass } from "./batch_runner.ts";
import { liveAt, type LivePart, overwrittenAfter, readsInputs } from "./live_sets.ts";
import type { Stop, SuffixPass } from "./suffix_passes.ts";

/** What the passes of one call have in common. */
export interface SharedPrefix {
  readonly session: Session;
  readonly base: Assignment;
  readonly assignments: readonly Assignment[];
  readonly shadows: ShadowBuffers;
  /** Where activations are kept from pass to pass. */
  readonly kept: BatchActivations;
}

/** A pass ready to be encoded; its lanes are its stops in order. */
export function encodablePass(shared: SharedPrefix, pass: SuffixPass): BatchPass {
  const { session, base, assignments, shadows, kept } = shared;
  const { plan } = session;
  const { from, stops, keeps } = pass;
  const start = from > 0 ? liveAt(plan, from) : [];
  const end = keeps === undefined ? [] : liveAt(plan, keeps);
  const overwritten = new Map(stops.map(({ step }) => [step, overwrittenAfter(plan, step)]));
  return {
    lanes: stops.length,
    readsInputs: from === 0 || readsInputs(plan, from),
    encode(encoder, collect, batch) {
      kept.copy(encoder, start, batch, "restore");
      let at = from;
      stops.forEach(({ lane, step }, place) => {
        const isFirstHere = place === 0 || step > at;
        const isLast = place === stops.length - 1;
        session.encode(encoder, base, at, step);
        at = step;
        if (isFirstHere && step === keeps) kept.copy(encoder, end, batch, "save");
        if (isFirstHere && !isLast) shadows.copy(encoder, overwritten.get(step)!, "save");
        session.encode(encoder, assignments[lane]!, step);
        collect(place);
        if (!isLast) shadows.copy(encoder, overwritten.get(step)!, "restore");
      });
    },
  };
}

/** Buffers that values are put aside in, one for each slot. */
export class ShadowBuffers {
  readonly #gpu: Gpu;
  readonly #session: Session;
  readonly #buffers = new Map<number, GPUBuffer>();

  constructor(gpu: Gpu, session: Session) {
    this.#gpu = gpu;
    this.#session = session;
  }

  copy(encoder: GPUCommandEncoder, parts: readonly LivePart[], direction: "save" | "restore"): void {
    for (const { slot, byteLength } of parts) {
      const { buffer, offset } = this.#session.slotPart(slot);
      const shadow = this.#shadow(slot);
      if (direction === "save") encoder.copyBufferToBuffer(buffer, offset, shadow, 0, byteLength);
      else encoder.copyBufferToBuffer(shadow, 0, buffer, offset, byteLength);
    }
  }

  [Symbol.dispose](): void {
    for (const buffer of this.#buffers.values()) buffer.destroy();
  }

  #shadow(slot: number): GPUBuffer {
    let shadow = this.#buffers.get(slot);
    if (!shadow) {
      shadow = this.#gpu.device.createBuffer({
        label: `shadow ${slot}`,
        size: this.#session.plan.slots[slot]!.byteLength,
        usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
      });
      this.#buffers.set(slot, shadow);
    }
    return shadow;
  }
}

/** Where each assignment first differs from the base; behind the last step where it does not. */
export function stopsOf(session: Session, base: Assignment, assignments: readonly Assignment[]): Stop[] {
  const { plan } = session;
  const baseState = session.stateOf(base);
  const relevant = relevantQuantizers(plan);
  return assignments.map((assignment, lane) => {
    const state = session.stateOf(assignment);
    const first = relevant.findIndex((quantizers) => quantizers.some((id) => state(id) !== baseState(id)));
    return { lane, step: first < 0 ? plan.steps.length : first };
  });
}

function relevantQuantizers({ steps, constants }: Plan): number[][] {
  return steps.map((step) => quantizersOf(step, constants));
}
