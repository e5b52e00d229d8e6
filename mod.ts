/**
 * Holdfast: int8 quantization of ONNX networks on WebGPU that keeps within an allowed accuracy drop.
 *
 * @module
 */
export { DatasetError, DeviceError, ModelError, ShaderError, UnsupportedError, UsageError } from "./src/base/errors.ts";
export type { Closeness } from "./src/api/closeness.ts";
export { describeDevice, type DeviceDescription } from "./src/api/describe_device.ts";
export { loadModel, type Model } from "./src/api/model.ts";
export { Runtime } from "./src/api/runtime.ts";
export { DEFAULT_CLOSENESS, findTestFolders, type Verdict, verifyFolders } from "./src/api/verify.ts";
export { VERSION } from "./src/api/version.ts";
export { formatDevice } from "./src/report/device_text.ts";
export { formatTable } from "./src/report/table.ts";
