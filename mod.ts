/**
 * Holdfast: int8 quantization of ONNX networks on WebGPU that keeps within an allowed accuracy drop.
 *
 * @module
 */
export { Runtime } from "./src/api/runtime.ts";
export { loadModel, type Model } from "./src/api/model.ts";
export { evaluateModel, type EvaluateOptions, type EvaluateResult } from "./src/api/evaluate.ts";
export { quantizeModel, type QuantizeResult } from "./src/api/quantize.ts";
export type { Algorithm, Phase, QuantizeEvent, QuantizeOptions } from "./src/api/quantize_options.ts";
export { datasetFromArrays } from "./src/data/memory_dataset.ts";
export { type Dataset, type Labels, type SampleInput } from "./src/data/dataset.ts";
export { openDataset } from "./src/data/open_dataset.ts";
export {
  accuracy,
  argMax,
  type EvaluatedSample,
  type Label,
  meanMetric,
  type Metric,
  type MetricRun,
} from "./src/evaluate/metric.ts";
export { DatasetError, DeviceError, ModelError, ShaderError, UnsupportedError, UsageError } from "./src/base/errors.ts";
export type { Closeness } from "./src/api/closeness.ts";
export { describeDevice, type DeviceDescription } from "./src/api/describe_device.ts";
export { DEFAULT_CLOSENESS, findTestFolders, type Verdict, verifyFolders } from "./src/api/verify.ts";
export { VERSION } from "./src/api/version.ts";
export { formatDevice } from "./src/report/device_text.ts";
export { formatTable } from "./src/report/table.ts";
