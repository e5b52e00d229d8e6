/** Operators that ask for shapes: their results are known as soon as types are. */
import { elementCount, type HostTensor, hostTensor, knownType } from "../base/tensor.ts";
import { f32, i64 } from "./case_types.ts";
import { defineOp } from "./op.ts";

/** ONNX Shape, from opset 15 of the axes `start` to `end` alone; both are cut to what there is. */
export const shape = defineOp<{ start: number; end: number | undefined }>({
  type: "Shape",
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: (raw) => ({ start: raw.int("start", 0), end: raw.has("end") ? raw.int("end", 0) : undefined }),
  infer: ([x], attributes) => [knownType(extentsOf(x!.shape, attributes))],
  lower: () => ({ dispatches: [] }),
  reference: ([x], attributes) => [extentsOf(x!.shape, attributes)],
  cases: [
    { name: "whole", inputs: [f32(2, 3, 5)] },
    { name: "rank 0", inputs: [f32()] },
    { name: "start", inputs: [f32(2, 3, 5)], attributes: { start: 1 } },
    { name: "negative start and end", inputs: [i64(2, 3, 5)], attributes: { start: -2, end: -1 } },
    { name: "end beyond the rank", inputs: [f32(2, 3)], attributes: { start: -7, end: 9 } },
    { name: "end before start", inputs: [f32(2, 3)], attributes: { start: 1, end: 0 } },
  ],
});

function extentsOf(of: readonly number[], { start, end }: { start: number; end: number | undefined }): HostTensor {
  const extents = of.slice(start, end);
  return hostTensor("int64", [extents.length], extents);
}

/** ONNX Size: the number of elements. */
export const size = defineOp<null>({
  type: "Size",
  since: 1,
  quant: { kind: "non_quantizable" },
  attributes: () => null,
  infer: ([x]) => [knownType(hostTensor("int64", [], [elementCount(x!.shape)]))],
  lower: () => ({ dispatches: [] }),
  reference: ([x]) => [hostTensor("int64", [], [elementCount(x!.shape)])],
  cases: [
    { name: "rank 3", inputs: [f32(2, 3, 5)] },
    { name: "rank 0", inputs: [f32()] },
    { name: "empty", inputs: [f32(2, 0)] },
  ],
});
