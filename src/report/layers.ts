/** The per-layer part of a report. */
import type { GroupOutcome } from "../accuracy/result.ts";

/** A layer as the caller knows it. */
export interface LayerParts {
  readonly name: string;
  readonly type: string;
  readonly macs: number;
  readonly parameters: number;
  /** Index of the group; undefined for operators that are never quantized. */
  readonly group: number | undefined;
  readonly weightSnr: number | undefined;
  readonly sqnr: number | undefined;
  readonly time: { readonly float: number; readonly final: number } | undefined;
}

/** One operator of the network, in graph order. */
export interface ReportedLayer {
  /** Name of the node. */
  readonly name: string;
  /** Operator type. */
  readonly type: string;
  /** Multiply-accumulates per sample. */
  readonly macs: number;
  /** Elements of its float constants. */
  readonly parameters: number;
  /** Name of the group that it moves with; null for operators that are never quantized. */
  readonly group: string | null;
  /** "float", or the label of the int8 candidate in force. */
  readonly precision: string;
  /** Whether it was quantizable and went back to float. */
  readonly isReverted: boolean;
  /** Signal-to-noise ratio of its int8 weights in dB; null where there are none, or where nothing was lost. */
  readonly weightSnr: number | null;
  /** Signal-to-noise ratio of its first output in dB against the float network; null where it was not measured, or nothing was lost. */
  readonly sqnr: number | null;
  /**
   * GPU time per batch in µs, in float and in the precision that it ended in, as emulated on the report's adapter; null where it was
   * not measured, or the operator is fused into the kernel of one before it.
   */
  readonly time: { readonly float: number; readonly final: number } | null;
}

/** Names the groups of layers and the precision that each ended in. */
export function reportLayers(layers: readonly LayerParts[], groups: readonly GroupOutcome[]): ReportedLayer[] {
  return layers.map(({ name, type, macs, parameters, group, weightSnr, sqnr, time }) => {
    const outcome = group === undefined ? undefined : groups[group];
    return {
      name,
      type,
      macs,
      parameters,
      group: outcome?.name ?? null,
      precision: outcome?.precision ?? "float",
      isReverted: outcome?.isReverted ?? false,
      weightSnr: finite(weightSnr),
      sqnr: finite(sqnr),
      time: time ? { float: tenths(time.float), final: tenths(time.final) } : null,
    };
  });
}

function finite(ratio: number | undefined): number | null {
  return ratio !== undefined && Number.isFinite(ratio) ? ratio : null;
}

/** More digits than clocks have would only make reports longer. */
function tenths(microseconds: number): number {
  return Math.round(10 * microseconds) / 10;
}
