/** ConvInteger and QLinearConv: convolutions of 8-bit codes, summed exactly in int32. */
import code from "../../shaders/integer_conv.wgsl" with { type: "text" };
import { type Dispatch, dispatch, linearGrid, type Shader, type Slot, WORKGROUP_SIZE } from "../base/dispatch.ts";
import { ModelError, UnsupportedError } from "../base/errors.ts";
import { stridesOf } from "../base/shape.ts";
import {
  allocate,
  type DType,
  elementCount,
  formatShape,
  type HostTensor,
  hostTensor,
  type TensorType,
} from "../base/tensor.ts";
import type { AttributeReader } from "../graph/attributes.ts";
import { constantF32 } from "./case_types.ts";
import { eachCoordinate, offsetOf } from "./coordinates.ts";
import { defineOp } from "./op.ts";
import { checkCount, requantized, requantizeDispatch } from "./requantize.ts";
import { type AxisWindow, slideWindows, threeAxes, type WindowAttributes, windowAttributes } from "./sliding_window.ts";
import { MAX_ITERATIONS, nestedIterations } from "./tiles.ts";

type Constant = "WORKGROUP_SIZE" | "HAS_X_ZERO" | "HAS_W_ZERO" | "HAS_BIAS";
type Uniform =
  | "length"
  | "channels_in"
  | "channels_out"
  | "groups"
  | "w_zero_stride"
  | "input"
  | "output"
  | "kernel"
  | "stride"
  | "dilation"
  | "before";

const shader: Shader<Constant, Uniform> = {
  name: "integer_conv",
  code,
  constants: ["WORKGROUP_SIZE", "HAS_X_ZERO", "HAS_W_ZERO", "HAS_BIAS"],
  uniforms: [
    "length",
    "channels_in",
    "channels_out",
    "groups",
    "w_zero_stride",
    "input",
    "output",
    "kernel",
    "stride",
    "dilation",
    "before",
  ],
};

interface ConvAttributes extends WindowAttributes {
  readonly group: number;
}

interface Convolution {
  readonly channelsIn: number;
  readonly channelsOut: number;
  readonly groups: number;
  readonly windows: readonly AxisWindow[];
  readonly shape: readonly number[];
}

const attributesOf = (raw: AttributeReader): ConvAttributes => ({
  ...windowAttributes(raw),
  group: raw.int("group", 1),
});

function convolutionOf(x: readonly number[], w: readonly number[], attributes: ConvAttributes): Convolution {
  const { group } = attributes;
  const [batch, channels, ...spatial] = x;
  const [features, channelsIn, ...kernel] = w;
  if (batch === undefined || channels === undefined || features === undefined || channelsIn === undefined) {
    throw new ModelError(`Cannot convolve ${formatShape(x)} with ${formatShape(w)}`);
  }
  if (spatial.length < 1 || spatial.length > 3 || spatial.length !== kernel.length) {
    throw new ModelError(`Cannot convolve ${formatShape(x)} with ${formatShape(w)}: expected 1 to 3 spatial axes`);
  }
  if (channels !== channelsIn * group || features % group !== 0) {
    throw new ModelError(
      `Cannot convolve ${channels} channels with weights ${formatShape(w)} in ${group} groups`,
    );
  }
  if (nestedIterations([elementCount(kernel), channelsIn]) > MAX_ITERATIONS) {
    throw new UnsupportedError(
      `Cannot sum ${elementCount(w) / features} products: that takes more than ${MAX_ITERATIONS} iterations`,
    );
  }
  const windows = slideWindows(spatial, kernel, attributes);
  const shape = [batch, features, ...windows.map(({ output }) => output)];
  return { channelsIn, channelsOut: features / group, groups: group, windows, shape };
}

/** Operands of the convolution beside its shapes; slots of absent ones are undefined. */
interface ConvSlots {
  readonly w: Slot;
  readonly xZero: Slot | undefined;
  readonly wZero: Slot | undefined;
  readonly bias?: Slot | undefined;
  readonly y: Slot;
}

function convDispatch(convolution: Convolution, slots: ConvSlots, wZeroCount: number): Dispatch {
  const { channelsIn, channelsOut, groups, windows, shape } = convolution;
  const axes = threeAxes(windows);
  const length = elementCount(shape);
  return dispatch(shader, {
    bindings: ["x0", slots.w, slots.xZero ?? slots.w, slots.wZero ?? slots.w, slots.bias ?? slots.w, slots.y],
    constants: {
      WORKGROUP_SIZE,
      HAS_X_ZERO: slots.xZero !== undefined,
      HAS_W_ZERO: slots.wZero !== undefined,
      HAS_BIAS: slots.bias !== undefined,
    },
    uniforms: {
      length,
      channels_in: channelsIn,
      channels_out: channelsOut,
      groups,
      w_zero_stride: Number(wZeroCount > 1),
      input: axes.map((axis) => axis.input),
      output: axes.map((axis) => axis.output),
      kernel: axes.map((axis) => axis.kernel),
      stride: axes.map((axis) => axis.stride),
      dilation: axes.map((axis) => axis.dilation),
      before: axes.map((axis) => axis.before),
    },
    workgroups: linearGrid(length, WORKGROUP_SIZE),
  });
}

/** Visits every sum with its output channel: for references. */
function eachSum(
  x: HostTensor,
  w: HostTensor,
  { windows, channelsIn, channelsOut, shape }: Convolution,
  xZero: HostTensor | undefined,
  wZero: HostTensor | undefined,
  visit: (sum: number, index: number, feature: number) => void,
): void {
  const xStrides = stridesOf(x.shape);
  const wStrides = stridesOf(w.shape);
  eachCoordinate(shape, (at, index) => {
    const [image, feature, ...place] = at as [number, number, ...number[]];
    let sum = 0;
    eachCoordinate(w.shape.slice(1), ([channel, ...tap]) => {
      const from = place.map((one, axis) => {
        const { stride, dilation, before } = windows[axis]!;
        return one * stride + tap[axis]! * dilation - before;
      });
      if (from.some((one, axis) => one < 0 || one >= windows[axis]!.input)) return;
      const source = Math.floor(feature / channelsOut) * channelsIn + channel!;
      const weight = w.data[offsetOf([feature, channel!, ...tap], wStrides)]! -
        (wZero?.data[wZero.data.length > 1 ? feature : 0] ?? 0);
      sum += (x.data[offsetOf([image, source, ...from], xStrides)]! - (xZero?.data[0] ?? 0)) * weight;
    });
    visit(sum, index, feature);
  });
}

const codes = (dtype: DType, ...shape: number[]): TensorType => ({ dtype, shape });
const zero = (dtype: DType, ...values: number[]): TensorType => ({
  dtype,
  shape: values.length === 1 ? [] : [values.length],
  value: hostTensor(dtype, [values.length], values).data,
});
const BYTES = { range: [0, 255] } as const;

/** ONNX ConvInteger. */
export const convInteger = defineOp<ConvAttributes>({
  type: "ConvInteger",
  since: 10,
  quant: { kind: "non_quantizable" },
  attributes: attributesOf,
  infer: ([x, w, xZero, wZero], attributes) => {
    checkCount("x_zero_point", xZero, 1);
    checkCount("w_zero_point", wZero, w!.shape[0]!);
    return [{ dtype: "int32", shape: convolutionOf(x!.shape, w!.shape, attributes).shape }];
  },
  lower: ([x, w, xZero, wZero], _outputs, attributes) => ({
    dispatches: [
      convDispatch(
        convolutionOf(x!.shape, w!.shape, attributes),
        { w: "x1", xZero: xZero && "x2", wZero: wZero && "x3", y: "y0" },
        wZero ? elementCount(wZero.shape) : 1,
      ),
    ],
  }),
  reference: ([x, w, xZero, wZero], attributes) => {
    const convolution = convolutionOf(x!.shape, w!.shape, attributes);
    const data = allocate("int32", elementCount(convolution.shape));
    eachSum(x!, w!, convolution, xZero, wZero, (sum, index) => data[index] = sum);
    return [{ dtype: "int32", shape: convolution.shape, data }];
  },
  macs: ([_x, w], [y]) => elementCount(y!.shape) * elementCount(w!.shape.slice(1)),
  cases: [
    { name: "plain", inputs: [codes("uint8", 1, 3, 7, 5), codes("int8", 4, 3, 3, 3)], range: [0, 100] },
    {
      name: "zero points, pads, strides, dilations",
      inputs: [codes("uint8", 2, 4, 9, 8), codes("uint8", 6, 2, 3, 2), codes("uint8"), codes("uint8", 6)],
      attributes: { group: 2, pads: [1, 0, 2, 1], strides: [2, 1], dilations: [1, 2], kernel_shape: [3, 2] },
      ...BYTES,
    },
    {
      name: "one axis, same padding",
      inputs: [codes("int8", 1, 2, 11), codes("int8", 3, 2, 4)],
      attributes: { auto_pad: "SAME_UPPER", strides: [2] },
      range: [-128, 127],
    },
    { name: "three axes", inputs: [codes("uint8", 1, 1, 3, 4, 5), codes("uint8", 2, 1, 2, 2, 2)], ...BYTES },
  ],
});

/** ONNX QLinearConv: scales and zero points of the weights per tensor or per output channel; int32 bias. */
export const qlinearConv = defineOp<ConvAttributes>({
  type: "QLinearConv",
  since: 10,
  quant: { kind: "non_quantizable" },
  attributes: attributesOf,
  infer: ([x, xScale, xZero, w, wScale, wZero, yScale, yZero, bias], attributes) => {
    const features = w!.shape[0]!;
    for (const [name, operand] of [["x_scale", xScale], ["x_zero_point", xZero]] as const) checkCount(name, operand, 1);
    for (const [name, operand] of [["y_scale", yScale], ["y_zero_point", yZero]] as const) checkCount(name, operand, 1);
    for (const [name, operand] of [["w_scale", wScale], ["w_zero_point", wZero]] as const) {
      checkCount(name, operand, features);
    }
    if (bias && (bias.dtype !== "int32" || elementCount(bias.shape) !== features)) {
      throw new ModelError(`Cannot add bias ${bias.dtype}${formatShape(bias.shape)}, expected int32[${features}]`);
    }
    return [{ dtype: yZero!.dtype, shape: convolutionOf(x!.shape, w!.shape, attributes).shape }];
  },
  lower: ([x, xScale, _xZero, w, wScale, wZero, _yScale, _yZero, bias], [y], attributes) => {
    const convolution = convolutionOf(x!.shape, w!.shape, attributes);
    const [, features, ...plane] = convolution.shape;
    return {
      dispatches: [
        convDispatch(
          convolution,
          { w: "x3", xZero: "x2", wZero: "x5", bias: bias && "x8", y: "t0" },
          elementCount(wZero!.shape),
        ),
        requantizeDispatch(
          "t0",
          y!,
          [
            { slot: "x1", count: elementCount(xScale!.shape), inner: 1, extent: 1 },
            { slot: "x4", count: elementCount(wScale!.shape), inner: elementCount(plane), extent: features! },
          ],
          ["x6", "x7"],
        ),
      ],
      temporaries: [elementCount(y!.shape)],
    };
  },
  reference: ([x, xScale, xZero, w, wScale, wZero, yScale, yZero, bias], attributes) => {
    const convolution = convolutionOf(x!.shape, w!.shape, attributes);
    const data = allocate(yZero!.dtype, elementCount(convolution.shape));
    eachSum(x!, w!, convolution, xZero, wZero, (sum, index, feature) => {
      const scales = [
        xScale!.data[0]!,
        wScale!.data[wScale!.data.length > 1 ? feature : 0]!,
        yScale!.data[0]!,
      ] as const;
      data[index] = requantized(sum + (bias?.data[feature] ?? 0), scales, yZero!.data[0]!, yZero!.dtype);
    });
    return [{ dtype: yZero!.dtype, shape: convolution.shape, data }];
  },
  macs: ([_x, _xScale, _xZero, w], [y]) => elementCount(y!.shape) * elementCount(w!.shape.slice(1)),
  cases: [
    {
      name: "per channel with bias",
      inputs: [
        codes("uint8", 2, 3, 7, 5),
        constantF32([0.02], []),
        zero("uint8", 120),
        codes("int8", 4, 3, 3, 3),
        constantF32([0.01, 0.02, 0.03, 0.005]),
        zero("int8", 0, 1, -1, 2),
        constantF32([0.1], []),
        zero("uint8", 100),
        codes("int32", 4),
      ],
      attributes: { pads: [1, 1, 1, 1], strides: [2, 1] },
      range: [0, 100],
    },
    {
      name: "per tensor, depthwise",
      inputs: [
        codes("int8", 1, 3, 6, 6),
        constantF32([0.5], []),
        zero("int8", 2),
        codes("int8", 3, 1, 2, 2),
        constantF32([0.25], []),
        zero("int8", 0),
        constantF32([8], []),
        zero("int8", -5),
      ],
      attributes: { group: 3 },
      range: [-128, 127],
    },
  ],
});
