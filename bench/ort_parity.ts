/**
 * Whether ONNX Runtime gives what Holdfast reports: top-1 accuracy of both and the share of samples on which they agree.
 *
 *     deno run -A bench/ort_parity.ts MODEL.onnx DATASET [LIMIT]
 */
import { accuracy, argMax, evaluateModel, loadModel, meanMetric, openDataset, Runtime } from "../mod.ts";
import { runOnnxRuntime } from "./onnxruntime.ts";

/** Parity of one model on one dataset. */
export interface Parity {
  readonly samples: number;
  readonly holdfastAccuracy: number;
  readonly onnxRuntimeAccuracy: number;
  /** Share of samples with the same top-1 class. */
  readonly agreement: number;
  /** Largest difference of an output, relative to the largest magnitude of that sample's outputs. */
  readonly maxRelativeError: number;
}

/** Measures parity over the first `limit` samples. */
export async function measureParity(
  runtime: Runtime,
  source: string | Uint8Array<ArrayBuffer>,
  datasetPath: string,
  limit?: number,
): Promise<Parity> {
  const dataset = await openDataset(datasetPath);
  try {
    const model = await loadModel(source);
    const own: Float32Array[] = [];
    const recorder = meanMetric("recorder", "higher_better", ({ outputs, index }) => {
      own[index] = Float32Array.from(outputs[0]!.data);
      return 0;
    });
    const result = await evaluateModel(runtime, model, dataset, { metrics: [accuracy(), recorder], limit });
    let agree = 0;
    let right = 0;
    let maxRelativeError = 0;
    const labels = dataset.labels?.kind === "classes" ? dataset.labels.values : undefined;
    const indices = Array.from({ length: result.samples }, (_, index) => index);
    const batch = typeof model.graph.inputs[0]!.shape?.[0] === "number" ? 1 : 16;
    await runOnnxRuntime(source, dataset, indices, (index, [output]) => {
      const scores = output!.data;
      maxRelativeError = Math.max(maxRelativeError, relativeError(own[index]!, scores));
      agree += argMax(scores) === argMax(own[index]!) ? 1 : 0;
      right += argMax(scores) === labels?.[index] ? 1 : 0;
    }, { batch });
    return {
      samples: result.samples,
      holdfastAccuracy: result.values["accuracy"]!,
      onnxRuntimeAccuracy: right / result.samples,
      agreement: agree / result.samples,
      maxRelativeError,
    };
  } finally {
    dataset.close();
  }
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
  const [model, dataset, limit] = Deno.args;
  if (!model || !dataset) {
    console.error("usage: deno run -A bench/ort_parity.ts MODEL.onnx DATASET [LIMIT]");
    Deno.exit(2);
  }
  using runtime = await Runtime.open();
  const parity = await measureParity(runtime, model, dataset, limit ? Number(limit) : undefined);
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  console.log(`adapter              ${runtime.adapter.description}`);
  console.log(`samples              ${parity.samples}`);
  console.log(`top-1 Holdfast       ${percent(parity.holdfastAccuracy)}`);
  console.log(`top-1 ONNX Runtime   ${percent(parity.onnxRuntimeAccuracy)}`);
  console.log(`top-1 agreement      ${percent(parity.agreement)}`);
  console.log(`max relative error   ${parity.maxRelativeError.toExponential(2)}`);
}
