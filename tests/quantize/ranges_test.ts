import assert from "node:assert/strict";
import type { QuantizerParameters } from "../../src/graph/quantizer.ts";
import {
  activationRange,
  alignZero,
  asymmetricRange,
  clipRange,
  halveCodes,
  liftSmall,
  parametersOf,
  SMALLEST_SCALE,
  unifyRanges,
  weightRange,
} from "../../src/quantize/ranges.ts";
import { resolveSchemes } from "../../src/quantize/scheme.ts";

const { weights, activations: symmetric } = resolveSchemes({ preset: "performance" });
const { activations: asymmetric } = resolveSchemes({ preset: "mixed" });

function one(value: number): Float64Array {
  return Float64Array.of(value);
}

function close(actual: number, expected: number, what: string): void {
  assert.ok(
    Math.abs(actual - expected) <= 1e-9 * Math.max(1, Math.abs(expected)),
    `${what}: ${actual}, not ${expected}`,
  );
}

function assertParameters(
  actual: QuantizerParameters,
  scale: number,
  zeroPoint: number,
  low: number,
  high: number,
): void {
  assert.equal(actual.scale[0], Math.fround(scale));
  assert.deepEqual([actual.zeroPoint[0], actual.low, actual.high], [zeroPoint, low, high]);
}

// [min, max] → [low, high, zero point] at 8 bits, from the specification of POT's asymmetric ranges.
const ASYMMETRIC = [
  [-1, 1, -1.0078740157480315, 1, 128],
  [-0.5, 2, -0.5, 2, 51],
  [-0.1, 6, -0.1, 6.275, 4],
  [0, 6, 0, 6, 0],
  [-3, 0, -3, 0, 255],
  [-0.01, 5, -0.01968503937007874, 5, 1],
  [-2.7, 3.3, -2.7107142857142854, 3.3, 115],
] as const;

for (const [min, max, low, high, zeroPoint] of ASYMMETRIC) {
  Deno.test(`asymmetricRange() widens ${min}..${max} so that zero falls on code ${zeroPoint}`, () => {
    const range = asymmetricRange(one(min), one(max), 255);
    close(range.low[0]!, low, "low");
    close(range.high[0]!, high, "high");
    assertParameters(parametersOf({ range, codes: { low: 0, high: 255 } }), (high - low) / 255, zeroPoint, 0, 255);
  });
}

Deno.test("asymmetricRange() never shrinks an interval and makes zero exact for random intervals", () => {
  for (let trial = 0; trial < 500; trial++) {
    const low = -((trial * 37) % 101) / 13;
    const high = ((trial * 53) % 97 + 1) / 7;
    const range = asymmetricRange(one(low), one(high), 255);
    assert.ok(range.low[0]! <= low && range.high[0]! >= high);
    const zero = -range.low[0]! * 255 / (range.high[0]! - range.low[0]!);
    assert.ok(Math.abs(zero - Math.round(zero)) < 1e-9, `${low}..${high}: zero at ${zero}`);
  }
});

Deno.test("asymmetricRange() gives a constant value 8e-4 on either side of zero", () => {
  const range = asymmetricRange(one(0), one(0), 255);
  close(range.high[0]! - range.low[0]!, 0.0008 * (1 + 128 / 127), "width");
});

Deno.test("alignZero() gives all channels the rounded mean of their zero points when they are unified", () => {
  const range = alignZero({ low: Float64Array.of(-1, -3), high: Float64Array.of(1, 1) }, 255, true);
  const zeros = range.low.map((low, channel) => -low * 255 / (range.high[channel]! - low));
  zeros.forEach((zero) => close(zero, 160, "zero point"));
  assert.ok(range.low[0]! <= -1 && range.low[1]! <= -3 && range.high[0]! >= 1 && range.high[1]! >= 1);
});

Deno.test("weightRange() spreads 255 symmetric codes per channel", () => {
  const { scale, zeroPoint, low, high } = parametersOf(
    weightRange(Float64Array.of(0, 0), Float64Array.of(1.27, 2.54), weights),
  );
  assert.deepEqual([...scale], [Math.fround(0.01), Math.fround(0.02)]);
  assert.deepEqual([[...zeroPoint], low, high], [[0, 0], -127, 127]);
});

Deno.test("liftSmall() lifts dead channels to a hundredth of the largest, and all to 8e-5", () => {
  assert.deepEqual([...liftSmall(Float64Array.of(0, 10, 0.05))], [0.1, 10, 0.1]);
  assert.deepEqual([...liftSmall(Float64Array.of(0, 1e-6))], [8e-5, 8e-5]);
});

Deno.test("activationRange() is unsigned when nothing is negative", () => {
  assertParameters(parametersOf(activationRange(one(0), one(25.5), symmetric)), 0.1, 0, 0, 255);
});

Deno.test("activationRange() has 128 codes below zero when something is negative", () => {
  const coded = activationRange(one(-0.01), one(12.7), symmetric);
  close(coded.range.low[0]!, -12.8, "low");
  assertParameters(parametersOf(coded), 0.1, 0, -128, 127);
});

Deno.test("activationRange() stays signed when the user asks for signed codes", () => {
  const { activations } = resolveSchemes({ activations: { levelLow: -128, levelHigh: 127 } });
  assertParameters(parametersOf(activationRange(one(0), one(12.7), activations)), 0.1, 0, -128, 127);
});

// Reference scales of NNCF's ONNX backend for its linear test model: data drawn uniformly from [-1, 1).
Deno.test("activationRange() gives NNCF's reference scales of input X in both presets", () => {
  const [min, absMax] = [-0.007865846157073975 * 127, 0.007870321162045002 * 127];
  assertParameters(
    parametersOf(activationRange(one(min), one(absMax), symmetric)),
    0.007870321162045002,
    0,
    -128,
    127,
  );
  // NNCF writes zero point -1 for int8 codes, here uint8 ones.
  assertParameters(parametersOf(activationRange(one(min), one(absMax), asymmetric)), 0.007865846157073975, 127, 0, 255);
});

Deno.test("activationRange() gives NNCF's reference scales of ReLU1_Y and Avg_Pool1_Y, unsigned in both presets", () => {
  for (const scale of [0.10068393498659134, 0.016155080869793892]) {
    for (const scheme of [symmetric, asymmetric]) {
      assertParameters(parametersOf(activationRange(one(0), one(scale * 255), scheme)), scale, 0, 0, 255);
    }
  }
});

Deno.test("halveCodes() divides by 63.5 instead of 127", () => {
  const halved = halveCodes(parametersOf(weightRange(one(0), one(6.35), weights)));
  assert.equal(halved.scale[0], Math.fround(Math.fround(0.05) * 2));
});

// [low, high, lowest code, highest code] → [scale, zero point] of NNCF's test_calculation_quantizer_params.
const PARAMETERS = [
  [-8e-5, 8e-5, -127, 127, 1.6e-4 / 254, 0],
  [-10, 10, -127, 127, 20 / 254, 0],
  [0, 1, 0, 255, 1 / 255, 0],
  [1, 1, -128, 127, SMALLEST_SCALE, -128],
  [0, 0, -127, 127, SMALLEST_SCALE, -127],
] as const;

for (const [low, high, lowest, highest, scale, zeroPoint] of PARAMETERS) {
  Deno.test(`parametersOf() gives scale ${scale} and zero point ${zeroPoint} for ${low}..${high}`, () => {
    const parameters = parametersOf({
      range: { low: one(low), high: one(high) },
      codes: { low: lowest, high: highest },
    });
    assertParameters(parameters, scale, zeroPoint, lowest, highest);
  });
}

Deno.test("unifyRanges() covers all members and aligns zero again", () => {
  const members = [activationRange(one(-1), one(3), asymmetric), activationRange(one(0), one(5), asymmetric)];
  const { range, codes } = unifyRanges(members);
  assert.ok(range.low[0]! <= -1 && range.high[0]! >= 5);
  const zero = -range.low[0]! * 255 / (range.high[0]! - range.low[0]!);
  close(zero, Math.round(zero), "zero point");
  assert.deepEqual(codes, { low: 0, high: 255 });
});

Deno.test("unifyRanges() is symmetric when a symmetric member is signed", () => {
  const members = [activationRange(one(0), one(5), symmetric), activationRange(one(-1), one(2), symmetric)];
  assertParameters(parametersOf(unifyRanges(members)), 5 / 127, 0, -128, 127);
});

Deno.test("clipRange() limits each end by itself", () => {
  const range = clipRange({ low: one(-4), high: one(9) }, -3, 6);
  assert.deepEqual([range.low[0], range.high[0]], [-3, 6]);
  assert.deepEqual(clipRange(range, undefined, undefined), range);
});
