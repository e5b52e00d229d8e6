import assert from "node:assert/strict";
import { hostTensor } from "../../src/base/tensor.ts";
import {
  dequantizeTensor,
  fakeQuantize,
  quantizeLinear,
  quantizeTensor,
  roundHalfEven,
} from "../../src/quantize/fake_quantize.ts";

Deno.test("roundHalfEven() goes to the even neighbour at halves, of either sign", () => {
  const rounded = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4999, 2.5001, -7, 0].map(roundHalfEven);
  assert.deepEqual(rounded.map((x) => x + 0), [0, 2, 2, 0, -2, -2, 2, 3, -7, 0]);
});

// x / scale → code, where the two rules differ: the range of symmetric weights has its zero at the odd code 127.
const TIES = [[0.5, 1, 0], [1.5, 1, 2], [126.5, 127, 126], [-0.5, -1, 0], [2.25, 2, 2]] as const;

for (const [x, viaFakeQuantize, viaQuantizeLinear] of TIES) {
  Deno.test(`fakeQuantize() takes ${x} to ${viaFakeQuantize} and quantizeLinear() to ${viaQuantizeLinear}`, () => {
    const range = { inputLow: -127, inputHigh: 127, outputLow: -127, outputHigh: 127, levels: 255 };
    assert.equal(Math.round(fakeQuantize(x, range)) + 0, viaFakeQuantize);
    assert.equal(quantizeLinear(x, 1, 0, -127, 127) + 0, viaQuantizeLinear);
  });
}

Deno.test("fakeQuantize() agrees with quantizeLinear() at ties of signed symmetric activations", () => {
  const range = { inputLow: -128, inputHigh: 127, outputLow: -128, outputHigh: 127, levels: 256 };
  for (const x of [0.5, 1.5, -0.5, -126.5]) {
    assert.equal(Math.round(fakeQuantize(x, range)) + 0, quantizeLinear(x, 1, 0, -128, 127) + 0);
  }
});

Deno.test("fakeQuantize() saturates to the output's ends, and inverts with inverted ranges", () => {
  const range = { inputLow: -1, inputHigh: 1, outputLow: 10, outputHigh: 20, levels: 256 };
  assert.deepEqual([-5, -1, 5].map((x) => fakeQuantize(x, range)), [10, 10, 20]);
  // POT's rule: at or below the lesser input end comes outputLow, above the greater outputHigh, even when inverted.
  assert.equal(fakeQuantize(-5, { ...range, inputLow: 1, inputHigh: -1 }), 10);
});

Deno.test("quantizeLinear() adds the zero point after rounding and saturates", () => {
  assert.equal(quantizeLinear(0.25, 0.5, 3, 0, 255), 3);
  assert.equal(quantizeLinear(-10, 0.5, 3, 0, 255), 0);
  assert.equal(quantizeLinear(1000, 0.5, 3, 0, 255), 255);
});

Deno.test("quantizeTensor() takes the scale of each channel, and dequantizeTensor() comes back within half a step", () => {
  const tensor = hostTensor("float32", [2, 3], [1, -2, 0.3, 10, -20, 3]);
  const parameters = { scale: Float32Array.of(0.5, 5), zeroPoint: Int32Array.of(0, 0), low: -127, high: 127 };
  const codes = quantizeTensor(tensor, parameters, 0);
  assert.deepEqual([codes.dtype, ...codes.data], ["int8", 2, -4, 1, 2, -4, 1]);
  assert.deepEqual([...dequantizeTensor(codes, parameters, 0).data], [1, -2, 0.5, 10, -20, 5]);
  assert.deepEqual([
    ...quantizeTensor(tensor, { ...parameters, scale: Float32Array.of(1, 2, 3), zeroPoint: new Int32Array(3) }, 1).data,
  ], [1, -1, 0, 10, -10, 1]);
});

Deno.test("quantizeTensor() chooses the element type by the codes", () => {
  const tensor = hostTensor("float32", [1], [300]);
  const parameters = { scale: Float32Array.of(1), zeroPoint: Int32Array.of(0) };
  const types = [[0, 255], [-128, 127], [-(2 ** 31), 2 ** 31 - 1]].map(([low, high]) =>
    quantizeTensor(tensor, { ...parameters, low: low!, high: high! }, undefined)
  );
  assert.deepEqual(types.map(({ dtype, data }) => [dtype, data[0]]), [["uint8", 255], ["int8", 127], ["int32", 300]]);
});

Deno.test("quantizeTensor() is idempotent on what dequantizeTensor() gives", () => {
  const parameters = { scale: Float32Array.of(0.0123), zeroPoint: Int32Array.of(17), low: 0, high: 255 };
  const codes = hostTensor("uint8", [256], Array.from({ length: 256 }, (_, code) => code));
  const again = quantizeTensor(dequantizeTensor(codes, parameters, undefined), parameters, undefined);
  assert.deepEqual([...again.data], [...codes.data]);
});
