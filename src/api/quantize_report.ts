/** From what a quantization gave to its report. */
import type { MetricOption } from "../accuracy/options.ts";
import { UsageError } from "../base/errors.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Metric } from "../evaluate/metric.ts";
import { buildReport, type Report } from "../report/report.ts";
import { evaluateModel } from "./evaluate.ts";
import { openMetrics } from "./metrics/metrics_by_name.ts";
import { loadModel, type Model } from "./model.ts";
import type { QuantizeResult } from "./quantize.ts";
import type { QuantizeOptions } from "./quantize_options.ts";
import type { QuantizeSettings } from "./settings/quantize_settings.ts";
import type { Runtime } from "./runtime.ts";
import { VERSION } from "./version.ts";

/** Metrics to measure, and what the loop is told of them. */
export interface RequestedMetrics {
  readonly metrics: readonly Metric[];
  /** Empty where there is nothing to tell: then every metric is kept. */
  readonly options: readonly MetricOption[];
}

/**
 * @internal Opens the metrics of a quantization: those named, else those of the configuration, else accuracy. `baselineValues` are numbers, for
 * the first metric, or `name=number`.
 */
export async function requestMetrics(
  settings: QuantizeSettings,
  names: readonly string[],
  baselineValues: readonly string[] = [],
): Promise<RequestedMetrics> {
  const wanted = names.length > 0 ? names : settings.metrics.length > 0 ? settings.metrics : ["accuracy"];
  const metrics = await openMetrics(wanted);
  const baselines = new Map(baselineValues.map((text) => parseBaseline(text, metrics)));
  const known = names.length > 0 ? [] : settings.accuracy?.metrics ?? [];
  if (baselines.size === 0 && known.length === 0) return { metrics, options: [] };
  return {
    metrics,
    options: metrics.map(({ name }): MetricOption => {
      const baselineValue = baselines.get(name);
      const said = known.find((one) => one.name === name) ?? { name };
      return baselineValue === undefined ? said : { ...said, baselineValue };
    }),
  };
}

function parseBaseline(text: string, metrics: readonly Metric[]): [string, number] {
  const at = text.lastIndexOf("=");
  const name = at < 0 ? metrics[0]?.name ?? "" : text.slice(0, at);
  const value = text.slice(at + 1).trim();
  if (value === "" || !Number.isFinite(Number(value))) {
    throw new UsageError(`Cannot use --baseline-value: "${text}", expected a number or name=number`);
  }
  if (!metrics.some((metric) => metric.name === name)) {
    throw new UsageError(
      `Cannot use --baseline-value: there is no metric "${name}", expected ${
        metrics.map((one) => one.name).join(" or ")
      }`,
    );
  }
  return [name, Number(value)];
}

/** What a report says beside the result. */
export interface ReportContext {
  /** The GPU that computed. */
  readonly runtime: Runtime;
  /** The float model. */
  readonly model: Model;
  /** What the quantization was told. */
  readonly options: QuantizeOptions;
  /** What it gave. */
  readonly result: QuantizeResult;
  /** What `verifyExport` gave; undefined where it was not called. */
  readonly verified?: Readonly<Record<string, number>> | undefined;
  /** File name of the quantized model. */
  readonly outputName: string;
  /** The command line to repeat it; undefined for callers of the library. */
  readonly command?: readonly string[] | undefined;
}

/**
 * The report of a quantization. Reads the whole datasets once for their hashes.
 *
 * ```ts
 * import { accuracy, loadModel, openDataset, quantizeModel, reportQuantization, Runtime } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()], accuracy: { maximalDrop: 0.01 } };
 * const result = await quantizeModel(runtime, model, options);
 * const report = await reportQuantization({ runtime, model, options, result, outputName: "model.int8.onnx" });
 * console.log(report.final, report.int8Macs);
 * ```
 */
export async function reportQuantization(context: ReportContext): Promise<Report> {
  const { runtime, model, options, result } = context;
  const { dataset, calibration = dataset } = options;
  const digest = await crypto.subtle.digest("SHA-256", new Uint8Array(result.bytes));
  return buildReport({
    algorithm: options.algorithm ?? "AccuracyAwareQuantization",
    model: { name: model.name, byteLength: model.byteLength, sha256: model.sha256 },
    output: {
      name: context.outputName,
      byteLength: result.bytes.length,
      sha256: new Uint8Array(digest).toHex(),
    },
    dataset: await describe(dataset, result.samples),
    calibration: await describe(calibration, result.calibrationSamples),
    metrics: options.metrics,
    accuracy: result.accuracy,
    certificate: result.certificate,
    verified: context.verified,
    groups: result.groups,
    layers: result.layers,
    candidates: result.candidates,
    skipped: result.skipped,
    batchSize: result.batchSize,
    seconds: result.seconds,
    adapter: runtime.adapter,
    notes: result.notes,
    quantization: {
      ...options.quantization,
      targetDevice: options.targetDevice ?? "ANY",
      modelType: options.modelType ?? null,
      loneArithmetic: options.loneArithmetic ?? false,
      int8Embeddings: options.int8Embeddings ?? true,
      channelAlignment: options.equalization?.channelAlignment ?? true,
      smoothQuant: options.equalization?.smoothQuant ?? null,
      ignored: options.ignored ?? null,
    },
    versions: { holdfast: VERSION, deno: Deno.version.deno, v8: Deno.version.v8 },
    command: context.command ?? null,
  });
}

async function describe(dataset: Dataset, samples: number): Promise<Report["dataset"]> {
  return { name: dataset.name, samples, sha256: await dataset.sha256() };
}

/**
 * Runs the exported model through the ordinary import, gives its metrics, and throws where one is not what was reported. `reference` is the
 * float model.
 *
 * ```ts
 * import { accuracy, loadModel, openDataset, quantizeModel, Runtime, verifyExport } from "@holdfast/holdfast";
 *
 * using runtime = await Runtime.open();
 * const model = await loadModel("model.onnx");
 * const dataset = await openDataset("validation");
 * const options = { dataset, metrics: [accuracy()], accuracy: { maximalDrop: 0.01 } };
 * const result = await quantizeModel(runtime, model, options);
 * console.log(await verifyExport(runtime, options, result));
 * ```
 */
export async function verifyExport(
  runtime: Runtime,
  options: QuantizeOptions & { readonly reference?: Model },
  result: QuantizeResult,
): Promise<Readonly<Record<string, number>>> {
  const { metrics, reference, batchSize, memoryBudget, signal } = options;
  const again = await loadModel(new Uint8Array(result.bytes));
  const { values } = await evaluateModel(runtime, again, result.dataset, {
    metrics,
    reference,
    batchSize,
    memoryBudget,
    signal,
  });
  for (const { name } of metrics) {
    const [found, expected] = [values[name] ?? NaN, result.values[name] ?? NaN];
    // One sample on the other side of a rounding tie is not an error of the export.
    if (Math.abs(found - expected) <= Math.max(2e-3 * Math.abs(expected), 2 / result.samples)) continue;
    throw new Error(`Cannot verify the exported model: its ${name} is ${found}, expected ${expected}`);
  }
  return values;
}
