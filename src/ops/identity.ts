/** Operators that hand their input on. */
import { UnsupportedError } from "../base/errors.ts";
import { elementCount } from "../base/tensor.ts";
import { checkFilled } from "./host_size.ts";
import { defineOp } from "./op.ts";

/** ONNX Identity. */
export const identity = defineOp<null>({
  type: "Identity",
  since: 1,
  quant: { kind: "agnostic" },
  attributes: () => null,
  infer: ([x]) => [x!],
  lower: () => ({ dispatches: [], aliasOf: 0 }),
  reference: ([x]) => [x!],
  cases: [
    { name: "float32", inputs: [{ dtype: "float32", shape: [3, 5] }] },
    { name: "bool", inputs: [{ dtype: "bool", shape: [7] }] },
    { name: "rank 0", inputs: [{ dtype: "int64", shape: [] }] },
    { name: "empty", inputs: [{ dtype: "float32", shape: [0] }] },
  ],
});

/** ONNX Dropout outside training: the input unchanged, and a mask that keeps everything. */
export const dropout = defineOp<{ outputs: number; hasMode: boolean; maskIsBool: boolean }>({
  type: "Dropout",
  since: 1,
  quant: { kind: "agnostic" },
  attributes: (raw, { opset, outputs, inputs }) => {
    raw.ignore("ratio", "seed", "is_test", "consumed_inputs");
    return { outputs: outputs.length, hasMode: inputs[2] === true, maskIsBool: opset >= 10 };
  },
  infer: ([x, ratio, mode], { outputs, hasMode, maskIsBool }) => {
    const trains = hasMode && (mode?.value?.[0] ?? 1) !== 0;
    if (trains && ratio?.value?.[0] !== 0) {
      throw new UnsupportedError("Cannot drop out at random: training_mode is not known to be false");
    }
    if (outputs < 2) return [x!];
    checkFilled(x!.shape);
    const dtype = maskIsBool ? "bool" : x!.dtype;
    const value = maskIsBool
      ? new Uint8Array(elementCount(x!.shape)).fill(1)
      : new Float32Array(elementCount(x!.shape)).fill(1);
    return [x!, { dtype, shape: x!.shape, value }];
  },
  lower: () => ({ dispatches: [], aliasOf: 0 }),
  reference: ([x], { outputs, maskIsBool }) => {
    const length = elementCount(x!.shape);
    const mask = maskIsBool
      ? { dtype: "bool", shape: x!.shape, data: new Uint8Array(length).fill(1) } as const
      : { dtype: x!.dtype, shape: x!.shape, data: new Float32Array(length).fill(1) };
    return outputs > 1 ? [x!, mask] : [x!];
  },
  cases: [
    { name: "ratio as attribute", inputs: [{ dtype: "float32", shape: [3, 5] }], attributes: { ratio: 0.3 }, opset: 7 },
    {
      name: "mask",
      inputs: [{ dtype: "float32", shape: [3, 5] }, { dtype: "float32", shape: [], value: new Float32Array([0.25]) }],
      attributes: { seed: 1 },
      outputs: 2,
    },
    { name: "mask of the input's type", inputs: [{ dtype: "float32", shape: [3, 5] }], outputs: 2, opset: 7 },
    {
      name: "training with ratio 0",
      inputs: [
        { dtype: "float32", shape: [3, 5] },
        { dtype: "float32", shape: [], value: new Float32Array([0]) },
        { dtype: "bool", shape: [], value: new Uint8Array([1]) },
      ],
    },
  ],
});
