import assert from "node:assert/strict";
import { hostTensor } from "../../src/base/tensor.ts";
import { onnx, type TensorProto } from "../../src/onnx/proto.ts";
import { tensorFromProto, tensorToProto } from "../../src/onnx/tensor.ts";

/** Numbers and the nearest bfloat16: ties to even, both signs, the largest, what is beyond it, below the smallest normal. */
const ROUNDED: readonly (readonly [number, number, number])[] = [
  [1, 0x3f80, 1],
  [-2.5, 0xc020, -2.5],
  [1 + 2 ** -8, 0x3f80, 1],
  [1 + 3 * 2 ** -8, 0x3f82, 1 + 2 ** -6],
  [1 + 2 ** -8 + 2 ** -20, 0x3f81, 1 + 2 ** -7],
  [3.4e38, 0x7f80, Infinity],
  [-Infinity, 0xff80, -Infinity],
  [2 ** -130, 0x0008, 2 ** -130],
  [0, 0, 0],
];

Deno.test("tensorToProto() rounds to bfloat16 and tensorFromProto() reads it back", () => {
  const values = ROUNDED.map(([value]) => value);
  const proto = tensorToProto(hostTensor("bfloat16", [values.length], values), "t");
  assert.equal(proto.dataType, 16);
  assert.deepEqual([...new Uint16Array(proto.rawData!.slice().buffer)], ROUNDED.map(([, bits]) => bits));
  const back = tensorFromProto(proto);
  assert.equal(back.dtype, "bfloat16");
  assert.deepEqual([...back.data], ROUNDED.map(([, , rounded]) => rounded));
});

Deno.test("tensorFromProto() reads bfloat16 from int32_data and keeps NaN", () => {
  const proto = onnx.TensorProto.create({ name: "t", dataType: 16, dims: [2], int32Data: [0xc020, 0x7fc1] });
  assert.deepEqual([...tensorFromProto(proto as TensorProto).data], [-2.5, NaN]);
  const again = tensorToProto(hostTensor("bfloat16", [1], [NaN]), "t");
  assert.ok(Number.isNaN(tensorFromProto(again).data[0]));
});
