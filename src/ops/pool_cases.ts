/** Conformance cases of the pools. */
import { f32 } from "./case_types.ts";
import type { OpCase, Tolerance } from "./op.ts";

const SUMMED: Tolerance = {
  relative: 1e-6,
  absolute: 1e-5,
  reason: "a few terms up to 4 summed in single precision in another order",
};

const POWERS: Tolerance = {
  relative: 1e-4,
  reason: "pow() in WGSL is exp2 of a product with log2, each with errors of its own",
};

/** Geometry that every pool shares; each name once. */
const WINDOWS: readonly OpCase[] = [
  {
    name: "rows of pairs, past a tile",
    inputs: [f32(1, 2, 5, 14)],
    attributes: { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
  },
  { name: "2x2 stride 2", inputs: [f32(2, 3, 6, 8)], attributes: { kernel_shape: [2, 2], strides: [2, 2] } },
  {
    name: "3x3 stride 2 with pads",
    inputs: [f32(2, 3, 9, 11)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  },
  { name: "3x3 stride 1 on narrow rows", inputs: [f32(2, 3, 3, 3)], attributes: { kernel_shape: [3, 3] } },
  {
    name: "asymmetric pads",
    inputs: [f32(1, 2, 7, 6)],
    attributes: { kernel_shape: [3, 2], strides: [2, 1], pads: [2, 0, 1, 1] },
  },
  {
    name: "ceil_mode",
    inputs: [f32(1, 2, 8, 9)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 },
  },
  {
    name: "ceil_mode with a last window that would start in the padding",
    inputs: [f32(1, 1, 4, 4)],
    attributes: { kernel_shape: [1, 1], strides: [2, 2], pads: [0, 0, 1, 1], ceil_mode: 1 },
  },
  {
    name: "ceil_mode with pads",
    inputs: [f32(1, 2, 6, 7)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 },
  },
  {
    name: "auto_pad SAME_UPPER",
    inputs: [f32(1, 2, 7, 6)],
    attributes: { kernel_shape: [3, 2], strides: [2, 2], auto_pad: "SAME_UPPER" },
  },
  {
    name: "auto_pad SAME_LOWER",
    inputs: [f32(1, 2, 7, 6)],
    attributes: { kernel_shape: [2, 3], strides: [1, 2], auto_pad: "SAME_LOWER" },
  },
  {
    name: "auto_pad VALID",
    inputs: [f32(1, 2, 7, 6)],
    attributes: { kernel_shape: [2, 3], strides: [2, 2], auto_pad: "VALID" },
  },
  {
    name: "taps three lines apart",
    inputs: [f32(2, 2, 14, 9)],
    attributes: { kernel_shape: [2, 3], dilations: [3, 1], pads: [1, 1, 1, 1] },
  },
  {
    name: "dilations",
    inputs: [f32(1, 2, 9, 9)],
    attributes: { kernel_shape: [2, 3], dilations: [3, 2], pads: [1, 1, 1, 1] },
  },
  {
    name: "1-D",
    inputs: [f32(2, 3, 17)],
    attributes: { kernel_shape: [4], strides: [3], pads: [1, 2] },
  },
  {
    name: "3-D",
    inputs: [f32(1, 2, 4, 5, 6)],
    attributes: { kernel_shape: [2, 3, 3], strides: [1, 2, 1], pads: [1, 0, 1, 0, 1, 1] },
  },
  { name: "a large window", inputs: [f32(2, 3, 13, 14)], attributes: { kernel_shape: [13, 14] } },
  { name: "one past several workgroups", inputs: [f32(1, 1, 66, 66)], attributes: { kernel_shape: [2, 2] } },
  { name: "empty batch", inputs: [f32(0, 3, 4, 4)], attributes: { kernel_shape: [2, 2] } },
];

export const MAX_POOL_CASES: readonly OpCase[] = [
  ...WINDOWS,
  {
    name: "Indices",
    inputs: [f32(2, 3, 6, 7)],
    attributes: { kernel_shape: [3, 2], strides: [2, 2], pads: [1, 0, 1, 1] },
    outputs: 2,
  },
  {
    name: "Indices in column-major order",
    inputs: [f32(2, 3, 6, 7)],
    attributes: { kernel_shape: [2, 2], strides: [2, 3], storage_order: 1 },
    outputs: 2,
  },
  {
    name: "Indices over three axes in column-major order",
    inputs: [f32(1, 2, 4, 5, 6)],
    attributes: { kernel_shape: [2, 2, 2], strides: [2, 1, 2], dilations: [1, 2, 1], storage_order: 1 },
    outputs: 2,
  },
  {
    name: "int8",
    inputs: [{ dtype: "int8", shape: [1, 3, 7, 7] }],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
    range: [-128, 127],
    outputs: 2,
  },
  {
    name: "Indices of the first of equal elements",
    inputs: [{ dtype: "int8", shape: [1, 3, 7, 7] }],
    attributes: { kernel_shape: [3, 3] },
    range: [-2, 2],
    outputs: 2,
  },
  {
    name: "uint8",
    inputs: [{ dtype: "uint8", shape: [1, 3, 7, 7] }],
    attributes: { kernel_shape: [2, 2] },
    range: [0, 255],
  },
  { name: "opset 1", inputs: [f32(1, 1, 5, 5)], attributes: { kernel_shape: [2, 2], strides: [2, 2] }, opset: 1 },
];

export const AVERAGE_POOL_CASES: readonly OpCase[] = [
  ...WINDOWS,
  {
    name: "count_include_pad",
    inputs: [f32(1, 2, 6, 7)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 2, 1, 2], count_include_pad: 1 },
  },
  {
    name: "count_include_pad with ceil_mode",
    inputs: [f32(1, 2, 6, 8)],
    attributes: { kernel_shape: [3, 3], strides: [2, 3], pads: [1, 1, 1, 0], count_include_pad: 1, ceil_mode: 1 },
  },
  {
    name: "count_include_pad with dilations and ceil_mode",
    inputs: [f32(1, 1, 5, 6, 7)],
    attributes: {
      kernel_shape: [2, 2, 2],
      strides: [2, 2, 3],
      dilations: [2, 2, 2],
      pads: [0, 1, 1, 1, 0, 1],
      count_include_pad: 1,
      ceil_mode: 1,
    },
  },
].map((one) => ({ tolerance: SUMMED, ...one }));

export const LP_POOL_CASES: readonly OpCase[] = [
  ...WINDOWS.map((one) => ({ ...one, tolerance: SUMMED })),
  { name: "p 1", inputs: [f32(1, 2, 5, 5)], attributes: { kernel_shape: [2, 2], p: 1 }, tolerance: SUMMED },
  { name: "p 3", inputs: [f32(1, 2, 5, 5)], attributes: { kernel_shape: [3, 2], p: 3 }, tolerance: POWERS },
];
