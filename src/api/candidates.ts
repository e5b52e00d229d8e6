/** The ways of quantizing that the loop may choose among, group by group. */
import { UsageError } from "../base/errors.ts";
import type { Candidate } from "../quantize/candidate.ts";
import type { CalibrationOptions } from "../quantize/default_quantization.ts";
import { productUnits } from "../quantize/layer_biases.ts";
import type { Prepared } from "../quantize/prepare.ts";
import type { CandidateData } from "../run/session.ts";

/** What `try_first` may name: a change of the user's own settings. Undefined where the settings have it already. */
export const RECIPES: Readonly<
  Record<string, (first: CalibrationOptions, label: string) => CalibrationOptions | undefined>
> = {
  mixed: mixedPreset,
  quantile: (first, label) =>
    first.activationRange?.preset === "quantile" ? undefined : {
      ...first,
      label: `${label}, quantile ranges`,
      activationRange: { ...first.activationRange, preset: "quantile" },
    },
  mse: (first, label) =>
    first.activationRange?.preset === "mse" ? undefined : {
      ...first,
      label: `${label}, ranges of least squared error`,
      activationRange: { ...first.activationRange, preset: "mse" },
    },
  bias_correction: (first, label) =>
    first.biasCorrection === false ? { ...first, label: `${label}, bias correction`, biasCorrection: {} } : undefined,
  no_bias_correction: withoutBiasCorrection,
};

/** Candidates to calibrate; the first is what the user asked for. */
export interface CandidateList {
  readonly options: readonly CalibrationOptions[];
  /** Index of the mixed preset with the user's other settings, where it differs from the first. */
  readonly mixed: number | undefined;
  /** Indices of the recipes to try first, in the order asked for. */
  readonly tryFirst: readonly number[];
  /** Recipes asked for that change nothing. */
  readonly idle: readonly string[];
}

/** Which candidates beside the first are wanted. */
export interface CandidateNeeds {
  /** Groups may change their candidate. */
  readonly mend: boolean;
  /** `convert_to_mixed_preset` is on. */
  readonly mixed: boolean;
  /** Keys of `RECIPES`. */
  readonly tryFirst?: readonly string[];
}

/**
 * The user's settings first; then the mixed preset; then the recipes to try first; then, where groups may be mended, ranges of least
 * squared error and the first two without bias correction. No recipe is best everywhere: asymmetric activations, corrected biases and
 * cut-off ranges each win on one network and lose on another, so the list has one of each kind and never grows with a network. Throws
 * UsageError for a recipe that does not exist.
 */
export function listCandidates(first: CalibrationOptions, needs: CandidateNeeds): CandidateList {
  const label = first.label ?? first.preset ?? "performance";
  const options: CalibrationOptions[] = [{ ...first, label }];
  const add = (one: CalibrationOptions | undefined): number | undefined => {
    if (!one) return undefined;
    const known = options.findIndex((other) => other.label === one.label);
    return known >= 0 ? known : options.push(one) - 1;
  };
  const mixed = needs.mixed || needs.mend ? add(mixedPreset(first)) : undefined;
  const tries = (needs.tryFirst ?? []).map((name) => ({ name, index: add(recipeNamed(name)(first, label)) }));
  if (needs.mend) {
    add(withoutBiasCorrection(first, label));
    if (mixed !== undefined) add(withoutBiasCorrection(options[mixed]!, "mixed"));
    add(leastSquares(first, label));
  }
  return {
    options,
    mixed,
    tryFirst: tries.flatMap(({ index }) => index ?? []),
    idle: tries.flatMap(({ name, index }) => index === undefined ? [name] : []),
  };
}

function recipeNamed(name: string) {
  const recipe = Object.hasOwn(RECIPES, name) ? RECIPES[name] : undefined;
  if (recipe) return recipe;
  throw new UsageError(`Cannot use try_first: "${name}", expected ${Object.keys(RECIPES).join(", ")}`);
}

function mixedPreset(first: CalibrationOptions): CalibrationOptions | undefined {
  const isSymmetric = first.activations?.mode !== "asymmetric" && (first.preset ?? "performance") === "performance";
  if (!isSymmetric) return undefined;
  return {
    ...first,
    preset: "mixed",
    label: "mixed",
    ...(first.activations?.mode ? { activations: { ...first.activations, mode: "asymmetric" } } : {}),
  };
}

function withoutBiasCorrection(first: CalibrationOptions, label: string): CalibrationOptions | undefined {
  if (first.biasCorrection === false) return undefined;
  return { ...first, label: `${label}, no bias correction`, biasCorrection: false };
}

/**
 * Activation ranges of least squared error and biases as they are: the ranges are chosen for the float network's values, which
 * corrected biases would move. Only where the user left ranges to the presets.
 */
function leastSquares(first: CalibrationOptions, label: string): CalibrationOptions | undefined {
  if (first.activationRange !== undefined) return undefined;
  return {
    ...first,
    label: `${label}, ranges of least squared error, no bias correction`,
    activationRange: { preset: "mse" },
    biasCorrection: false,
  };
}

/** A candidate that keeps the weights of another in int8 and computes in float. */
export function weightsOnly({ layout }: Prepared, candidate: Candidate): Candidate {
  const weights = new Set(layout.quantizers.filter(({ kind }) => kind === "weight").map(({ id }) => id));
  const keep = <T>(map: ReadonlyMap<number, T>) => new Map([...map].filter(([id]) => weights.has(id)));
  return {
    label: "int8 weights",
    parameters: keep(candidate.parameters),
    codes: keep(candidate.codes),
    tensors: keep(candidate.tensors),
  };
}

/** A candidate as the session takes it: codes' ranges for activations, contents for weights and biases, units for biases of codes. */
export function candidateData(prepared: Prepared, candidate: Candidate): Map<number, CandidateData> {
  const data = new Map<number, CandidateData>();
  const unitsOf = productUnits(prepared, candidate.parameters);
  for (const { id, kind } of prepared.layout.quantizers) {
    const parameters = candidate.parameters.get(id);
    const tensor = candidate.tensors.get(id);
    if (kind === "activation" && parameters) data.set(id, { parameters });
    const units = unitsOf.get(id);
    if (kind !== "activation" && tensor) data.set(id, units ? { tensor, units } : { tensor });
  }
  return data;
}
