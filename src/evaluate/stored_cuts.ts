/**
 * Activations of the whole validation set, kept on the GPU at a few points of the network. Successive evaluations differ in one group
 * or a few: those that differ only behind such a point start there.
 */
import type { Assignment } from "../base/precision.ts";
import type { Group } from "../graph/quantizer.ts";
import type { Gpu } from "../gpu/device.ts";
import { type Plan, quantizersOf } from "../plan/plan.ts";
import type { Session } from "../run/session.ts";
import { BatchActivations } from "./batch_activations.ts";
import { byteLengthOfParts, liveAt, type LivePart } from "./live_sets.ts";

/** A point of the network: what lies before it is skipped when its activations are known. */
export interface Cut {
  readonly step: number;
  readonly parts: readonly LivePart[];
  /** Bytes for one batch. */
  readonly byteLength: number;
}

/** Points that are worth less than this share of a forward pass, on average, are not kept. */
const LEAST_GAIN = 0.01;

/** A cut with its activations: `states` of all quantizers before it for which they are valid. */
interface StoredCut extends Cut {
  readonly quantizers: readonly number[];
  readonly activations: BatchActivations;
  states: string | undefined;
}

/** How one evaluation uses the cuts. */
export interface CutUse {
  /** The step that the evaluation starts from. */
  readonly from: number;
  /** Encodes one batch, from the stored activations on, and stores those of the later cuts. */
  encode(encoder: GPUCommandEncoder, batch: number): void;
  /** To be called when all batches were encoded: what was stored is valid from here on. */
  commit(): void;
}

/** Stored cuts of one session over one set of samples in fixed batches. Dispose it to free the activations. */
export class StoredCuts {
  readonly #session: Session;
  readonly #cuts: readonly StoredCut[];

  constructor(gpu: Gpu, session: Session, cuts: readonly Cut[]) {
    this.#session = session;
    const { steps, constants } = session.plan;
    this.#cuts = cuts.map((cut) => ({
      ...cut,
      quantizers: [...new Set(steps.slice(0, cut.step).flatMap((step) => quantizersOf(step, constants)))],
      activations: new BatchActivations(gpu, session, cut.byteLength, `activations before step ${cut.step}`),
      states: undefined,
    }));
  }

  /** Plans an evaluation of `assignment` over all batches. Activations that it overwrites are invalid until it commits. */
  use(assignment: Assignment): CutUse {
    const session = this.#session;
    const state = session.stateOf(assignment);
    const statesOf = (cut: StoredCut) => cut.quantizers.map(state).join();
    const start = this.#cuts.findLast((cut) => cut.states === statesOf(cut));
    const later = this.#cuts.filter((cut) => cut.step > (start?.step ?? 0));
    for (const cut of later) cut.states = undefined;
    return {
      from: start?.step ?? 0,
      encode: (encoder, batch) => {
        start?.activations.copy(encoder, start.parts, batch, "restore");
        let at = start?.step ?? 0;
        for (const cut of later) {
          session.encode(encoder, assignment, at, cut.step);
          cut.activations.copy(encoder, cut.parts, batch, "save");
          at = cut.step;
        }
        session.encode(encoder, assignment, at);
      },
      commit: () => {
        for (const cut of later) cut.states = statesOf(cut);
      },
    };
  }

  [Symbol.dispose](): void {
    for (const { activations } of this.#cuts) activations[Symbol.dispose]();
  }
}

/**
 * Chooses cuts among `entries`, the steps from which evaluations may differ, each as likely as the others. Takes one after the other the
 * one that spares most, as long as the activations of `batches` batches take at most `budget` bytes. Ascending; each cut holds one
 * buffer of at most `largestBuffer` bytes per batch.
 */
export function chooseCuts(
  plan: Plan,
  entries: readonly number[],
  shareFrom: readonly number[],
  limits: { readonly batches: number; readonly budget: number; readonly largestBuffer: number },
): Cut[] {
  const candidates = [...new Set(entries)].filter((step) => step > 0).map((step): Cut => {
    const parts = liveAt(plan, step);
    return { step, parts, byteLength: byteLengthOfParts(parts) };
  }).filter(({ byteLength }) => byteLength > 0 && byteLength <= limits.largestBuffer);
  const chosen: Cut[] = [];
  const spared = (cuts: readonly Cut[]) =>
    entries.reduce((sum, entry) => {
      const reached = cuts.filter(({ step }) => step <= entry).map(({ step }) => 1 - shareFrom[step]!);
      return sum + Math.max(0, ...reached);
    }, 0) / Math.max(1, entries.length);
  for (let room = limits.budget;;) {
    const before = spared(chosen);
    const fitting = candidates.filter((cut) => !chosen.includes(cut) && cut.byteLength * limits.batches <= room);
    const [best] = fitting.map((cut) => ({ cut, gain: spared([...chosen, cut]) - before }))
      .sort((a, b) => b.gain - a.gain || a.cut.byteLength - b.cut.byteLength || a.cut.step - b.cut.step);
    if (!best || best.gain < LEAST_GAIN) return chosen.sort((a, b) => a.step - b.step);
    chosen.push(best.cut);
    room -= best.cut.byteLength * limits.batches;
  }
}

/** For each group the first step that one of its quantizers acts on; groups that act on none are left out. */
export function entrySteps({ steps, constants }: Plan, groups: readonly Pick<Group, "quantizers">[]): number[] {
  const first = new Map<number, number>();
  steps.forEach((step, index) => {
    for (const quantizer of quantizersOf(step, constants)) if (!first.has(quantizer)) first.set(quantizer, index);
  });
  const entries = groups.map(({ quantizers }) => Math.min(...quantizers.map((id) => first.get(id) ?? Infinity)));
  return entries.filter(Number.isFinite);
}
