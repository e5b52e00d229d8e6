/** The main job: a float model and a dataset in, a QDQ model within the allowed drop and an account of how it came about out. */
import { runAccuracyAware } from "../accuracy/accuracy_aware.ts";
import type { Certificate } from "../accuracy/certify.ts";
import type { AccuracyAwareResult } from "../accuracy/result.ts";
import type { Assignment } from "../base/precision.ts";
import type { Dataset } from "../data/dataset.ts";
import type { AssembledProblem } from "./assembled_problem.ts";
import { describeLayers, type LayerDescription } from "./layers.ts";
import type { Model } from "./model.ts";
import type { PhaseClock } from "./phase_clock.ts";
import type { Phase, QuantizeOptions } from "./quantize_options.ts";
import type { WeighedGroup } from "./quantizer_sites.ts";
import type { Runtime } from "./runtime.ts";
import { withProblem } from "./with_problem.ts";

/** What a quantization gives. */
export interface QuantizeResult {
  /** The QDQ model, encoded. */
  readonly bytes: Uint8Array;
  /** The state of every group: FLOAT or an index of `candidates`. */
  readonly assignment: Assignment;
  /** Labels of the int8 candidates. */
  readonly candidates: readonly string[];
  /** By index. */
  readonly groups: readonly WeighedGroup[];
  /** Every operator, in graph order. */
  readonly layers: readonly LayerDescription[];
  /** Metric name → value of the exported network. */
  readonly values: Readonly<Record<string, number>>;
  /** The loop's own account. */
  readonly accuracy: AccuracyAwareResult;
  /** The verdict of the samples held back; undefined without `holdout`. */
  readonly certificate: Certificate | undefined;
  /** Quantizable nodes left in float → why. */
  readonly skipped: ReadonlyMap<string, string>;
  /** The samples that decisions were made on, with the labels that they were scored by. */
  readonly dataset: Dataset;
  /** Number of them. */
  readonly samples: number;
  /** Samples that statistics were gathered on. */
  readonly calibrationSamples: number;
  /** Samples per batch. */
  readonly batchSize: number;
  /** Wall clock by phase. */
  readonly seconds: Readonly<Record<Phase, number>>;
  /** What the user should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Quantizes a model; a target that cannot be met is a result (`accuracy.reached`), not an error.
 *
 * ```ts
 * import { accuracy, loadModel, openDataset, quantizeModel, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()], accuracy: { maximalDrop: 0.01 } };
 * const result = await quantizeModel(runtime, model, options);
 * console.log(result.accuracy.reached, result.accuracy.drops);
 * await Deno.writeFile("quantized.onnx", result.bytes);
 * ```
 */
export function quantizeModel(runtime: Runtime, model: Model, options: QuantizeOptions): Promise<QuantizeResult> {
  return withProblem(runtime, model, options, async (assembled, clock) => {
    const accuracy = await runAccuracyAware(assembled.problem, assembled.options, assembled.hooks);
    return await finishQuantization(assembled, accuracy, clock);
  });
}

/** Certifies and exports what the loop found. */
export async function finishQuantization(
  assembled: AssembledProblem,
  accuracy: AccuracyAwareResult,
  clock: PhaseClock,
): Promise<QuantizeResult> {
  const { bench, problem } = assembled;
  const { assignment } = accuracy;
  const certificate = await assembled.certify(assignment, accuracy.options);
  clock.enter("export");
  const bytes = assembled.exportModel(assignment);
  const measured = await assembled.measureLayers(assignment);
  clock.finish();
  return {
    bytes,
    assignment,
    candidates: bench.candidates.map(({ label }) => label),
    groups: bench.groups,
    layers: describeLayers(bench.typed, bench, assignment, measured),
    values: accuracy.values,
    accuracy,
    certificate,
    skipped: bench.prepared.skipped,
    dataset: bench.data.decisions,
    samples: problem.evaluator.sampleCount,
    calibrationSamples: bench.calibrationSamples,
    batchSize: bench.batchSize,
    seconds: { ...clock.seconds },
    notes: bench.notes,
  };
}
