/** ONNX ConvTranspose. */
import { ModelError } from "../base/errors.ts";
import { sameShape, stridesOf } from "../base/shape.ts";
import { elementCount, formatShape, type HostTensor, hostTensor, type TensorType } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { lowerConvTranspose, type TransposedConvolution } from "./conv_transpose_kernel.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";
import { requireFloat, SUM_TOLERANCE } from "./float_sums.ts";
import { defineOp, type OpCase, type Operands } from "./op.ts";
import { type AxisWindow, perAxis, reach, type WindowAttributes, windowAttributes } from "./sliding_window.ts";

interface ConvTransposeAttributes extends WindowAttributes {
  readonly group: number;
  readonly outputPadding: readonly number[] | undefined;
  /** Extents of the spatial axes of y, which then decide the padding. */
  readonly outputShape: readonly number[] | undefined;
}

/** Windows over y (ONNX ConvTranspose-11): `input` is the extent of x, `output` that of y. */
function windowsOf(
  spatial: readonly number[],
  kernel: readonly number[],
  attributes: ConvTransposeAttributes,
): AxisWindow[] {
  const rank = spatial.length;
  const strides = perAxis("strides", attributes.strides, rank, 1, 1);
  const dilations = perAxis("dilations", attributes.dilations, rank, 1, 1);
  const pads = perAxis("pads", attributes.pads, 2 * rank, 0, 0);
  const extra = perAxis("output_padding", attributes.outputPadding, rank, 0, 0);
  // Some exporters state batch and channels as well.
  const stated = attributes.outputShape?.slice(-rank);
  const wanted = stated && perAxis("output_shape", stated, rank, 0, 0);
  const isSame = attributes.autoPad === "SAME_UPPER" || attributes.autoPad === "SAME_LOWER";
  return spatial.map((input, axis) => {
    const size = { input, kernel: kernel[axis]!, stride: strides[axis]!, dilation: dilations[axis]! };
    const whole = (input - 1) * size.stride + extra[axis]! + reach(size.kernel, size.dilation);
    if (wanted || isSame) {
      const output = wanted ? wanted[axis]! : input * size.stride;
      const padding = Math.max(0, whole - output);
      const before = attributes.autoPad === "SAME_UPPER" ? Math.floor(padding / 2) : Math.ceil(padding / 2);
      return { ...size, output, before, after: padding - before };
    }
    const [before, after] = attributes.autoPad === "VALID" ? [0, 0] : [pads[axis]!, pads[rank + axis]!];
    const output = whole - before - after;
    if (output < 0) {
      throw new ModelError(`Cannot crop ${whole} results by ${before} and ${after}: nothing is left`);
    }
    return { ...size, output, before, after };
  });
}

function convolutionOf([x, w, bias]: Operands<TensorType>, attributes: ConvTransposeAttributes): TransposedConvolution {
  const { group } = attributes;
  const rank = x!.shape.length - 2;
  if (rank < 1 || rank > 3 || w!.shape.length !== rank + 2) {
    throw new ModelError(
      `Cannot convolve ${formatShape(x!.shape)} with ${formatShape(w!.shape)}: expected 1 to 3 spatial axes in both`,
    );
  }
  const [batch, channels, ...spatial] = x!.shape as [number, number, ...number[]];
  const [channelsAll, channelsOut, ...kernel] = w!.shape as [number, number, ...number[]];
  if (attributes.kernelShape && !sameShape(attributes.kernelShape, kernel)) {
    throw new ModelError(
      `Cannot convolve: kernel_shape is ${formatShape(attributes.kernelShape)}, expected ${formatShape(kernel)}`,
    );
  }
  if (channels !== channelsAll || channels % group !== 0) {
    throw new ModelError(
      `Cannot convolve: input has ${channels} channels and weights ${channelsAll}, expected as many, ` +
        `a multiple of group ${group}`,
    );
  }
  if (bias && !sameShape(bias.shape, [group * channelsOut])) {
    throw new ModelError(
      `Cannot convolve: bias has shape ${formatShape(bias.shape)}, expected [${group * channelsOut}]`,
    );
  }
  return {
    batch,
    groups: group,
    channelsIn: channels / group,
    channelsOut,
    hasBias: bias !== undefined,
    windows: windowsOf(spatial, kernel, attributes),
  };
}

function outputShape({ batch, groups, channelsOut, windows }: TransposedConvolution): number[] {
  return [batch, groups * channelsOut, ...windows.map((window) => window.output)];
}

/** Scatters: every element of x adds its multiple of the weights to y. */
function reference([x, w, bias]: Operands<HostTensor>, conv: TransposedConvolution): HostTensor {
  const { channelsIn, channelsOut, windows } = conv;
  const shape = outputShape(conv);
  const strides = stridesOf(shape);
  const wStrides = stridesOf(w!.shape);
  const plane = elementCount(shape.slice(2));
  const data = Float64Array.from(
    { length: elementCount(shape) },
    (_, index) => bias ? bias.data[Math.floor(index / plane) % shape[1]!]! : 0,
  );
  eachCoordinate(x!.shape, (at, index) => {
    const [image, channel] = at as [number, number];
    const first = Math.floor(channel / channelsIn) * channelsOut;
    eachCoordinate([channelsOut, ...windows.map((window) => window.kernel)], (tap) => {
      const place = windows.map(({ stride, dilation, before }, axis) =>
        at[axis + 2]! * stride + tap[axis + 1]! * dilation - before
      );
      if (!place.every((one, axis) => one >= 0 && one < windows[axis]!.output)) return;
      const target = offsetOf([image, first + tap[0]!, ...place], strides);
      data[target] = data[target]! + x!.data[index]! * w!.data[offsetOf([channel, ...tap], wStrides)]!;
    });
  });
  return hostTensor(x!.dtype, shape, data);
}

const CASES = ([
  { name: "3x3", inputs: [f32(2, 3, 4, 5), f32(3, 4, 3, 3), f32(4)] },
  { name: "3x3 with pads", inputs: [f32(1, 3, 5, 9), f32(3, 9, 3, 3)], attributes: { pads: [1, 0, 1, 2] } },
  { name: "2x2 stride 2", inputs: [f32(2, 5, 4, 4), f32(5, 3, 2, 2), f32(3)], attributes: { strides: [2, 2] } },
  {
    name: "3x3 stride 2 with output_padding",
    inputs: [f32(1, 2, 4, 4), f32(2, 3, 3, 3), f32(3)],
    attributes: { strides: [2, 2], pads: [1, 1, 1, 1], output_padding: [1, 1] },
  },
  {
    name: "a stride beyond the kernel",
    inputs: [f32(1, 2, 3, 3), f32(2, 2, 2, 2), f32(2)],
    attributes: { strides: [3, 4] },
  },
  {
    name: "dilations",
    inputs: [f32(1, 2, 4, 4), f32(2, 2, 3, 2)],
    attributes: { dilations: [2, 3], strides: [1, 2] },
  },
  { name: "groups", inputs: [f32(2, 6, 4, 4), f32(6, 3, 3, 3), f32(6)], attributes: { group: 2, strides: [2, 1] } },
  { name: "depthwise", inputs: [f32(1, 4, 5, 5), f32(4, 1, 4, 4)], attributes: { group: 4, strides: [2, 2] } },
  {
    name: "output_shape",
    inputs: [f32(1, 1, 3, 3), f32(1, 2, 3, 3)],
    attributes: { strides: [3, 2], output_shape: [8, 7] },
  },
  {
    name: "output_shape larger than the windows",
    inputs: [f32(1, 1, 3, 3), f32(1, 2, 3, 3)],
    attributes: { strides: [3, 2], output_shape: [10, 8] },
  },
  {
    name: "output_shape with batch and channels",
    inputs: [f32(1, 1, 3, 3), f32(1, 2, 4, 4)],
    attributes: { strides: [2, 2], output_shape: [1, 2, 7, 7] },
  },
  {
    name: "auto_pad SAME_UPPER",
    inputs: [f32(1, 1, 3, 3), f32(1, 2, 3, 3)],
    attributes: { strides: [2, 2], auto_pad: "SAME_UPPER" },
  },
  {
    name: "auto_pad SAME_LOWER",
    inputs: [f32(1, 1, 3, 3), f32(1, 2, 3, 3)],
    attributes: { strides: [2, 2], auto_pad: "SAME_LOWER" },
  },
  {
    name: "auto_pad VALID and kernel_shape",
    inputs: [f32(1, 1, 3, 3), f32(1, 2, 3, 3)],
    attributes: { auto_pad: "VALID", kernel_shape: [3, 3] },
  },
  {
    name: "1-D",
    inputs: [f32(2, 3, 11), f32(3, 2, 4), f32(2)],
    attributes: { strides: [3], pads: [1, 2], output_padding: [2] },
  },
  {
    name: "3-D",
    inputs: [f32(1, 2, 3, 4, 3), f32(2, 3, 2, 3, 3), f32(3)],
    attributes: { strides: [1, 2, 2], pads: [1, 0, 1, 0, 1, 1] },
  },
  { name: "empty batch", inputs: [f32(0, 3, 4, 4), f32(3, 2, 3, 3)] },
  {
    name: "a reduction beyond the loop limit",
    inputs: [f32(1, 7000, 1, 1), f32(7000, 1, 3, 3), f32(1)],
    range: [-1, 1],
    tolerance: { absolute: 5e-3, reason: "7,000 terms summed in single precision" },
  },
] as readonly OpCase[]).map((one) => ({ tolerance: SUM_TOLERANCE, ...one }));

/** ONNX ConvTranspose: the gradient of a convolution with respect to its input, over one to three spatial axes. */
export const convTranspose = defineOp<ConvTransposeAttributes>({
  type: "ConvTranspose",
  since: 1,
  quant: { kind: "inputs_quantizable", inputs: [0, 1], weight: { input: 1, bias: 2 } },
  attributes: (raw) => ({
    ...windowAttributes(raw),
    group: raw.int("group", 1),
    outputPadding: raw.numbers("output_padding"),
    outputShape: raw.numbers("output_shape"),
  }),
  infer: (inputs, attributes) => {
    requireFloat(...inputs);
    return [{ dtype: inputs[0]!.dtype, shape: outputShape(convolutionOf(inputs, attributes)) }];
  },
  lower: (inputs, _outputs, attributes) => lowerConvTranspose(convolutionOf(inputs, attributes)),
  reference: (inputs, attributes) => [reference(inputs, convolutionOf(inputs, attributes))],
  macs: ([x, w]) => elementCount(x!.shape) * elementCount(w!.shape.slice(1)),
  weightChannelAxis: () => 1,
  cases: CASES,
});
