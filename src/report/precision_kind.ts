/** The states of a layer that reports tell apart by colour. */
import { COLORS } from "./plot.ts";
import type { Report, ReportedGroup } from "./report.ts";

/** `mended`: in int8 with other parameters than the rest; `reverted`: back in float; `float`: never quantized. */
export type PrecisionKind = "int8" | "mended" | "reverted" | "float";

/** Colour and name of each, as legends show them. */
export const KINDS: Readonly<Record<PrecisionKind, { readonly color: string; readonly name: string }>> = {
  int8: { color: COLORS.int8, name: "int8" },
  mended: { color: COLORS.mended, name: "int8, other parameters" },
  reverted: { color: COLORS.float, name: "back in float" },
  float: { color: COLORS.undone, name: "float, not quantized" },
};

/** The state of a group. */
export function kindOf(
  { isReverted, precision }: Pick<ReportedGroup, "isReverted" | "precision">,
  report: Pick<Report, "candidates" | "groups">,
): PrecisionKind {
  if (isReverted) return "reverted";
  if (precision === "float") return "float";
  return precision === usualCandidate(report) ? "int8" : "mended";
}

/** The int8 candidate that most groups ended with, the first of several: what the others are told apart from. */
export function usualCandidate({ candidates, groups }: Pick<Report, "candidates" | "groups">): string {
  const count = (label: string) =>
    groups.filter(({ isReverted, precision }) => !isReverted && precision === label).length;
  const counts = candidates.map(count);
  return candidates[counts.indexOf(Math.max(...counts))] ?? "";
}
