/** Runs several assignments over the same samples: what they have in common with a base assignment is computed once. */
import type { Assignment } from "../base/precision.ts";
import type { Gpu } from "../gpu/device.ts";
import { quantizersOf } from "../plan/plan.ts";
import type { Session } from "../run/session.ts";
import { type LivePart, overwrittenAfter } from "./live_sets.ts";

/** Lanes that leave the base at the same step. */
interface Branch {
  readonly step: number;
  readonly lanes: readonly number[];
  /** What must be put aside for a second lane to start there. */
  readonly live: readonly LivePart[];
}

/** Assignments that branch off a base, ready to be encoded batch by batch. */
export class SharedPrefix {
  readonly #session: Session;
  readonly #shadows: ShadowBuffers;
  readonly #base: Assignment;
  readonly #assignments: readonly Assignment[];
  readonly #branches: readonly Branch[];

  constructor(session: Session, shadows: ShadowBuffers, base: Assignment, assignments: readonly Assignment[]) {
    this.#session = session;
    this.#shadows = shadows;
    this.#base = base;
    this.#assignments = assignments;
    this.#branches = branchesOf(session, base, assignments);
  }

  /** Encodes one batch: the base as far as needed, and from there every lane to its end. */
  encode(encoder: GPUCommandEncoder, collect: (lane: number) => void): void {
    const session = this.#session;
    const last = this.#branches.at(-1)?.step;
    let at = 0;
    for (const { step, lanes, live } of this.#branches) {
      session.encode(encoder, this.#base, at, step);
      at = step;
      lanes.forEach((lane, place) => {
        const isLastUse = place === lanes.length - 1 && step === last;
        if (place === 0 && !isLastUse) this.#shadows.copy(encoder, live, "save");
        session.encode(encoder, this.#assignments[lane]!, step);
        collect(lane);
        if (!isLastUse) this.#shadows.copy(encoder, live, "restore");
      });
    }
  }

  /** Forward passes per sample that `encode` costs. */
  cost(shareFrom: readonly number[]): number {
    const last = this.#branches.at(-1);
    if (!last) return 0;
    const prefix = 1 - shareFrom[last.step]!;
    return this.#branches.reduce((sum, { step, lanes }) => sum + lanes.length * shareFrom[step]!, prefix);
  }
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

/** Share of a forward pass that lies at and after each step, and 0 behind the last. */
export function suffixShares(costs: readonly number[]): number[] {
  const total = Math.max(1, costs.reduce((sum, cost) => sum + cost, 0));
  let before = 0;
  return [...costs, 0].map((cost) => {
    const share = 1 - before / total;
    before += cost;
    return share;
  });
}

/** Where each assignment first differs from the base, in step order. */
function branchesOf(session: Session, base: Assignment, assignments: readonly Assignment[]): Branch[] {
  const { plan } = session;
  const baseState = session.stateOf(base);
  const relevant = plan.steps.map((step) => quantizersOf(step, plan.constants));
  const lanesAt = new Map<number, number[]>();
  assignments.forEach((assignment, lane) => {
    const state = session.stateOf(assignment);
    const first = relevant.findIndex((quantizers) => quantizers.some((id) => state(id) !== baseState(id)));
    const step = first < 0 ? plan.steps.length : first;
    lanesAt.set(step, [...lanesAt.get(step) ?? [], lane]);
  });
  return [...lanesAt].sort(([a], [b]) => a - b)
    .map(([step, lanes]) => ({ step, lanes, live: overwrittenAfter(plan, step) }));
}
