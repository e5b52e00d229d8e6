/** Conformance cases of Conv. */
import { f32 } from "./case_types.ts";
import { SUM_TOLERANCE } from "./float_sums.ts";
import type { OpCase } from "./op.ts";

/** Every attribute of Conv, and the edges of every kernel that computes it. */
export const CONV_CASES = ([
  { name: "1x1", inputs: [f32(2, 5, 4, 4), f32(7, 5, 1, 1), f32(7)] },
  { name: "1x1 on an odd plane", inputs: [f32(2, 3, 3, 3), f32(17, 3, 1, 1), f32(17)] },
  { name: "1x1 on one position", inputs: [f32(3, 9, 1, 1), f32(5, 9, 1, 1), f32(5)] },
  { name: "1x1 with groups", inputs: [f32(2, 6, 3, 4), f32(9, 2, 1, 1), f32(9)], attributes: { group: 3 } },
  { name: "1x1 on one position with groups", inputs: [f32(2, 6, 1, 1), f32(4, 3, 1, 1)], attributes: { group: 2 } },
  { name: "1x1 stride 2", inputs: [f32(1, 4, 7, 7), f32(5, 4, 1, 1)], attributes: { strides: [2, 2] } },
  { name: "1x1 with pads", inputs: [f32(1, 2, 3, 3), f32(3, 2, 1, 1)], attributes: { pads: [1, 0, 0, 1] } },
  { name: "3x3", inputs: [f32(2, 3, 8, 8), f32(4, 3, 3, 3), f32(4)], attributes: { pads: [1, 1, 1, 1] } },
  { name: "3x3 without bias or pads", inputs: [f32(1, 2, 5, 11), f32(17, 2, 3, 3)] },
  {
    name: "3x3 stride 2 with asymmetric pads",
    inputs: [f32(2, 3, 9, 10), f32(8, 3, 3, 3), f32(8)],
    attributes: { pads: [0, 1, 1, 0], strides: [2, 2] },
  },
  {
    name: "3x3 over four wide rows",
    inputs: [f32(2, 4, 4, 4), f32(5, 4, 3, 3)],
    attributes: { pads: [1, 1, 1, 1] },
  },
  {
    name: "dilations",
    inputs: [f32(1, 2, 9, 9), f32(3, 2, 3, 3)],
    attributes: { dilations: [2, 3], pads: [2, 2, 2, 2] },
  },
  {
    name: "5x3 with unequal strides",
    inputs: [f32(1, 2, 12, 9), f32(3, 2, 5, 3)],
    attributes: { strides: [3, 1], pads: [2, 1, 2, 1] },
  },
  {
    name: "7x7 stride 2",
    inputs: [f32(1, 3, 17, 17), f32(4, 3, 7, 7), f32(4)],
    attributes: { strides: [2, 2], pads: [3, 3, 3, 3] },
  },
  { name: "a row kernel too long to unroll", inputs: [f32(1, 1, 2, 40), f32(2, 1, 1, 17)] },
  { name: "a stride too long to unroll", inputs: [f32(1, 1, 1, 90), f32(2, 1, 1, 3)], attributes: { strides: [1, 9] } },
  { name: "a stride beyond the kernel", inputs: [f32(1, 2, 9, 9), f32(3, 2, 2, 2)], attributes: { strides: [4, 4] } },
  {
    name: "groups with odd channels",
    inputs: [f32(2, 9, 5, 5), f32(15, 3, 3, 3), f32(15)],
    attributes: { group: 3, pads: [1, 1, 1, 1] },
  },
  {
    name: "depthwise 3x3",
    inputs: [f32(2, 5, 8, 12), f32(5, 1, 3, 3), f32(5)],
    attributes: { group: 5, pads: [1, 1, 1, 1] },
  },
  {
    name: "depthwise 3x3 stride 2 on odd rows",
    inputs: [f32(2, 3, 7, 11), f32(3, 1, 3, 3), f32(3)],
    attributes: { group: 3, pads: [1, 1, 1, 1], strides: [2, 2] },
  },
  {
    name: "depthwise 5x5 without bias, asymmetric pads",
    inputs: [f32(1, 4, 9, 9), f32(4, 1, 5, 5)],
    attributes: { group: 4, pads: [2, 1, 1, 2] },
  },
  {
    name: "rows of pairs, past a tile",
    inputs: [f32(1, 3, 5, 14), f32(5, 3, 3, 3), f32(5)],
    attributes: { pads: [1, 1, 1, 1] },
  },
  {
    name: "depthwise over rows of pairs, past a tile",
    inputs: [f32(2, 3, 5, 22), f32(3, 1, 3, 3), f32(3)],
    attributes: { group: 3, strides: [1, 2], pads: [1, 1, 1, 1] },
  },
  {
    name: "depthwise over rows of pairs, without stride",
    inputs: [f32(2, 3, 5, 14), f32(3, 1, 3, 3), f32(3)],
    attributes: { group: 3, pads: [1, 1, 1, 1] },
  },
  {
    name: "depthwise with a channel multiplier",
    inputs: [f32(2, 3, 6, 6), f32(6, 1, 3, 3), f32(6)],
    attributes: { group: 3, pads: [1, 1, 1, 1] },
  },
  {
    name: "one channel to many",
    inputs: [f32(2, 1, 9, 9), f32(5, 1, 3, 3), f32(5)],
    attributes: { strides: [2, 2], pads: [1, 1, 1, 1] },
  },
  {
    name: "depthwise with a channel multiplier of 5",
    inputs: [f32(2, 2, 6, 6), f32(10, 1, 3, 3), f32(10)],
    attributes: { group: 2 },
  },
  {
    name: "depthwise with dilations",
    inputs: [f32(1, 2, 9, 20), f32(2, 1, 3, 3)],
    attributes: { group: 2, dilations: [2, 2], pads: [2, 2, 2, 2] },
  },
  {
    name: "depthwise with taps four lines apart",
    inputs: [f32(2, 3, 11, 13), f32(3, 1, 3, 3), f32(3)],
    attributes: { group: 3, dilations: [4, 3], pads: [4, 3, 4, 3] },
  },
  {
    name: "depthwise with a kernel too long to unroll",
    inputs: [f32(1, 2, 3, 60), f32(2, 1, 1, 31), f32(2)],
    attributes: { group: 2, pads: [0, 15, 0, 15] },
  },
  {
    name: "auto_pad SAME_UPPER",
    inputs: [f32(1, 2, 6, 7), f32(3, 2, 2, 4)],
    attributes: { auto_pad: "SAME_UPPER", strides: [2, 1], dilations: [1, 2] },
  },
  {
    name: "auto_pad SAME_LOWER",
    inputs: [f32(1, 2, 6, 7), f32(3, 2, 2, 4)],
    attributes: { auto_pad: "SAME_LOWER", strides: [2, 2] },
  },
  {
    name: "auto_pad VALID and kernel_shape",
    inputs: [f32(1, 2, 6, 7), f32(3, 2, 3, 3)],
    attributes: { auto_pad: "VALID", kernel_shape: [3, 3] },
  },
  {
    name: "1-D",
    inputs: [f32(2, 3, 21), f32(4, 3, 5), f32(4)],
    attributes: { strides: [2], pads: [1, 3], dilations: [2] },
  },
  { name: "1-D depthwise", inputs: [f32(2, 3, 21), f32(3, 1, 4), f32(3)], attributes: { group: 3, pads: [3, 0] } },
  {
    name: "3-D",
    inputs: [f32(1, 2, 4, 5, 6), f32(3, 2, 2, 3, 3), f32(3)],
    attributes: { strides: [1, 2, 1], pads: [1, 0, 1, 0, 1, 1], dilations: [2, 1, 1] },
  },
  { name: "3-D 1x1x1", inputs: [f32(2, 3, 2, 2, 3), f32(4, 3, 1, 1, 1)] },
  {
    name: "3-D depthwise",
    inputs: [f32(1, 2, 4, 5, 6), f32(4, 1, 2, 3, 3), f32(4)],
    attributes: { group: 2, pads: [1, 1, 1, 0, 1, 1] },
  },
  { name: "empty batch", inputs: [f32(0, 3, 8, 8), f32(4, 3, 3, 3), f32(4)] },
  {
    name: "a reduction beyond the loop limit",
    inputs: [f32(1, 7000, 3, 3), f32(1, 7000, 3, 3), f32(1)],
    range: [-1, 1],
    tolerance: { absolute: 0.02, reason: "63,000 terms summed in single precision" },
  },
] as readonly OpCase[]).map((one) => ({ tolerance: SUM_TOLERANCE, ...one }));
