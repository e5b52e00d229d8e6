/** QuantizeLinear and DequantizeLinear: per tensor, per axis and in blocks. */
import dequantizeCode from "../../shaders/dequantize_linear.wgsl" with { type: "text" };
import quantizeCode from "../../shaders/quantize_linear.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { normalizeAxis, stridesOf } from "../base/shape.ts";
import {
  allocate,
  type DType,
  elementCount,
  hostTensor,
  isFloat,
  knownType,
  storageOf,
  type TensorType,
} from "../base/tensor.ts";
import { dtypeOf } from "../onnx/tensor.ts";
import { constantF32, f32 } from "./case_types.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";
import { defineOp, type OpCase } from "./op.ts";
import { type ScaleLayout, scaleLayout } from "./scale_layout.ts";
import { integerRange, roundHalfToEven } from "./words.ts";

type Constant = "WORKGROUP_SIZE" | "PER_TENSOR" | "HAS_ZERO_POINT";
type Uniform = "length" | Exclude<keyof ScaleLayout, "perTensor">;
const CONSTANTS = ["WORKGROUP_SIZE", "PER_TENSOR", "HAS_ZERO_POINT"] as const;
const UNIFORMS = ["length", "inner", "extent", "block", "outer_stride", "axis_stride", "inner_stride"] as const;

const quantizeShader: Shader<Constant, Uniform | "low" | "high"> = {
  name: "quantize_linear",
  code: quantizeCode,
  constants: CONSTANTS,
  uniforms: [...UNIFORMS, "low", "high"],
};
const dequantizeShader: Shader<Constant, Uniform> = {
  name: "dequantize_linear",
  code: dequantizeCode,
  constants: CONSTANTS,
  uniforms: UNIFORMS,
  epilogue: true,
};

interface QuantizeAttributes {
  readonly axis: number;
  /** Elements along the axis that share a scale; 0 where scales are per tensor or per index. */
  readonly block: number;
  /** Type of the result where no zero point states it. */
  readonly dtype: DType;
}

const QUANTIZED: readonly DType[] = ["int8", "uint8", "int16", "uint16"];

/** ONNX QuantizeLinear: `saturate(round(x / scale) + zero point)`, halves to the even neighbour. */
export const quantizeLinear = defineOp<QuantizeAttributes>({
  type: "QuantizeLinear",
  since: 10,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => {
    raw.ignore("saturate", "precision");
    const dtype = raw.int("output_dtype", 0);
    return {
      axis: raw.int("axis", 1),
      block: raw.int("block_size", 0),
      dtype: dtype === 0 ? "uint8" : dtypeOf(dtype),
    };
  },
  infer: ([x, scale, zeroPoint], { axis, block, dtype }) => {
    const result = zeroPoint?.dtype ?? dtype;
    if (!QUANTIZED.includes(result)) throw new UnsupportedError(`Cannot quantize to element type ${result}`);
    checkParameters(x!, scale!, zeroPoint, axis, block);
    return [{ dtype: result, shape: x!.shape }];
  },
  lower: ([x, scale, zeroPoint], [y], { axis, block }) => {
    const layout = scaleLayout(x!.shape, scale!.shape, axis, block);
    return { dispatches: [quantizeDispatch(x!, y!.dtype, layout, ["x1", zeroPoint ? "x2" : undefined])] };
  },
  reference: ([x, scale, zeroPoint], { axis, block, dtype }) => {
    const result = zeroPoint?.dtype ?? dtype;
    const [low, high] = integerRange(result);
    const data = allocate(result, x!.data.length);
    eachScale(x!.shape, scale!.shape, axis, block, (index, at) => {
      const level = roundHalfToEven(Math.fround(x!.data[index]! / scale!.data[at]!)) + (zeroPoint?.data[at] ?? 0);
      data[index] = Math.min(high, Math.max(low, level));
    });
    return [{ dtype: result, shape: x!.shape, data }];
  },
  cases: quantizeCases(),
});

/** ONNX DequantizeLinear: `(x - zero point) · scale`. */
export const dequantizeLinear = defineOp<Omit<QuantizeAttributes, "dtype"> & { readonly dtype: DType | undefined }>({
  type: "DequantizeLinear",
  since: 10,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => {
    const dtype = raw.int("output_dtype", 0);
    return {
      axis: raw.int("axis", 1),
      block: raw.int("block_size", 0),
      dtype: dtype === 0 ? undefined : dtypeOf(dtype),
    };
  },
  infer: ([x, scale, zeroPoint], { axis, block, dtype }) => {
    if (isFloat(x!.dtype)) throw new ModelError(`Cannot dequantize elements of type ${x!.dtype}, expected integers`);
    checkParameters(x!, scale!, zeroPoint, axis, block);
    if (dtype && !isFloat(dtype)) throw new ModelError(`Cannot dequantize to element type ${dtype}, expected floats`);
    return [{ dtype: dtype ?? scale!.dtype, shape: x!.shape }];
  },
  lower: ([x, scale, zeroPoint], _outputs, { axis, block }) => {
    const { perTensor, ...layout } = scaleLayout(x!.shape, scale!.shape, axis, block);
    const length = elementCount(x!.shape);
    return {
      dispatches: [dispatch(dequantizeShader, {
        bindings: ["x0", "x1", zeroPoint ? "x2" : "x1", "y0"],
        constants: { WORKGROUP_SIZE, PER_TENSOR: perTensor, HAS_ZERO_POINT: zeroPoint !== undefined },
        uniforms: { length, ...layout },
        workgroups: linearGrid(length, WORKGROUP_SIZE),
      })],
    };
  },
  reference: ([x, scale, zeroPoint], { axis, block, dtype = scale!.dtype }) => {
    const data = allocate(dtype, x!.data.length);
    eachScale(x!.shape, scale!.shape, axis, block, (index, at) => {
      data[index] = Math.fround(x!.data[index]! - (zeroPoint?.data[at] ?? 0)) * scale!.data[at]!;
    });
    return [{ dtype, shape: x!.shape, data }];
  },
  cases: dequantizeCases(),
});

/** One dispatch that quantizes input 0 into output 0; the zero point's slot may be absent. */
export function quantizeDispatch(
  x: TensorType,
  dtype: DType,
  { perTensor, ...layout }: ScaleLayout,
  [scale, zeroPoint]: readonly [Slot, Slot | undefined],
): Dispatch {
  const length = elementCount(x.shape);
  const [low, high] = integerRange(dtype);
  return dispatch(quantizeShader, {
    bindings: ["x0", scale, zeroPoint ?? scale, "y0"],
    constants: { WORKGROUP_SIZE, PER_TENSOR: perTensor, HAS_ZERO_POINT: zeroPoint !== undefined },
    uniforms: { length, ...layout, low, high },
    aliases: { T: storageOf(x.dtype) },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  });
}

function checkParameters(
  x: TensorType,
  scale: TensorType,
  zeroPoint: TensorType | undefined,
  axis: number,
  block: number,
): void {
  scaleLayout(x.shape, scale.shape, axis, block);
  if (zeroPoint && elementCount(zeroPoint.shape) !== elementCount(scale.shape)) {
    throw new ModelError(
      `Cannot use zero point of shape [${zeroPoint.shape}]: expected the shape of the scale, [${scale.shape}]`,
    );
  }
}

/** Visits every element with the index of its scale, found by coordinates. */
function eachScale(
  x: readonly number[],
  scale: readonly number[],
  axis: number,
  block: number,
  visit: (index: number, scaleIndex: number) => void,
): void {
  const isSingle = block === 0 && elementCount(scale) === 1;
  const place = isSingle ? 0 : normalizeAxis(axis, x.length);
  const strides = stridesOf(scale);
  eachCoordinate(x, (at, index) => {
    if (isSingle) visit(index, 0);
    else if (block === 0) visit(index, at[place]!);
    else visit(index, offsetOf(at.map((one, own) => own === place ? Math.floor(one / block) : one), strides));
  });
}

function zeroPoints(dtype: DType, values: readonly number[], shape: readonly number[] = [values.length]): TensorType {
  return knownType(hostTensor(dtype, shape, values));
}

function quantizeCases(): OpCase[] {
  const scalar = constantF32([0.25], []);
  return [
    { name: "uint8 by default", inputs: [f32(3, 65), scalar] },
    { name: "uint8 zero point", inputs: [f32(3, 65), scalar, zeroPoints("uint8", [128], [])] },
    { name: "halves and saturation", inputs: [f32(300), scalar, zeroPoints("int8", [3], [])], range: [-64, 64] },
    { name: "int16", inputs: [f32(65), scalar, zeroPoints("int16", [-7], [])], range: [-9000, 9000], opset: 21 },
    { name: "uint16", inputs: [f32(65), scalar, zeroPoints("uint16", [32768], [])], range: [-9000, 9000], opset: 21 },
    { name: "output_dtype", inputs: [f32(65), scalar], attributes: { output_dtype: 3 }, opset: 21 },
    {
      name: "per axis",
      inputs: [f32(2, 3, 5), constantF32([0.5, 0.25, 1]), zeroPoints("uint8", [10, 20, 30])],
    },
    {
      name: "per negative axis",
      inputs: [f32(2, 3, 2), constantF32([0.5, 0.25]), zeroPoints("int8", [1, -1])],
      attributes: { axis: -1 },
    },
    {
      name: "blocks",
      inputs: [
        f32(2, 5, 3),
        constantF32(Array.from({ length: 18 }, (_, index) => 0.25 * (1 + index % 4)), [2, 3, 3]),
        zeroPoints("int8", Array.from({ length: 18 }, (_, index) => index - 9), [2, 3, 3]),
      ],
      attributes: { axis: 1, block_size: 2 },
      opset: 21,
    },
    { name: "int32 operand", inputs: [{ dtype: "int32", shape: [65] }, constantF32([4], [])], range: [-100, 2000] },
    { name: "empty", inputs: [f32(0), scalar] },
  ];
}

function dequantizeCases(): OpCase[] {
  const of = (dtype: DType, ...shape: number[]): TensorType => ({ dtype, shape });
  const scalar = constantF32([0.3], []);
  return [
    { name: "uint8", inputs: [of("uint8", 3, 65), scalar, zeroPoints("uint8", [7], [])] },
    { name: "int8 without zero point", inputs: [of("int8", 300), scalar] },
    { name: "int32", inputs: [of("int32", 65), scalar] },
    { name: "uint16", inputs: [of("uint16", 65), scalar, zeroPoints("uint16", [9], [])], opset: 21 },
    {
      name: "per axis",
      inputs: [of("int8", 3, 2, 5), constantF32([0.5, 0.3, 1]), zeroPoints("int8", [1, 2, 3])],
      attributes: { axis: 0 },
    },
    {
      name: "blocks",
      inputs: [
        of("int8", 4, 3),
        constantF32([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [2, 3]),
        zeroPoints("int8", [1, 2, 3, 4, 5, 6], [2, 3]),
      ],
      attributes: { axis: 0, block_size: 2 },
      opset: 21,
    },
    { name: "output_dtype", inputs: [of("int8", 65), scalar], attributes: { output_dtype: 11 }, opset: 23 },
    { name: "empty", inputs: [of("int8", 0), scalar] },
  ];
}
