/**
 * Which operators are quantized, per target device: the hardware descriptions of POT (tools/pot, configs/hardware), mapped
 * to ONNX. `OpDef.quant` says what an operator's nature allows, these tables what a device gains from.
 */
import type { TargetDevice } from "./scheme.ts";

/** An operator with quantized inputs; all of them unless `inputs` limits which. */
export interface QuantizableOperator {
  readonly inputs?: readonly number[];
}

/** What a device quantizes. */
export interface TargetTable {
  readonly quantizable: ReadonlyMap<string, QuantizableOperator>;
  /** Operators over which a quantizer slides upward: they move values without changing them. */
  readonly agnostic: ReadonlySet<string>;
  /** Quantizable operators whose inputs must share one scale. */
  readonly unified: ReadonlySet<string>;
}

const MATRIX = { inputs: [0, 1] };
const DATA = { inputs: [0] };
const ALL = {};

const QUANTIZABLE: readonly (readonly [string, QuantizableOperator])[] = [
  ["Conv", MATRIX],
  ["ConvTranspose", MATRIX],
  ["MatMul", MATRIX],
  ["Gemm", MATRIX],
  ["Add", ALL],
  ["Mul", ALL],
  ["Sub", ALL],
  ["Div", ALL],
  ["Less", ALL],
  ["LessOrEqual", ALL],
  ["Greater", ALL],
  ["GreaterOrEqual", ALL],
  ["Equal", ALL],
  ["Pow", DATA],
  ["AveragePool", DATA],
  ["GlobalAveragePool", DATA],
  ["ReduceMean", DATA],
  ["LpNormalization", DATA],
  ["Resize", DATA],
  ["Upsample", DATA],
  ["InstanceNormalization", DATA],
  ["LayerNormalization", DATA],
  ["MeanVarianceNormalization", DATA],
];

/** Minimum and Maximum are not here: with two activations the other one's values need not fall on the grid. */
const AGNOSTIC: readonly string[] = [
  "MaxPool",
  "GlobalMaxPool",
  "ReduceMax",
  "Reshape",
  "Concat",
  "Flatten",
  "Squeeze",
  "Unsqueeze",
  "Split",
  "Transpose",
  "Tile",
  "Slice",
  "Expand",
  "Pad",
  "Gather",
  "DepthToSpace",
  "SpaceToDepth",
  "CenterCropPad",
  "Identity",
  "Dropout",
];

const CPU: TargetTable = {
  quantizable: new Map(QUANTIZABLE),
  agnostic: new Set(AGNOSTIC),
  unified: new Set(),
};

const NPU: TargetTable = {
  ...CPU,
  unified: new Set(["Add", "Mul", "Sub", "Div", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"]),
};

/** The table of each device. CPU and GPU of POT differ only in recurrent operators, which QDQ runtimes do not quantize. */
export const TARGETS: Readonly<Record<TargetDevice, TargetTable>> = { ANY: CPU, CPU, GPU: CPU, NPU };
