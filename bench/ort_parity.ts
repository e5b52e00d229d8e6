/**
 * Whether ONNX Runtime gives what Holdfast reports: the metric in both, and where they choose the same class.
 *
 *     deno run -A bench/ort_parity.ts MODEL.onnx DATASET [--limit N] [--metric NAME] [--unoptimized]
 *
 * `--unoptimized` also runs ONNX Runtime without graph optimizations, in which QDQ models compute in float: what both of its ways
 * differ in is the rounding of integer kernels.
 */
import { parseArgs } from "node:util";
import {
  argMax,
  type EvaluatedSample,
  evaluateModel,
  type HostTensor,
  loadModel,
  type Metric,
  openDataset,
  openMetrics,
  Runtime,
} from "../mod.ts";
import { elementCount } from "../src/base/tensor.ts";
import { runOnnxRuntime } from "./onnxruntime.ts";

/** What to compare. */
export interface ParityOptions {
  /** Samples, from the first on; all unless stated. */
  readonly limit?: number | undefined;
  /** As `--metric` takes it; `accuracy` unless stated. */
  readonly metric?: string;
  /** Whether ONNX Runtime runs without graph optimizations as well. */
  readonly unoptimized?: boolean;
}

/** Parity of one model on one dataset. */
export interface Parity {
  readonly metric: string;
  readonly samples: number;
  /** The metric in Holdfast. */
  readonly holdfast: number;
  /** The metric over ONNX Runtime's outputs. */
  readonly onnxRuntime: number;
  /** Share of equal classes: of samples, or of the steps or pixels of all samples. Undefined where outputs are no scores of classes. */
  readonly agreement: number | undefined;
  /** Share of samples whose first output is the same but for the rounding of float32: within a hundred-thousandth of its largest. */
  readonly identical: number;
  /**
   * Largest difference of an element of the first output, relative to the largest magnitude in that sample; undefined where the
   * metric needs classes alone.
   */
  readonly maxRelativeError: number | undefined;
  /** ONNX Runtime without graph optimizations: its metric, and its agreement with Holdfast and with ONNX Runtime as above. */
  readonly unoptimized?: {
    readonly value: number;
    readonly withHoldfast: number | undefined;
    readonly withOptimized: number | undefined;
  };
}

/** Measures parity. */
export async function measureParity(
  runtime: Runtime,
  source: string | Uint8Array<ArrayBuffer>,
  datasetPath: string,
  options: ParityOptions = {},
): Promise<Parity> {
  const dataset = await openDataset(datasetPath);
  try {
    const model = await loadModel(source);
    const [metric] = await openMetrics([options.metric ?? "accuracy"]);
    if (!metric) throw new RangeError("Cannot compare without a metric");
    const own: EvaluatedSample[] = [];
    const result = await evaluateModel(runtime, model, dataset, {
      metrics: [recording(metric, own)],
      limit: options.limit,
    });
    const batch = typeof model.graph.inputs[0]?.shape?.[0] === "number" ? 1 : 16;
    const inOnnxRuntime = async (optimize: boolean) => {
      const found: EvaluatedSample[] = [];
      const take = (index: number, outputs: readonly HostTensor[]) => {
        const sample = own[index];
        if (sample) found[index] = { ...sample, outputs: reduced(metric, outputs) };
      };
      await runOnnxRuntime(source, dataset, [...own.keys()], take, { batch, optimize });
      const run = metric.start(dataset);
      for (const sample of found) run.add(sample);
      return { found, value: run.value() };
    };
    const optimized = await inOnnxRuntime(true);
    const float = options.unoptimized ? await inOnnxRuntime(false) : undefined;
    return {
      metric: metric.name,
      samples: result.samples,
      holdfast: result.values[metric.name] ?? NaN,
      onnxRuntime: optimized.value,
      agreement: agreementOf(metric, own, optimized.found),
      identical: identicalShare(own, optimized.found),
      maxRelativeError: metric.reduction ? undefined : largestError(own, optimized.found),
      ...(float && {
        unoptimized: {
          value: float.value,
          withHoldfast: agreementOf(metric, own, float.found),
          withOptimized: agreementOf(metric, optimized.found, float.found),
        },
      }),
    };
  } finally {
    dataset.close();
  }
}

/** A metric that also keeps its samples, by index. */
function recording(metric: Metric, kept: EvaluatedSample[]): Metric {
  return {
    ...metric,
    start(dataset) {
      const run = metric.start(dataset);
      return {
        add(sample) {
          const outputs = sample.outputs.map((tensor) => ({ ...tensor, data: tensor.data.slice() }));
          kept[sample.index] = { ...sample, outputs };
          return run.add(sample);
        },
        value: () => run.value(),
      };
    },
  };
}

/** Outputs of a sample in the form that the metric asks for. */
function reduced(metric: Metric, outputs: readonly HostTensor[]): readonly HostTensor[] {
  const [first, ...others] = outputs;
  const reduction = first && metric.reduction?.(first);
  if (!first || !reduction) return outputs;
  const { shape, data } = first;
  const axis = reduction.axis < 0 ? reduction.axis + shape.length : reduction.axis;
  const [extent, inner] = [shape[axis] ?? 1, elementCount(shape.slice(axis + 1))];
  const classes = Float32Array.from({ length: data.length / extent }, (_, place) => {
    const start = Math.floor(place / inner) * extent * inner + place % inner;
    return argMax(Array.from({ length: extent }, (_, one) => data[start + one * inner] ?? NaN));
  });
  return [{ dtype: "float32", shape: shape.toSpliced(axis, 1), data: classes }, ...others];
}

function agreementOf(
  metric: Metric,
  a: readonly EvaluatedSample[],
  b: readonly EvaluatedSample[],
): number | undefined {
  const shares = a.map((sample, index) => {
    const [one, other] = [sample.outputs[0], b[index]?.outputs[0]];
    if (!one || !other) return NaN;
    if (!metric.reduction) return one.shape.length === 1 ? Number(argMax(one.data) === argMax(other.data)) : NaN;
    let equal = 0;
    for (let place = 0; place < one.data.length; place++) equal += one.data[place] === other.data[place] ? 1 : 0;
    return equal / one.data.length;
  });
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  return Number.isNaN(mean) ? undefined : mean;
}

function largestError(a: readonly EvaluatedSample[], b: readonly EvaluatedSample[]): number {
  return Math.max(0, ...errorsOf(a, b));
}

function identicalShare(a: readonly EvaluatedSample[], b: readonly EvaluatedSample[]): number {
  return errorsOf(a, b).filter((error) => error < 1e-5).length / a.length;
}

/** Relative error of the first output of each sample that has one. */
function errorsOf(a: readonly EvaluatedSample[], b: readonly EvaluatedSample[]): number[] {
  return a.flatMap((sample, index) => {
    const [actual, expected] = [sample.outputs[0], b[index]?.outputs[0]];
    return actual && expected ? [relativeError(actual.data, expected.data)] : [];
  });
}

/** Largest difference, relative to the largest magnitude expected. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let largest = 1e-12;
  let error = 0;
  for (let place = 0; place < expected.length; place++) {
    largest = Math.max(largest, Math.abs(expected[place]!));
    error = Math.max(error, Math.abs(actual[place]! - expected[place]!));
  }
  return error / largest;
}

if (import.meta.main) {
  const { values, positionals: [model, dataset] } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      limit: { type: "string" },
      metric: { type: "string", default: "accuracy" },
      unoptimized: { type: "boolean", default: false },
    },
  });
  if (!model || !dataset) {
    console.error(
      "usage: deno run -A bench/ort_parity.ts MODEL.onnx DATASET [--limit N] [--metric NAME] [--unoptimized]",
    );
    Deno.exit(2);
  }
  using runtime = await Runtime.open();
  const { metric, unoptimized } = values;
  const limit = values.limit === undefined ? undefined : Number(values.limit);
  const parity = await measureParity(runtime, model, dataset, { limit, metric, unoptimized });
  const percent = (share: number | undefined) => share === undefined ? "–" : `${(100 * share).toFixed(2)} %`;
  console.log(`adapter              ${runtime.adapter.description}`);
  console.log(`samples              ${parity.samples}`);
  console.log(`metric               ${parity.metric}`);
  console.log(`Holdfast             ${percent(parity.holdfast)}`);
  console.log(`ONNX Runtime         ${percent(parity.onnxRuntime)}`);
  console.log(`same class           ${percent(parity.agreement)}`);
  console.log(`same output          ${percent(parity.identical)}`);
  console.log(`max relative error   ${parity.maxRelativeError?.toExponential(2) ?? "–"}`);
  if (parity.unoptimized) {
    const { value, withHoldfast, withOptimized } = parity.unoptimized;
    console.log(`without optimizations ${percent(value)}`);
    console.log(`  same class as Holdfast              ${percent(withHoldfast)}`);
    console.log(`  same class as ONNX Runtime above    ${percent(withOptimized)}`);
  }
}
