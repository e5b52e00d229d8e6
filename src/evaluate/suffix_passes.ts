/**
 * Divides assignments that share a prefix into passes over the samples. In one pass for all of them every result would come at the
 * very end; in a pass for each the prefix would be computed again and again, unless its activations are kept from pass to pass.
 */

/** An assignment, and the step at which it leaves the base. */
export interface Stop {
  /** Its place in the caller's list. */
  readonly lane: number;
  readonly step: number;
}

/** Assignments that are computed together. */
export interface SuffixPass {
  /** The step whose activations an earlier pass has kept; 0 where the pass begins at the inputs. */
  readonly from: number;
  /** In the order in which they leave the base. */
  readonly stops: readonly Stop[];
  /** The step before which activations are kept for later passes; undefined where none are needed or they are there already. */
  readonly keeps: number | undefined;
}

/** What passes may take. */
export interface PassLimits {
  /** Work of one sample from each step on, the whole network's first and 0 behind the last step. */
  readonly costFrom: readonly number[];
  /** Bytes of GPU memory for kept activations. */
  readonly room: number;
  /** Bytes of the activations of all samples before a step. */
  byteLengthAt(step: number): number;
  /** Work of bringing one sample to the inputs once more. */
  readonly inputCost: number;
}

/** Work that may be done again for the sake of earlier results, as a share of all work. */
const REPEATED_SHARE = 0.02;

/**
 * A pass for each assignment as long as activations fit into the room, and for as few at a time as the share of repeated work allows
 * where they do not. Results come in the order of the steps, among equal steps in that of the lanes.
 */
export function cutIntoPasses(stops: readonly Stop[], limits: PassLimits): SuffixPass[] {
  const { costFrom, room, byteLengthAt, inputCost } = limits;
  const sorted = [...stops].sort((a, b) => a.step - b.step || a.lane - b.lane);
  const passes: SuffixPass[] = [];
  let from = 0;
  let open: Stop[] = [];
  for (const [place, stop] of sorted.entries()) {
    open.push(stop);
    const isLast = place === sorted.length - 1;
    const kept = open.map(({ step }) => step).filter((step) => step > from && byteLengthAt(step) <= room);
    const start = Math.max(from, ...kept);
    const repeated = costFrom[start]! - costFrom[stop.step]! + (start === 0 ? inputCost : 0);
    const work = open.reduce((sum, { step }) => sum + costFrom[step]!, 0);
    if (!isLast && repeated > REPEATED_SHARE * work) continue;
    passes.push({ from, stops: open, keeps: isLast || start === from ? undefined : start });
    from = start;
    open = [];
  }
  return passes;
}

/** Work of one sample in a pass: the base from its start to the last stop, and every assignment from its own on. */
export function passCost({ from, stops }: SuffixPass, costFrom: readonly number[]): number {
  const last = stops.at(-1)?.step ?? from;
  return stops.reduce((sum, { step }) => sum + costFrom[step]!, costFrom[from]! - costFrom[last]!);
}

/** Work from each step on, and 0 behind the last; in whole numbers, so that sums do not depend on how passes were cut. */
export function suffixCosts(costs: readonly number[]): number[] {
  const from = [0];
  for (const cost of costs.toReversed()) from.push(from.at(-1)! + Math.round(cost));
  return from.reverse();
}
