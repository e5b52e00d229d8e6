/**
 * Holdfast: int8 quantization of ONNX networks on WebGPU that keeps within an allowed accuracy drop.
 *
 * @module
 */
export { Runtime, type RuntimeOptions } from "./src/api/runtime.ts";
export { type NamedTensors, Runner, type RunnerOptions } from "./src/api/runner.ts";
export { loadModel, type Model } from "./src/api/model.ts";
export { evaluateModel, type EvaluateOptions, type EvaluateResult } from "./src/api/evaluate.ts";
export {
  type AccuracyControlOptions,
  type AccuracyControlSettings,
  type DatasetAccuracy,
  type OwnAccuracy,
  quantizeWithAccuracyControl,
} from "./src/api/accuracy_control.ts";
export { compareModels, type CompareOptions } from "./src/api/compare.ts";
export {
  type ComparedLayer,
  type Comparison,
  comparisonPlot,
  encodeComparison,
  formatComparison,
} from "./src/report/comparison_report.ts";
export { quantizeModel, type QuantizeResult } from "./src/api/quantize.ts";
export { rankModel } from "./src/api/rank.ts";
export { type SweepEntry, sweepQuantization } from "./src/api/sweep.ts";
export {
  encodeSensitivityCsv,
  formatSensitivity,
  type Holds,
  parseHolds,
  type SensitivityDocument,
  type SensitivityRow,
} from "./src/api/sensitivity.ts";
export type { JournalFile } from "./src/api/journal/journal.ts";
export type { RunnableNetwork, UserEvaluation } from "./src/evaluate/user_evaluator.ts";
export type { CodeSteps, HostTensor } from "./src/base/tensor.ts";
export type { Evaluation } from "./src/base/precision.ts";
export type { Journal } from "./src/accuracy/memo.ts";
export type { AccuracyAwareOptions } from "./src/accuracy/options.ts";
export type { AccuracyAwareResult } from "./src/accuracy/result.ts";
export type { Certificate } from "./src/accuracy/certify.ts";
export { buildSweepReport, encodeSweepCsv, formatSweep, type SweepReport } from "./src/report/sweep_report.ts";
export type { Target as QuantizeTarget } from "./src/accuracy/drop.ts";
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
export { floatCosine, floatSquaredError, topAgreement } from "./src/evaluate/agreement.ts";
export { f1, type F1Average, matthewsCorrelation, meanClassAccuracy } from "./src/evaluate/classification_scores.ts";
export { cocoMap, type CocoMapOptions } from "./src/evaluate/coco_map.ts";
export type { Box, Detection, DetectionAdapter, DetectionFilter, InputSize } from "./src/evaluate/detections.ts";
export { fastestDetAdapter } from "./src/evaluate/fastestdet_adapter.ts";
export {
  meanAbsolute,
  meanSquared,
  peakSignalToNoiseRatio,
  pearson,
  spearman,
  targetCosine,
} from "./src/evaluate/regression_scores.ts";
export { meanIou, pixelAccuracy, type SegmentationOptions } from "./src/evaluate/segmentation.ts";
export { type BoxOrder, ssdAdapter, type SsdOptions } from "./src/evaluate/ssd_adapter.ts";
export { characterAccuracy, lineAccuracy, type TextOptions } from "./src/evaluate/text_lines.ts";
export { yoloV3Adapter, yoloV5Adapter, yoloV8Adapter } from "./src/evaluate/yolo_adapters.ts";
export {
  DatasetError,
  DeviceError,
  ModelError,
  OutOfMemoryError,
  ShaderError,
  UnsupportedError,
  UsageError,
} from "./src/base/errors.ts";
export type { Closeness } from "./src/api/closeness.ts";
export { describeDevice, type DeviceDescription } from "./src/api/describe_device.ts";
export { DEFAULT_CLOSENESS, findTestFolders, type Verdict, verifyFolders } from "./src/api/verify.ts";
export { VERSION } from "./src/api/version.ts";
export { encodeProfile, formatProfile, type NodeTime, nodeTimes, type Profile } from "./src/report/profile.ts";
export { formatDevice } from "./src/report/device_text.ts";
export { legible } from "./src/report/legible.ts";
export { formatTable } from "./src/report/table.ts";
export { type Configuration, parseConfiguration } from "./src/api/settings/configuration.ts";
export { type GroupDescription, type Inspection, inspectModel, parseInputShape } from "./src/api/inspect.ts";
export { forecastQuantization } from "./src/api/forecast.ts";
export {
  type Forecast,
  type ForecastCost,
  type ForecastGroup,
  type ForecastMemory,
  formatForecast,
} from "./src/report/forecast.ts";
export { PROBE_SAMPLES, proposeSetup, type Setup, type SetupOptions } from "./src/api/init/init.ts";
export type { Trial } from "./src/api/init/probe_datasets.ts";
export type { DatasetDocument } from "./src/api/init/propose_dataset.ts";
export type { MetricProposal } from "./src/api/init/propose_metric.ts";
export { quoteCommand } from "./src/report/quote_command.ts";
export { METRIC_NAMES, openMetrics } from "./src/api/metrics/metrics_by_name.ts";
export { OutputFolder } from "./src/api/output_folder.ts";
export { flagOf, type Parameter, PARAMETERS } from "./src/api/settings/parameters.ts";
export { type GivenValue, valueFromText } from "./src/api/settings/parameter_values.ts";
export { reportQuantization, requestMetrics, verifyExport } from "./src/api/quantize_report.ts";
export { type GivenParameters, type QuantizeSettings, settingsOf } from "./src/api/settings/quantize_settings.ts";
export { formatInspection } from "./src/report/inspection_text.ts";
export { encodeReport, type Report } from "./src/report/report.ts";
export { type ReportedStep, reportStep } from "./src/report/steps.ts";
export { renderSweepPage } from "./src/report/sweep_page.ts";
export { renderSweepPlot } from "./src/report/sweep_plot.ts";
export { renderHtmlReport } from "./src/report/html_report.ts";
export { formatStep, formatSummary, formatValue } from "./src/report/summary.ts";
export { formatBytes, formatCount, formatPlural, formatRate, formatSeconds } from "./src/report/table.ts";
export { drawGraph, pictureOf } from "./src/api/draw_graph.ts";

// What the functions above take and give.
export type { CertifiedMetric } from "./src/accuracy/certify.ts";
export type { Compatibility, Drops, DropType } from "./src/accuracy/drop.ts";
export type { Spent } from "./src/accuracy/memo.ts";
export type { Noise } from "./src/accuracy/noise.ts";
export type { MetricOption, RankingMethod } from "./src/accuracy/options.ts";
export type { GroupOutcome } from "./src/accuracy/result.ts";
export {
  type Action,
  type RankingRecord,
  type Reason,
  REASONS,
  type Step,
  type StepDraft,
} from "./src/accuracy/trace.ts";
export type { InputShapes, OperatorCount } from "./src/api/inspect.ts";
export type { LayerDescription } from "./src/api/layers.ts";
export type { LayerTime } from "./src/api/measured_layers.ts";
export type { NamedMetric } from "./src/api/metrics/metrics_by_name.ts";
export type { MetricSetting } from "./src/api/settings/nested_parameters.ts";
export type { ReportContext } from "./src/api/quantize_report.ts";
export type { Assignment, MetricDirection, OutputDistance } from "./src/base/precision.ts";
export type { DType, Storage, TensorData } from "./src/base/tensor.ts";
export type { BoxAnnotation, Normalization, Placement } from "./src/data/dataset.ts";
export type { Layout } from "./src/data/pixels.ts";
export type { ArrayDatasetOptions } from "./src/data/memory_dataset.ts";
export type { OpenOptions } from "./src/data/open_pictures.ts";
export type { AdapterDescription } from "./src/gpu/device.ts";
export type { PassLabel, RecordedPass } from "./src/gpu/profiler.ts";
export type { ValueInfo } from "./src/graph/graph.ts";
export type { Group } from "./src/graph/quantizer.ts";
export type { WeighedGroup } from "./src/api/quantizer_sites.ts";
export { type Aggregator, AGGREGATORS } from "./src/quantize/aggregate.ts";
export type { BiasCorrectionOptions } from "./src/quantize/bias_correction.ts";
export type { CalibrationOptions } from "./src/quantize/default_quantization.ts";
export type { EqualizationOptions } from "./src/quantize/equalization.ts";
export {
  type DistributionEstimator,
  type EndEstimator,
  type RangeEstimatorOptions,
  type Statistic,
  STATISTICS,
} from "./src/quantize/estimators.ts";
export type { IgnoredOperation, IgnoredScope } from "./src/quantize/ignored.ts";
export type { PlacementOptions } from "./src/quantize/placement.ts";
export type { PrepareOptions } from "./src/quantize/prepare.ts";
export type { QdqOptions } from "./src/quantize/qdq.ts";
export type { SaturationFix } from "./src/quantize/saturation.ts";
export type { Preset, QuantizerScheme, SchemeOptions, SchemeOverride, TargetDevice } from "./src/quantize/scheme.ts";
export type { DrawnEdge, DrawnGraph, DrawnNode, NodeState } from "./src/report/graph_picture.ts";
export type { ShownInspection, ShownValue } from "./src/report/inspection_text.ts";
export type { ReportedLayer } from "./src/report/layers.ts";
export type {
  ReportedAdapter,
  ReportedDataset,
  ReportedFile,
  ReportedGroup,
  ReportedMetric,
} from "./src/report/report.ts";
export type { ResultPaths } from "./src/report/summary.ts";
export type { SweepReportRow } from "./src/report/sweep_report.ts";
export type { Cell } from "./src/report/table.ts";
