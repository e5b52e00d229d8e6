/** Discrete Fourier transforms, of whole axes and of windows that slide over a signal. */
import code from "../../shaders/fourier.wgsl" with { type: "text" };
import { dispatch, linearGrid, type Lowering, type Shader, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { normalizeAxis } from "../base/shape.ts";
import { allocate, elementCount, formatShape, type HostTensor, type TensorType } from "../base/tensor.ts";
import { constantI64, f32 } from "./case_types.ts";
import { constantScalar, knownOperands } from "./constant_operand.ts";
import { checkFloat } from "./normalize.ts";
import { defineOp, type OpCase, type OpDef, type Operands, type Tolerance } from "./op.ts";

const TOLERANCE: Tolerance = { absolute: 1e-4, reason: "the order of additions is open" };

type Constant = "WORKGROUP_SIZE" | "COMPLEX" | "INVERSE" | "HALF_SPECTRUM" | "HAS_WINDOW";
type Uniform =
  | "length"
  | "bins"
  | "inner"
  | "frames"
  | "outer_stride"
  | "frame_stride"
  | "element_stride"
  | "count"
  | "size"
  | "scale";

const shader: Shader<Constant, Uniform> = {
  name: "fourier",
  code,
  constants: ["WORKGROUP_SIZE", "COMPLEX", "INVERSE", "HALF_SPECTRUM", "HAS_WINDOW"],
  uniforms: [
    ...["length", "bins", "inner", "frames", "outer_stride", "frame_stride", "element_stride"] as const,
    ...["count", "size", "scale"] as const,
  ],
};

/** A transform: strides and counts are of complex or of real elements, as the input has them. */
interface Transform {
  readonly isComplex: boolean;
  readonly isInverse: boolean;
  /** Whether the input is half of a spectrum, and the output real. */
  readonly isHalfSpectrum: boolean;
  readonly outer: number;
  readonly frames: number;
  readonly bins: number;
  readonly inner: number;
  readonly outerStride: number;
  readonly frameStride: number;
  readonly elementStride: number;
  /** Elements of a transform; those up to `size` are zeros. */
  readonly count: number;
  readonly size: number;
}

function lowerTransform(transform: Transform, hasWindow: boolean): Lowering {
  const { outer, frames, bins, inner, size } = transform;
  const length = outer * frames * bins * inner;
  if (length === 0) return { dispatches: [] };
  return {
    dispatches: [dispatch(shader, {
      bindings: ["x0", hasWindow ? "x2" : "x0", "y0"],
      constants: {
        WORKGROUP_SIZE,
        COMPLEX: transform.isComplex,
        INVERSE: transform.isInverse,
        HALF_SPECTRUM: transform.isHalfSpectrum,
        HAS_WINDOW: hasWindow,
      },
      uniforms: {
        length,
        bins,
        inner,
        frames,
        outer_stride: transform.outerStride,
        frame_stride: transform.frameStride,
        element_stride: transform.elementStride,
        count: transform.count,
        size,
        scale: transform.isInverse ? 1 / size : 1,
      },
      workgroups: linearGrid(length, WORKGROUP_SIZE),
    })],
  };
}

/** The transform by its definition, in double precision. */
function transformTensor(
  x: HostTensor,
  shape: readonly number[],
  transform: Transform,
  window?: HostTensor,
): HostTensor {
  const { isComplex, isInverse, isHalfSpectrum, bins, inner, frames, size } = transform;
  const data = allocate(x.dtype, elementCount(shape));
  const parts = isHalfSpectrum ? 1 : 2;
  for (let index = 0; index < data.length / parts; index++) {
    const row = Math.floor(index / inner / bins);
    const bin = Math.floor(index / inner) % bins;
    const first = Math.floor(row / frames) * transform.outerStride + row % frames * transform.frameStride +
      index % inner;
    let [real, imaginary] = [0, 0];
    for (let n = 0; n < transform.count; n++) {
      const place = first + n * transform.elementStride;
      const weight = (window?.data[n] ?? 1) * (isHalfSpectrum && n > 0 && 2 * n < size ? 2 : 1);
      const [a, b] = isComplex ? [x.data[2 * place]!, x.data[2 * place + 1]!] : [x.data[place]!, 0];
      const angle = (isInverse ? 2 : -2) * Math.PI * (bin * n % size) / size;
      real += weight * (a * Math.cos(angle) - b * Math.sin(angle));
      imaginary += weight * (a * Math.sin(angle) + b * Math.cos(angle));
    }
    const scale = isInverse ? 1 / size : 1;
    data[parts * index] = scale * real;
    if (parts === 2) data[2 * index + 1] = scale * imaginary;
  }
  return { dtype: x.dtype, shape, data };
}

interface DftAttributes {
  readonly isInverse: boolean;
  readonly isOneSided: boolean;
  /** undefined where it is an input. */
  readonly axis: number | undefined;
}

function dftOf([x, length, axisInput]: Operands<TensorType>, attributes: DftAttributes) {
  const { shape } = x!;
  checkFloat(x!);
  const isComplex = checkedParts(x!);
  const { isInverse, isOneSided } = attributes;
  const axis = normalizeAxis(attributes.axis ?? (axisInput ? constantScalar(axisInput, "axis") : -2), shape.length);
  if (axis === shape.length - 1) throw new ModelError(`Cannot transform axis ${axis}: it holds the parts of numbers`);
  const isHalfSpectrum = isInverse && isOneSided;
  const extent = shape[axis]!;
  const size = length ? constantScalar(length, "dft_length") : isHalfSpectrum ? 2 * (extent - 1) : extent;
  if (!Number.isInteger(size) || size < 1) {
    throw new ModelError(`Cannot transform ${size} elements, expected 1 or more`);
  }
  if (isOneSided && isComplex !== isInverse) {
    throw new ModelError(
      `Cannot transform one side: input is ${formatShape(shape)}, expected ${isInverse ? "complex" : "real"} numbers`,
    );
  }
  const bins = isOneSided && !isInverse ? Math.floor(size / 2) + 1 : size;
  const inner = elementCount(shape.slice(axis + 1, -1));
  const transform: Transform = {
    ...{ isComplex, isInverse, isHalfSpectrum, frames: 1, bins, inner, size },
    outer: elementCount(shape.slice(0, axis)),
    outerStride: extent * inner,
    frameStride: 0,
    elementStride: inner,
    count: Math.min(extent, isHalfSpectrum ? Math.floor(size / 2) + 1 : size),
  };
  return { transform, shape: shape.with(axis, bins).with(-1, isHalfSpectrum ? 1 : 2) };
}

/** Whether the last axis holds pairs. */
function checkedParts({ shape }: TensorType): boolean {
  const parts = shape.at(-1);
  if (shape.length >= 2 && (parts === 1 || parts === 2)) return parts === 2;
  throw new ModelError(
    `Cannot transform ${formatShape(shape)}: expected a last axis of 1, or of 2 for complex numbers`,
  );
}

function dftOp(since: number, attributes: OpDef<DftAttributes>["attributes"], cases: readonly OpCase[]): OpDef {
  return defineOp<DftAttributes>({
    type: "DFT",
    since,
    quant: { kind: "non_quantizable" },
    attributes,
    infer: (inputs, own) => [{ dtype: inputs[0]!.dtype, shape: dftOf(inputs, own).shape }],
    lower: (inputs, _outputs, own) => lowerTransform(dftOf(inputs, own).transform, false),
    reference: (inputs, own) => {
      const { transform, shape } = dftOf(knownOperands(inputs), own);
      return [transformTensor(inputs[0]!, shape, transform)];
    },
    leastInputs: 1,
    cases: cases.map((one) => ({ ...one, tolerance: TOLERANCE })),
  });
}

/** ONNX DFT, its axis an attribute. */
export const dftOld = dftOp(17, (raw) => ({
  isInverse: raw.int("inverse", 0) !== 0,
  isOneSided: raw.int("onesided", 0) !== 0,
  axis: raw.int("axis", 1),
}), [
  { name: "axis 1", inputs: [f32(2, 9, 3, 1)], opset: 19 },
  { name: "axis 2, longer", inputs: [f32(2, 4, 9, 2), constantI64([12], [])], attributes: { axis: 2 }, opset: 19 },
  { name: "inverse", inputs: [f32(2, 70, 2)], attributes: { inverse: 1 }, opset: 19 },
]);

/** ONNX DFT: `y[k] = Σ x[n] e^(-2πi kn / N)`; inverse with the other sign, divided by N. */
export const dft = dftOp(20, (raw) => ({
  isInverse: raw.int("inverse", 0) !== 0,
  isOneSided: raw.int("onesided", 0) !== 0,
  axis: undefined,
}), [
  { name: "last axis", inputs: [f32(3, 65, 1)] },
  { name: "complex, shorter, axis 1", inputs: [f32(2, 9, 3, 2), constantI64([7], []), constantI64([1], [])] },
  { name: "one side, even", inputs: [f32(2, 16, 1)], attributes: { onesided: 1 } },
  { name: "one side, odd and longer", inputs: [f32(2, 9, 1), constantI64([11], [])], attributes: { onesided: 1 } },
  { name: "real inverse, even", inputs: [f32(2, 9, 2)], attributes: { onesided: 1, inverse: 1 } },
  { name: "real inverse, odd", inputs: [f32(2, 9, 2), constantI64([17], [])], attributes: { onesided: 1, inverse: 1 } },
  { name: "inverse of real numbers", inputs: [f32(2, 8, 1)], attributes: { inverse: 1 } },
  { name: "empty", inputs: [f32(0, 8, 1)] },
]);

function stftOf([signal, step, window, length]: Operands<TensorType>, isOneSided: boolean) {
  const { shape } = signal!;
  checkFloat(signal!);
  if (shape.length !== 3) throw new ModelError(`Cannot transform signal ${formatShape(shape)}: expected rank 3`);
  const isComplex = checkedParts(signal!);
  const [batch, extent] = shape as [number, number];
  const frameStride = constantScalar(step!, "frame_step");
  const size = length ? constantScalar(length, "frame_length") : window?.shape[0] ?? extent;
  if (window && (window.shape.length !== 1 || window.shape[0] !== size)) {
    throw new ModelError(`Cannot use window ${formatShape(window.shape)}: expected [${size}]`);
  }
  if (!(frameStride >= 1) || !(size >= 1) || size > extent) {
    throw new ModelError(`Cannot cut ${extent} elements into frames of ${size}, each ${frameStride} further`);
  }
  if (isOneSided && isComplex) throw new ModelError("Cannot transform one side of complex numbers");
  const frames = Math.floor((extent - size) / frameStride) + 1;
  const bins = isOneSided ? Math.floor(size / 2) + 1 : size;
  const transform: Transform = {
    ...{ isComplex, isInverse: false, isHalfSpectrum: false, outer: batch, frames, bins, inner: 1 },
    ...{ outerStride: extent, frameStride, elementStride: 1, count: size, size },
  };
  return { transform, shape: [batch, frames, bins, 2] };
}

/** ONNX STFT: the transforms of frames of a signal, each multiplied by a window. */
export const stft = defineOp<{ isOneSided: boolean }>({
  type: "STFT",
  since: 17,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ isOneSided: raw.int("onesided", 1) !== 0 }),
  infer: (inputs, { isOneSided }) => [{ dtype: inputs[0]!.dtype, shape: stftOf(inputs, isOneSided).shape }],
  lower: (inputs, _outputs, { isOneSided }) =>
    lowerTransform(stftOf(inputs, isOneSided).transform, inputs[2] !== undefined),
  reference: (inputs, { isOneSided }) => {
    const { transform, shape } = stftOf(knownOperands(inputs), isOneSided);
    return [transformTensor(inputs[0]!, shape, transform, inputs[2])];
  },
  leastInputs: 2,
  cases: ([
    { name: "window", inputs: [f32(2, 70, 1), constantI64([8], []), f32(16)] },
    { name: "length, no window", inputs: [f32(1, 65, 1), constantI64([5], []), undefined, constantI64([13], [])] },
    { name: "complex", inputs: [f32(2, 20, 2), constantI64([3], []), f32(8)], attributes: { onesided: 0 } },
    { name: "both sides", inputs: [f32(2, 20, 1), constantI64([4], []), f32(8)], attributes: { onesided: 0 } },
    { name: "empty", inputs: [f32(0, 20, 1), constantI64([4], []), f32(8)] },
  ] satisfies OpCase[]).map((one) => ({ ...one, tolerance: TOLERANCE })),
});
