import type { Slot } from "../base/dispatch.ts";
import { ModelError } from "../base/errors.ts";
import { elementCount, hostTensor } from "../base/tensor.ts";
import { f32 } from "./case_types.ts";
import { defineOp } from "./op.ts";
import { quantizeDispatch } from "./quantize_linear.ts";
import { finishStates, type Fold, foldPasses } from "./reduction.ts";
import { PER_TENSOR } from "./scale_layout.ts";
import { roundHalfToEven } from "./words.ts";

/** Lowest and highest value, zero among them. */
const RANGE: Fold = {
  state: "alias A = vec2<f32>;",
  words: 2,
  initial: "A(0.0, 0.0)",
  enter: "A(x, x)",
  combine: "return A(min(a.x, b.x), max(a.y, b.y));",
};
const SCALE = "select((a.y - a.x) / 255.0, 1.0, a.y == a.x)";
const ZERO_POINT = `i32(clamp(round(-a.x / ${SCALE}), 0.0, 255.0))`;

/** ONNX DynamicQuantizeLinear: uint8 over the range that the tensor has; the scale is 1 where there is nothing but zeros. */
export const dynamicQuantizeLinear = defineOp<null>({
  type: "DynamicQuantizeLinear",
  since: 11,
  quant: { kind: "non_quantizable" },
  attributes: () => null,
  infer: ([x]) => {
    if (x!.dtype !== "float32") throw new ModelError(`Cannot quantize elements of type ${x!.dtype}, expected float32`);
    return [{ dtype: "uint8", shape: x!.shape }, { dtype: "float32", shape: [] }, { dtype: "uint8", shape: [] }];
  },
  lower: ([x], outputs) => {
    const axes = x!.shape.map((_, axis) => axis);
    const passes = foldPasses({ slot: "x0", storage: "f32", shape: x!.shape, axes }, RANGE);
    const count = elementCount(x!.shape);
    const place = passes.temporaries.length;
    const scale: Slot = outputs[1] ? "y1" : `t${place}`;
    const zeroPoint: Slot = outputs[2] ? "y2" : `t${place + 1}`;
    return {
      dispatches: [
        ...passes.dispatches,
        finishStates(passes.states, 1, count, RANGE, { slot: scale, storage: "f32", expression: SCALE }),
        finishStates(passes.states, 1, count, RANGE, { slot: zeroPoint, storage: "i32", expression: ZERO_POINT }),
        quantizeDispatch(x!, "uint8", PER_TENSOR, [scale, zeroPoint]),
      ],
      temporaries: [...passes.temporaries, 1, 1],
    };
  },
  reference: ([x]) => {
    const values = Array.from(x!.data);
    const low = values.reduce((least, value) => Math.min(least, value), 0);
    const high = values.reduce((most, value) => Math.max(most, value), 0);
    const scale = low === high ? 1 : Math.fround((high - low) / 255);
    const zero = Math.min(255, Math.max(0, roundHalfToEven(Math.fround(-low / scale))));
    const levels = values.map((value) =>
      Math.min(255, Math.max(0, roundHalfToEven(Math.fround(value / scale)) + zero))
    );
    return [
      hostTensor("uint8", x!.shape, levels),
      hostTensor("float32", [], [scale]),
      hostTensor("uint8", [], [zero]),
    ];
  },
  cases: [
    { name: "both signs", inputs: [f32(3, 65)], outputs: 3 },
    { name: "positive", inputs: [f32(70)], range: [1, 9], outputs: 3 },
    { name: "negative", inputs: [f32(70)], range: [-9, -1], outputs: 3 },
    { name: "zeros", inputs: [f32(7)], range: [0, 0], outputs: 3 },
    { name: "long", inputs: [f32(5000)], outputs: 3 },
  ],
});
