/** ONNX Runtime (CPU) on the project's datasets: the oracle of parity checks. Needs --allow-ffi. */
import ort from "onnxruntime-node";
import type { Dataset, SampleInput } from "../src/data/dataset.ts";
import { elementCount, type HostTensor } from "../src/base/tensor.ts";

/** Runs a model over samples of a dataset; `take` gets one tensor per output for each sample, without the batch axis. */
export async function runOnnxRuntime(
  model: Uint8Array | string,
  dataset: Dataset,
  indices: readonly number[],
  take: (index: number, outputs: readonly HostTensor[]) => void,
  options: { readonly batch?: number; readonly optimize?: boolean } = {},
): Promise<void> {
  const session = await ort.InferenceSession.create(model as string, {
    graphOptimizationLevel: options.optimize === false ? "disabled" : "all",
    logSeverityLevel: 3,
  });
  const batch = options.batch ?? 1;
  for (let start = 0; start < indices.length; start += batch) {
    const chosen = indices.slice(start, start + batch);
    const tensors = await dataset.read(chosen);
    const feeds: Record<string, ort.Tensor> = {};
    tensors.forEach((tensor, place) => {
      const input = dataset.inputs[place]!;
      feeds[input.name ?? session.inputNames[0]!] = networkInput(tensor, input);
    });
    const results = await session.run(feeds);
    chosen.forEach((index, row) => take(index, session.outputNames.map((name) => rowOf(results[name]!, row))));
  }
  await session.release();
}

/** A stored batch as the network takes it: normalized as the dataset says. */
function networkInput(tensor: HostTensor, input: SampleInput): ort.Tensor {
  if (tensor.dtype === "int64") {
    return new ort.Tensor("int64", BigInt64Array.from(tensor.data, (value) => BigInt(value)), [...tensor.shape]);
  }
  if (tensor.dtype === "int32") return new ort.Tensor("int32", Int32Array.from(tensor.data), [...tensor.shape]);
  const data = Float32Array.from(tensor.data);
  const { normalization, shape } = input;
  if (normalization) {
    const inner = elementCount(shape.slice(normalization.channelAxis + 1));
    const channels = shape[normalization.channelAxis]!;
    for (let index = 0; index < data.length; index++) {
      const channel = Math.floor(index / inner) % channels;
      const [mean, std] = [Math.fround(normalization.mean[channel]!), Math.fround(normalization.std[channel]!)];
      data[index] = Math.fround(data[index]! - mean) / std;
    }
  }
  return new ort.Tensor("float32", data, [...tensor.shape]);
}

function rowOf(tensor: ort.Tensor, row: number): HostTensor {
  const shape = tensor.dims.slice(1);
  const length = elementCount(shape);
  const data = Float32Array.from(tensor.data as Float32Array).subarray(row * length, (row + 1) * length);
  return { dtype: "float32", shape, data };
}
