/** ONNX Conv. */
import type { Lowering } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import type { KernelTarget } from "../base/kernel_target.ts";
import { sameShape, stridesOf } from "../base/shape.ts";
import { elementCount, formatShape, type HostTensor, hostTensor, type TensorType } from "../base/tensor.ts";
import { CONV_CASES } from "./conv_cases.ts";
import { type Convolution, lowerConvolution } from "./conv_kernel.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";
import { requireFloat } from "./float_sums.ts";
import { lowerMatmul } from "./matmul_kernel.ts";
import { defineOp, type Operands } from "./op.ts";
import { alignRows, LoweringBuilder } from "./packing.ts";
import { blockDispatch, blockTile } from "./sliding_block.ts";
import { type AxisWindow, slideWindows, threeAxes, type WindowAttributes, windowAttributes } from "./sliding_window.ts";

interface ConvAttributes extends WindowAttributes {
  readonly group: number;
}

function convolutionOf([x, w, bias]: Operands<TensorType>, attributes: ConvAttributes): Convolution {
  const { group } = attributes;
  const rank = x!.shape.length - 2;
  if (rank < 1 || rank > 3 || w!.shape.length !== rank + 2) {
    throw new ModelError(
      `Cannot convolve ${formatShape(x!.shape)} with ${formatShape(w!.shape)}: expected 1 to 3 spatial axes in both`,
    );
  }
  const [batch, channels, ...spatial] = x!.shape as [number, number, ...number[]];
  const [features, channelsIn, ...kernel] = w!.shape as [number, number, ...number[]];
  if (attributes.kernelShape && !sameShape(attributes.kernelShape, kernel)) {
    throw new ModelError(
      `Cannot convolve: kernel_shape is ${formatShape(attributes.kernelShape)}, expected ${formatShape(kernel)}`,
    );
  }
  if (channels !== channelsIn * group) {
    throw new ModelError(
      `Cannot convolve: input has ${channels} channels, expected ${channelsIn * group} ` +
        `(weight channels ${channelsIn} x group ${group})`,
    );
  }
  if (features % group !== 0) {
    throw new ModelError(`Cannot convolve: ${features} output channels, expected a multiple of group ${group}`);
  }
  if (bias && !sameShape(bias.shape, [features])) {
    throw new ModelError(`Cannot convolve: bias has shape ${formatShape(bias.shape)}, expected [${features}]`);
  }
  return {
    batch,
    groups: group,
    channelsIn,
    channelsOut: features / group,
    hasBias: bias !== undefined,
    windows: slideWindows(spatial, kernel, attributes),
  };
}

function outputShape({ batch, groups, channelsOut, windows }: Convolution): number[] {
  return [batch, groups * channelsOut, ...windows.map((window) => window.output)];
}

function isPointwise(windows: readonly AxisWindow[]): boolean {
  return windows.every(({ kernel, stride, before, after }) =>
    kernel === 1 && stride === 1 && before === 0 && after === 0
  );
}

/** A pointwise convolution is a product of the weights, computed anew or not, with every image, seen as channels × positions. */
function lowerPointwise(
  { batch, groups, channelsIn, channelsOut, hasBias, windows }: Convolution,
  { target, hasNewWeights }: { readonly target: KernelTarget; readonly hasNewWeights: boolean },
): Lowering {
  const plane = windows.reduce((count, window) => count * window.output, 1);
  const matrix = { rowStride: channelsIn, columnStride: 1 };
  const weights = { slot: "x1", count: groups, matrixStride: channelsOut * channelsIn, ...matrix } as const;
  const scale = { alpha: 1, beta: 1, depth: channelsIn };
  if (plane === 1 && groups === 1) {
    return lowerMatmul({
      ...scale,
      rows: batch,
      columns: channelsOut,
      a: { slot: "x0", count: 1, matrixStride: 0, ...matrix },
      b: { ...weights, rowStride: 1, columnStride: channelsIn },
      changesB: hasNewWeights,
      inner: { extent: 1, b: 0, y: 0 },
      outer: [],
      ...(hasBias ? { c: { slot: "x2", row: 0, column: 1, rowPeriod: batch } } : {}),
      length: batch * channelsOut,
    }, target);
  }
  return lowerMatmul({
    ...scale,
    rows: channelsOut,
    columns: plane,
    a: weights,
    b: { slot: "x0", count: batch * groups, matrixStride: channelsIn * plane, rowStride: plane, columnStride: 1 },
    changesB: true,
    inner: { extent: batch, b: groups, y: groups * channelsOut * plane },
    outer: groups === 1 ? [] : [{ extent: groups, a: 1, b: 1, c: channelsOut, y: channelsOut * plane }],
    ...(hasBias ? { c: { slot: "x2", row: 1, column: 0, rowPeriod: groups * channelsOut } } : {}),
    length: batch * groups * channelsOut * plane,
  }, target);
}

/** Results per input channel from which on sharing loads between them is worth more than loading each element once. */
const MANY_FEATURES = 4;

/** A convolution of every channel by itself, where its windows are small enough to unroll. */
function lowerDepthwise(
  { batch, groups, channelsIn, channelsOut, hasBias, windows }: Convolution,
  target: KernelTarget,
): Lowering | undefined {
  const channels = groups * channelsOut;
  const planes = batch * channels;
  const tile = channelsIn === 1 && channelsOut < MANY_FEATURES ? blockTile(windows, planes, target) : undefined;
  if (!tile) return undefined;
  const [z, y, x] = threeAxes(windows);
  if (planes * z.output * y.output * x.output === 0) return { dispatches: [] };
  const taps = y.kernel * x.kernel;
  const builder = new LoweringBuilder();
  const list = { slot: "x1", count: 1, matrixStride: 0, rowStride: taps, columnStride: 1 } as const;
  const weights = alignRows(builder, list, channels * z.kernel, taps).slot;
  const block = { kind: "convolution", windows, planes, multiplier: channelsOut, channels, weights } as const;
  builder.dispatches.push(blockDispatch(hasBias ? { ...block, bias: "x2" } : block, tile, target));
  return builder;
}

function reference([x, w, bias]: Operands<HostTensor>, conv: Convolution): HostTensor {
  const shape = outputShape(conv);
  const data = new Float64Array(elementCount(shape));
  const { windows, channelsIn, channelsOut } = conv;
  const xStrides = stridesOf(x!.shape);
  const wStrides = stridesOf(w!.shape);
  const kernel = windows.map((window) => window.kernel);
  eachCoordinate(shape, (at, index) => {
    const [image, feature] = at as [number, number];
    const firstChannel = Math.floor(feature / channelsOut) * channelsIn;
    let sum = bias ? bias.data[feature]! : 0;
    eachCoordinate(kernel, (tap) => {
      const place = windows.map(({ stride, dilation, before }, axis) =>
        at[axis + 2]! * stride + tap[axis]! * dilation - before
      );
      if (!place.every((one, axis) => one >= 0 && one < windows[axis]!.input)) return;
      for (let channel = 0; channel < channelsIn; channel++) {
        sum += x!.data[offsetOf([image, firstChannel + channel, ...place], xStrides)]! *
          w!.data[offsetOf([feature, channel, ...tap], wStrides)]!;
      }
    });
    data[index] = sum;
  });
  return hostTensor(x!.dtype, shape, data);
}

/** ONNX Conv: cross-correlation over one to three spatial axes. */
export const conv = defineOp<ConvAttributes>({
  type: "Conv",
  since: 1,
  quant: { kind: "inputs_quantizable", inputs: [0, 1], weight: { input: 1, bias: 2 } },
  attributes: (raw) => ({ ...windowAttributes(raw), group: raw.int("group", 1) }),
  infer: (inputs, attributes) => {
    requireFloat(...inputs);
    return [{ dtype: inputs[0]!.dtype, shape: outputShape(convolutionOf(inputs, attributes)) }];
  },
  lower: (inputs, _outputs, attributes, target) => {
    const convolution = convolutionOf(inputs, attributes);
    if (isPointwise(convolution.windows)) {
      return lowerPointwise(convolution, { target, hasNewWeights: inputs[1]!.value === undefined });
    }
    return lowerDepthwise(convolution, target) ?? lowerConvolution(convolution, target);
  },
  reference: (inputs, attributes) => [reference(inputs, convolutionOf(inputs, attributes))],
  macs: ([_x, w], outputs) => elementCount(outputs[0]!.shape) * elementCount(w!.shape.slice(1)),
  weightChannelAxis: () => 0,
  cases: CONV_CASES,
});
