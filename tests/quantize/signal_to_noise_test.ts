import assert from "node:assert/strict";
import { signalToNoise } from "../../src/quantize/signal_to_noise.ts";

Deno.test("signalToNoise() is ten times the decimal logarithm of the ratio of energies", () => {
  assert.ok(Math.abs(signalToNoise([3, 4], [3, 4.5]) - 20) < 1e-12, "25 over 0.25");
  assert.ok(Math.abs(signalToNoise([1, 0], [0, 0])) < 1e-12);
});

Deno.test("signalToNoise() is infinite when nothing is lost", () => {
  assert.equal(signalToNoise([1, -2], [1, -2]), Infinity);
  assert.equal(signalToNoise([], []), Infinity);
});

Deno.test("signalToNoise() throws when the lists differ in length", () => {
  assert.throws(() => signalToNoise([1, 2], [1]), /found 1 quantized ones, expected 2/);
});
