/**
 * The arithmetic of quantization on the host, in float32 as GPUs and runtimes do it. Two rules that differ at ties:
 * QuantizeLinear/DequantizeLinear, which is what gets deployed, and OpenVINO's FakeQuantize, which golden values follow.
 */
import { allocate, elementCount, type HostTensor } from "../base/tensor.ts";
import type { QuantizerParameters } from "../graph/quantizer.ts";

/** Nearest integer; halves go to the even neighbour. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  const fraction = x - floor;
  if (fraction !== 0.5) return fraction < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** ONNX QuantizeLinear: `clamp(round(x / scale) + zeroPoint, low, high)`; the division is rounded to float32. */
export function quantizeLinear(x: number, scale: number, zeroPoint: number, low: number, high: number): number {
  const code = roundHalfEven(Math.fround(Math.fround(x) / scale)) + zeroPoint;
  return Math.min(Math.max(code, low), high);
}

/** ONNX DequantizeLinear: `(code - zeroPoint) * scale` in float32. */
export function dequantizeLinear(code: number, scale: number, zeroPoint: number): number {
  return Math.fround(Math.fround(code - zeroPoint) * scale);
}

/** Ranges of a FakeQuantize: of its input, of its output, and the number of levels between their ends. */
export interface FakeQuantizeRange {
  readonly inputLow: number;
  readonly inputHigh: number;
  readonly outputLow: number;
  readonly outputHigh: number;
  readonly levels: number;
}

/** OpenVINO FakeQuantize-1, evaluated in float32 from left to right. Ranges may be inverted. */
export function fakeQuantize(
  x: number,
  { inputLow, inputHigh, outputLow, outputHigh, levels }: FakeQuantizeRange,
): number {
  const f = Math.fround;
  const [il, ih, ol, oh] = [f(inputLow), f(inputHigh), f(outputLow), f(outputHigh)];
  const value = f(x);
  if (value <= Math.min(il, ih)) return ol;
  if (value > Math.max(il, ih)) return oh;
  const level = roundHalfEven(f(f(f(value - il) / f(ih - il)) * (levels - 1)));
  return f(f(f(level / (levels - 1)) * f(oh - ol)) + ol);
}

/**
 * Codes of a tensor, as int8, uint8 or int32 by what `low..high` needs. `axis` names the axis with one scale per index;
 * undefined where one scale serves all.
 */
export function quantizeTensor(
  tensor: HostTensor,
  parameters: QuantizerParameters,
  axis: number | undefined,
): HostTensor {
  const { scale, zeroPoint, low, high } = parameters;
  const dtype = codeType(parameters);
  const data = allocate(dtype, tensor.data.length);
  eachChannelRun(tensor.shape, axis, (channel, start, end) => {
    const [ownScale, ownZero] = [scale[channel]!, zeroPoint[channel]!];
    for (let index = start; index < end; index++) {
      data[index] = quantizeLinear(tensor.data[index]!, ownScale, ownZero, low, high);
    }
  });
  return { dtype, shape: tensor.shape, data };
}

/** Values of codes, as float32. */
export function dequantizeTensor(
  codes: HostTensor,
  { scale, zeroPoint }: QuantizerParameters,
  axis: number | undefined,
): HostTensor {
  const data = new Float32Array(codes.data.length);
  eachChannelRun(codes.shape, axis, (channel, start, end) => {
    const [ownScale, ownZero] = [scale[channel]!, zeroPoint[channel]!];
    for (let index = start; index < end; index++) data[index] = dequantizeLinear(codes.data[index]!, ownScale, ownZero);
  });
  return { dtype: "float32", shape: codes.shape, data };
}

/** Element type that holds the codes of a quantizer. */
export function codeType({ low, high }: Pick<QuantizerParameters, "low" | "high">): "int8" | "uint8" | "int32" {
  if (low >= -128 && high <= 127) return "int8";
  return low >= 0 && high <= 255 ? "uint8" : "int32";
}

/**
 * Visits the runs of elements with one index along `axis`, `start` to `end` of the row-major order; one run of all without an axis.
 */
export function eachChannelRun(
  shape: readonly number[],
  axis: number | undefined,
  visit: (channel: number, start: number, end: number) => void,
): void {
  const length = elementCount(shape);
  if (axis === undefined) return visit(0, 0, length);
  const extent = shape[axis]!;
  const inner = elementCount(shape.slice(axis + 1));
  for (let start = 0, channel = 0; start < length; start += inner, channel = (channel + 1) % extent) {
    visit(channel, start, start + inner);
  }
}

/** Index along `axis` of the element at a row-major offset; always 0 without an axis. */
export function channelIndexer(shape: readonly number[], axis: number | undefined): (offset: number) => number {
  if (axis === undefined) return () => 0;
  const extent = shape[axis]!;
  const inner = elementCount(shape.slice(axis + 1));
  return (offset) => Math.floor(offset / inner) % extent;
}
