/** Int8 candidates that do not differ for a group: what is known of one is known of the others. */
import { type Assignment, FLOAT } from "../base/precision.ts";
import type { Candidate } from "../quantize/candidate.ts";
import type { Prepared } from "../quantize/prepare.ts";
import type { CandidateData } from "../run/session.ts";
import { candidateData } from "./candidates.ts";

type GroupData = readonly (CandidateData | undefined)[];

/** Finds them by their data, bit for bit. Candidates may be added at the end of the list. */
export class EqualCandidates {
  readonly #prepared: Prepared;
  readonly #candidates: readonly Candidate[];
  readonly #data: ReadonlyMap<number, CandidateData>[] = [];
  /** Group → candidate → the first candidate that is the same for the group. */
  readonly #first = new Map<number, Map<number, number>>();

  constructor(prepared: Prepared, candidates: readonly Candidate[]) {
    this.#prepared = prepared;
    this.#candidates = candidates;
  }

  /** The assignment with every group on the first of its equal candidates: the same for all assignments that compute the same. */
  canonical(assignment: Assignment): Assignment {
    return assignment.map((candidate, group) => candidate === FLOAT ? FLOAT : this.#firstEqual(group, candidate));
  }

  #firstEqual(group: number, candidate: number): number {
    const known = this.#first.get(group) ?? new Map<number, number>();
    this.#first.set(group, known);
    let first = known.get(candidate);
    if (first === undefined) {
      const own = this.#dataOf(group, candidate);
      first = 0;
      while (first < candidate && !isSameGroup(this.#dataOf(group, first), own)) first++;
      known.set(candidate, first);
    }
    return first;
  }

  #dataOf(group: number, candidate: number): GroupData {
    const data = this.#data[candidate] ??= candidateData(this.#prepared, this.#candidates[candidate]!);
    return this.#prepared.layout.groups[group]!.quantizers.map((id) => data.get(id));
  }
}

function isSameGroup(a: GroupData, b: GroupData): boolean {
  return a.every((data, place) => isSame(data, b[place]));
}

function isSame(a: CandidateData | undefined, b: CandidateData | undefined): boolean {
  if (!a || !b) return a === b;
  if ("tensor" in a) return "tensor" in b && isSameBits(a.tensor.data, b.tensor.data) && isSameUnits(a.units, b.units);
  if (!("parameters" in b)) return false;
  const [first, second] = [a.parameters, b.parameters];
  return first.low === second.low && first.high === second.high && isSameBits(first.scale, second.scale) &&
    isSameBits(first.zeroPoint, second.zeroPoint);
}

function isSameUnits(a: Float32Array | undefined, b: Float32Array | undefined): boolean {
  return a && b ? isSameBits(a, b) : a === b;
}

function isSameBits(a: ArrayBufferView, b: ArrayBufferView): boolean {
  if (a.byteLength !== b.byteLength) return false;
  const [first, second] = [a, b].map(bytesOf) as [Uint8Array, Uint8Array];
  return first.every((byte, place) => byte === second[place]);
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
