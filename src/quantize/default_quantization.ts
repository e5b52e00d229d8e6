/**
 * POT's DefaultQuantization over a prepared graph: statistics → ranges → scales, weights, corrected biases. Called once per
 * candidate; candidates differ in preset, estimators and bias correction, never in where quantizers stand.
 */
import { UsageError } from "../base/errors.ts";
import { elementCount, type HostTensor } from "../base/tensor.ts";
import type { Quantizer, QuantizerParameters } from "../graph/quantizer.ts";
import type { BiasCorrectionOptions } from "./bias_correction.ts";
import type { Candidate } from "./candidate.ts";
import { activationEstimator, type RangeEstimator, type RangeEstimatorOptions, weightEstimator } from "./estimators.ts";
import { finishBiases, makeRoomForBiases } from "./layer_biases.ts";
import type { Prepared } from "./prepare.ts";
import {
  activationRange,
  clipRange,
  type CodedRange,
  halveCodes,
  parametersOf,
  unifyRanges,
  weightRange,
} from "./ranges.ts";
import { narrowedWeights, saturates, type SaturationFix } from "./saturation.ts";
import { type QuantizerScheme, resolveSchemes, type SchemeOptions, type Schemes } from "./scheme.ts";
import { estimateActivations, estimateWeights, type StatisticsSource } from "./statistics.ts";
import { WeightCodes } from "./weight_codes.ts";

/** What may differ between candidates. */
export interface CalibrationOptions extends SchemeOptions {
  /** Named in reports; the preset unless stated. */
  readonly label?: string;
  /** How ranges of weights are found. */
  readonly weightRange?: RangeEstimatorOptions;
  /** How ranges of activations are found. */
  readonly activationRange?: RangeEstimatorOptions;
  /** Which weights get 7 bits, for runtimes whose int16 sums may overflow. */
  readonly saturationFix?: SaturationFix;
  /** `false` leaves biases as they are. */
  readonly biasCorrection?: BiasCorrectionOptions | false;
}

/** Calibrates one candidate; candidates that share `weights` share the tensors of weights that are the same. */
export async function calibrate(
  prepared: Prepared,
  source: StatisticsSource,
  options: CalibrationOptions = {},
  weights: WeightCodes = new WeightCodes(),
): Promise<Candidate> {
  const schemes = resolveSchemes(options);
  const ranges = await calibrateActivations(prepared, source, schemes, options.activationRange ?? {});
  const parameters = new Map([...ranges].map(([id, range]) => [id, parametersOf(range)] as const));
  for (const [id, found] of weightParameters(prepared, schemes, options)) {
    if (!parameters.has(id)) parameters.set(id, found);
  }
  makeRoomForBiases(prepared, parameters);
  const codes = new Map<number, HostTensor>();
  const tensors = new Map<number, HostTensor>();
  for (const { id, value, kind, channelAxis } of prepared.layout.quantizers) {
    if (kind !== "weight") continue;
    const coded = weights.get(id, constantOf(prepared, value), parameters.get(id)!, channelAxis);
    codes.set(id, coded.codes);
    tensors.set(id, coded.values);
  }
  const candidate = { label: options.label ?? options.preset ?? "performance", parameters, codes, tensors };
  await finishBiases(prepared, source, candidate, options.biasCorrection ?? {});
  return candidate;
}

/** The initializer behind a weight or bias quantizer. */
export function constantOf(prepared: Prepared, value: string): HostTensor {
  const tensor = prepared.graph.initializers.get(value);
  if (!tensor) throw new RangeError(`Cannot quantize constant "${value}": it is no initializer of the graph`);
  return tensor;
}

/** Coded ranges of all activations, and of constants that share a scale with activations. */
async function calibrateActivations(
  prepared: Prepared,
  source: StatisticsSource,
  schemes: Schemes,
  options: RangeEstimatorOptions,
): Promise<Map<number, CodedRange>> {
  const symmetric = symmetricQuantizers(prepared);
  const schemeOf = ({ id }: Quantizer): QuantizerScheme =>
    symmetric.has(id) ? { ...schemes.activations, mode: "symmetric" } : schemes.activations;
  const estimatorOf = (quantizer: Quantizer) =>
    activationEstimator(schemeOf(quantizer).mode, options, elementsPerSample(prepared, quantizer) < FEW_ELEMENTS);
  const activations = prepared.layout.quantizers.filter(({ kind }) => kind === "activation");
  const estimators = new Map(activations.map((quantizer) => [quantizer.value, estimatorOf(quantizer)] as const));
  const levels = schemes.activations.levelHigh - schemes.activations.levelLow;
  const ends = await estimateActivations(estimators, levels, source);
  const ranges = new Map<number, CodedRange>();
  for (const quantizer of activations) {
    const { min, max } = ends.get(quantizer.value)!;
    const coded = activationRange(Float64Array.of(min), Float64Array.of(max), schemeOf(quantizer));
    ranges.set(quantizer.id, clipped(coded, estimators.get(quantizer.value)!));
  }
  for (const set of prepared.unified) unify(prepared, set, schemes, ranges);
  return ranges;
}

/**
 * Elements per sample below which extremes of samples are not averaged: that of a single element is the element itself, and their
 * mean would cut off half of all samples.
 */
const FEW_ELEMENTS = 8;

function elementsPerSample({ view }: Prepared, { value }: Quantizer): number {
  return elementCount(view.type(value)!.shape.slice(1));
}

/** Gives the quantizers of a set one range; constants among them count with their own extremes. */
function unify(prepared: Prepared, set: readonly number[], schemes: Schemes, ranges: Map<number, CodedRange>): void {
  const members = set.map((id) => {
    const known = ranges.get(id);
    if (known) return known;
    const { value } = prepared.layout.quantizers[id]!;
    const estimator = activationEstimator(schemes.activations.mode);
    const { min, max } = estimateWeights(value, constantOf(prepared, value), undefined, estimator);
    return activationRange(min, max, schemes.activations);
  });
  const shared = unifyRanges(members);
  for (const id of set) ranges.set(id, shared);
}

/** Both operands of a product of two activations are symmetric in transformers, as POT has it. */
function symmetricQuantizers({ view, layout, quantizerAt, isTransformer }: Prepared): Set<number> {
  if (!isTransformer) return new Set();
  const products = new Set(
    view.nodes.filter((node) => node.type === "MatMul" && view.weightInput(node) === undefined).map(({ name }) => name),
  );
  const found = new Set<number>();
  for (const [operand, id] of quantizerAt) {
    const node = operand.slice(operand.indexOf(":") + 1);
    if (products.has(node) && layout.quantizers[id]!.kind === "activation") found.add(id);
  }
  return found;
}

function weightParameters(
  prepared: Prepared,
  schemes: Schemes,
  options: CalibrationOptions,
): Map<number, QuantizerParameters> {
  const estimator = weightEstimator(schemes.weights.mode, options.weightRange);
  const { view, layout, aligned } = prepared;
  const fix = saturates(options.targetDevice ?? "ANY") ? options.saturationFix ?? "no" : "no";
  const narrowed = narrowedWeights(view, layout.quantizers, fix, aligned);
  const found = new Map<number, QuantizerParameters>();
  const levels = schemes.weights.levelHigh - schemes.weights.levelLow;
  refuseOtherGranularity(prepared, schemes.weights);
  for (const { id, value, kind, channelAxis } of prepared.layout.quantizers) {
    if (kind !== "weight") continue;
    const { min, max } = estimateWeights(value, constantOf(prepared, value), channelAxis, estimator, levels);
    const parameters = parametersOf(clipped(weightRange(min, max, schemes.weights), estimator));
    found.set(id, narrowed.has(id) ? halveCodes(parameters) : parameters);
  }
  return found;
}

function clipped({ range, codes }: CodedRange, { min, max }: RangeEstimator): CodedRange {
  return { range: clipRange(range, min.clippingValue, max.clippingValue), codes };
}

function refuseOtherGranularity({ weightGranularity }: Prepared, { granularity }: QuantizerScheme): void {
  if (granularity === weightGranularity) return;
  throw new UsageError(
    `Cannot use weights.granularity "${granularity}": the graph was prepared for "${weightGranularity}"`,
  );
}
