/** What a caller may say about a quantization, and what it hears while it runs. */
import type { Target } from "../accuracy/drop.ts";
import type { AccuracyAwareOptions } from "../accuracy/options.ts";
import type { Action, Step } from "../accuracy/trace.ts";
import type { Journal } from "../accuracy/memo.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Metric } from "../evaluate/metric.ts";
import type { UserEvaluation } from "../evaluate/user_evaluator.ts";
import type { CalibrationOptions } from "../quantize/default_quantization.ts";
import type { EqualizationOptions } from "../quantize/equalization.ts";
import type { IgnoredScope } from "../quantize/ignored.ts";
import type { QdqOptions } from "../quantize/qdq.ts";
import type { TargetDevice } from "../quantize/scheme.ts";
import type { JournalFile } from "./journal/journal.ts";
import type { Holds } from "./sensitivity.ts";

/** Algorithms, by POT's names. */
export type Algorithm = "AccuracyAwareQuantization" | "DefaultQuantization";

/** Phases of a quantization, in order. */
export type Phase = "prepare" | "calibrate" | "accuracy" | "export" | "measure";

/** What a caller hears. */
export type QuantizeEvent =
  | { readonly kind: "phase"; readonly phase: Phase }
  /** Samples done within the passes or evaluations under way; a ranking counts each sample once per group. */
  | { readonly kind: "progress"; readonly done: number; readonly total: number }
  /** Calibration of a candidate begins, the `number`-th from 1 of `count`. */
  | { readonly kind: "candidate"; readonly label: string; readonly number: number; readonly count: number }
  /** Names of all groups, by index, before the loop starts. */
  | { readonly kind: "groups"; readonly names: readonly string[] }
  /** What the loop allows, once the float network is measured: drops are in the metric's own unit. */
  | { readonly kind: "targets"; readonly targets: readonly Target[] }
  /** Evaluations for a step begin, or with "certify" those on the samples held back; with the names of the groups it may change or scores. */
  | { readonly kind: "begin"; readonly action: Action | "certify"; readonly groups: readonly string[] }
  /** A step of the accuracy-aware loop, as soon as it is decided. */
  | { readonly kind: "step"; readonly step: Step; readonly group: string | undefined }
  | { readonly kind: "note"; readonly text: string };

/** How to quantize. */
export interface QuantizeOptions {
  /** AccuracyAwareQuantization unless stated. */
  readonly algorithm?: Algorithm | undefined;
  /** Validation set: decisions are made on it. */
  readonly dataset: Dataset;
  /** Replaces the metrics on the validation set, which then only gives the shapes of the inputs. */
  readonly evaluate?: UserEvaluation | undefined;
  /** Samples for statistics; the validation set, without what is held back, unless stated. */
  readonly calibration?: Dataset | undefined;
  /** What must not get worse; the first leads in reports. */
  readonly metrics: readonly Metric[];
  /** Parameters of the loop. */
  readonly accuracy?: Partial<AccuracyAwareOptions> | undefined;
  /** Whole-network recipes to try before any group goes back to float: keys of RECIPES. Takes the place of `accuracy.tryFirst`. */
  readonly tryFirst?: readonly string[] | undefined;
  /** Least confidence of a prediction that becomes a label with `accuracy.annotationFree`; 0.6 unless stated. */
  readonly annotationConfThreshold?: number | undefined;
  /** Share of the validation samples, drawn by the seed, that no decision sees and the result is certified on. */
  readonly holdout?: number | undefined;
  /** Groups whose precision the user prescribes. */
  readonly holds?: Holds | undefined;
  /** Preset, overrides, estimators and bias correction of the first candidate. */
  readonly quantization?: CalibrationOptions | undefined;
  /** Calibration samples to use, from the first on; 300 unless stated. */
  readonly statSubsetSize?: number | undefined;
  /** Whose table of quantizable operators holds; ANY unless stated. */
  readonly targetDevice?: TargetDevice | undefined;
  /** Transformers have their own placement of quantizers. */
  readonly modelType?: "transformer" | undefined;
  /** Whether arithmetic that QDQ runtimes compute in float is quantized, as POT has it; `false` unless stated. */
  readonly loneArithmetic?: boolean | undefined;
  /** Whether tables of embeddings are stored in int8; `true` unless stated. */
  readonly int8Embeddings?: boolean | undefined;
  /** What stays in float. */
  readonly ignored?: IgnoredScope | undefined;
  /** What is done to the weights of the float network before; channels are aligned unless stated. */
  readonly equalization?: EqualizationOptions | undefined;
  /** How the exported graph is written. */
  readonly qdq?: QdqOptions | undefined;
  /** Validation samples to use, from the first on. */
  readonly limit?: number | undefined;
  /** Samples per batch; chosen from the memory budget unless stated. */
  readonly batchSize?: number | undefined;
  /** Bytes of GPU memory for samples and activations. */
  readonly memoryBudget?: number | undefined;
  /** Where evaluations are kept beyond the run: on disk, or in what the caller offers. */
  readonly journal?: Journal | JournalFile | undefined;
  /**
   * Whether layers are measured one by one at the end, for the report: noise of their outputs over 32 samples, and GPU time of a few
   * batches; `true` unless stated.
   */
  readonly measureLayers?: boolean | undefined;
  /** Hears of everything on the way. */
  readonly onEvent?: ((event: QuantizeEvent) => void) | undefined;
  /** Interrupts the work: the call then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}
