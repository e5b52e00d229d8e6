/** What a caller may say about a quantization, and what it hears while it runs. */
import type { AccuracyAwareOptions } from "../accuracy/options.ts";
import type { Step } from "../accuracy/trace.ts";
import type { Journal } from "../accuracy/memo.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Metric } from "../evaluate/metric.ts";
import type { CalibrationOptions } from "../quantize/default_quantization.ts";
import type { IgnoredScope } from "../quantize/ignored.ts";
import type { QdqOptions } from "../quantize/qdq.ts";
import type { TargetDevice } from "../quantize/scheme.ts";

/** Algorithms, by POT's names. */
export type Algorithm = "AccuracyAwareQuantization" | "DefaultQuantization";

/** Phases of a quantization, in order. */
export type Phase = "prepare" | "calibrate" | "accuracy" | "export";

/** What a caller hears. */
export type QuantizeEvent =
  | { readonly kind: "phase"; readonly phase: Phase }
  /** Samples done within the calibration pass or evaluation under way. */
  | { readonly kind: "progress"; readonly done: number; readonly total: number }
  /** Names of all groups, by index, before the loop starts. */
  | { readonly kind: "groups"; readonly names: readonly string[] }
  /** A step of the accuracy-aware loop, as soon as it is decided. */
  | { readonly kind: "step"; readonly step: Step; readonly group: string | undefined }
  | { readonly kind: "note"; readonly text: string };

/** How to quantize. */
export interface QuantizeOptions {
  readonly algorithm?: Algorithm | undefined;
  /** Validation set: decisions are made on it. */
  readonly dataset: Dataset;
  /** Samples for statistics; the validation set unless stated. */
  readonly calibration?: Dataset | undefined;
  readonly metrics: readonly Metric[];
  /** Parameters of the loop. */
  readonly accuracy?: Partial<AccuracyAwareOptions> | undefined;
  /** Preset, overrides, estimators and bias correction of the first candidate. */
  readonly quantization?: CalibrationOptions | undefined;
  /** Calibration samples to use, from the first on; 300 unless stated. */
  readonly statSubsetSize?: number | undefined;
  readonly targetDevice?: TargetDevice | undefined;
  readonly modelType?: "transformer" | undefined;
  readonly ignored?: IgnoredScope | undefined;
  readonly qdq?: QdqOptions | undefined;
  /** Validation samples to use, from the first on. */
  readonly limit?: number | undefined;
  readonly batchSize?: number | undefined;
  /** Bytes of GPU memory for samples and activations. */
  readonly memoryBudget?: number | undefined;
  readonly journal?: Journal | undefined;
  readonly onEvent?: ((event: QuantizeEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}
