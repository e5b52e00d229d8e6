/** The ways of quantizing that the loop may choose among, group by group. */
import type { CalibrationOptions } from "../quantize/default_quantization.ts";

/** Candidates to calibrate; the first is what the user asked for. */
export interface CandidateList {
  readonly options: readonly CalibrationOptions[];
  /** Index of the mixed preset with the user's other settings, where it differs from the first. */
  readonly mixed: number | undefined;
}

/**
 * The user's settings first; then the mixed preset; then, where groups may be mended, both without bias correction. No recipe is
 * best everywhere: asymmetric activations and corrected biases each win on one network and lose on another.
 */
export function listCandidates(
  first: CalibrationOptions,
  needs: { readonly mend: boolean; readonly mixed: boolean },
): CandidateList {
  const isSymmetric = first.activations?.mode !== "asymmetric" && (first.preset ?? "performance") === "performance";
  const label = first.label ?? first.preset ?? "performance";
  const options: CalibrationOptions[] = [{ ...first, label }];
  const mixed: CalibrationOptions = {
    ...first,
    preset: "mixed",
    label: "mixed",
    ...(first.activations?.mode ? { activations: { ...first.activations, mode: "asymmetric" } } : {}),
  };
  const mixedIndex = isSymmetric && (needs.mixed || needs.mend) ? options.push(mixed) - 1 : undefined;
  if (needs.mend && first.biasCorrection !== false) {
    for (const one of [...options]) {
      options.push({ ...one, label: `${one.label}, no bias correction`, biasCorrection: false });
    }
  }
  return { options, mixed: mixedIndex };
}
