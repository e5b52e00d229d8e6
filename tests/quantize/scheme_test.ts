import assert from "node:assert/strict";
import { UsageError } from "../../src/base/errors.ts";
import { OPERATORS } from "../../src/ops/registry.ts";
import { presetNamed, resolveSchemes, type SchemeOptions } from "../../src/quantize/scheme.ts";
import { TARGETS } from "../../src/quantize/targets.ts";

/** Mode, granularity and codes, as POT's ref_configuration.json has them. */
function summary(options: SchemeOptions): unknown {
  const { weights, activations } = resolveSchemes(options);
  return [weights, activations].map((one) => [one.mode, one.granularity, one.levelLow, one.levelHigh]);
}

Deno.test("resolveSchemes() follows POT's reference configurations of the three presets", () => {
  const weights = ["symmetric", "perchannel", -127, 127];
  assert.deepEqual(summary({}), [weights, ["symmetric", "pertensor", -128, 127]]);
  assert.deepEqual(summary({ preset: "mixed" }), [weights, ["asymmetric", "pertensor", -128, 127]]);
  assert.deepEqual(summary({ preset: "accuracy" }), [
    ["asymmetric", "perchannel", -128, 127],
    ["asymmetric", "pertensor", -128, 127],
  ]);
});

Deno.test("resolveSchemes() lets overrides win over the preset", () => {
  const { weights } = resolveSchemes({ weights: { bits: 4, granularity: "pertensor" } });
  assert.deepEqual([weights.granularity, weights.levelLow, weights.levelHigh], ["pertensor", -7, 7]);
  assert.equal(resolveSchemes({ activations: { mode: "asymmetric" } }).activations.mode, "asymmetric");
});

Deno.test("resolveSchemes() unifies the zero point of asymmetric weights for an NPU only", () => {
  assert.equal(resolveSchemes({ preset: "accuracy", targetDevice: "NPU" }).weights.unifiedZeroPoint, true);
  assert.equal(resolveSchemes({ preset: "accuracy", targetDevice: "CPU" }).weights.unifiedZeroPoint, false);
});

const REFUSED: readonly (readonly [string, SchemeOptions])[] = [
  ["activations per channel", { activations: { granularity: "perchannel" } }],
  ["activations of 4 bits", { activations: { bits: 4 } }],
  ["activations of 255 levels", { activations: { levelLow: -127, levelHigh: 127 } }],
  ["weights of 16 bits", { weights: { bits: 16 } }],
  ["weights of half a bit", { weights: { bits: 7.5 } }],
  ["codes without zero", { weights: { levelLow: 1, levelHigh: 100 } }],
  ["more codes than bits", { weights: { bits: 4, levelLow: -127, levelHigh: 127 } }],
];

for (const [name, options] of REFUSED) {
  Deno.test(`resolveSchemes() refuses ${name}, which QDQ cannot express`, () => {
    assert.throws(() => resolveSchemes(options), UsageError);
  });
}

Deno.test("resolveSchemes() says how many bits there may be", () => {
  for (const bits of [1, 9, 7.5]) {
    const message = new RegExp(`weights\\.bits ${bits}: expected an integer from 2 to 8`);
    assert.throws(() => resolveSchemes({ weights: { bits } }), message);
  }
});

Deno.test("resolveSchemes() takes unsigned weights, and calls signed only what lies below 0", () => {
  const { weights } = resolveSchemes({ weights: { mode: "asymmetric", levelLow: 0, levelHigh: 255 } });
  assert.deepEqual([weights.levelLow, weights.levelHigh, weights.signed], [0, 255, false]);
  assert.equal(resolveSchemes({ weights: { levelLow: -127, levelHigh: 127 } }).weights.signed, true);
});

Deno.test("presetNamed() knows the aliases, and keeps accuracy for an NPU only", () => {
  assert.equal(presetNamed("symmetric", "CPU"), "performance");
  assert.equal(presetNamed("asymmetric", "CPU"), "mixed");
  assert.deepEqual(["ANY", "GPU", "NPU"].map((device) => presetNamed("accuracy", device as "ANY")), [
    "mixed",
    "mixed",
    "accuracy",
  ]);
  assert.throws(() => presetNamed("fast", "CPU"), /expected performance, mixed/);
});

Deno.test("TARGETS agrees with the nature of every operator", () => {
  const { quantizable, agnostic } = TARGETS.CPU;
  for (const { type, domain, quant } of OPERATORS) {
    if (domain) continue;
    if (quantizable.has(type)) assert.equal(quant.kind, "inputs_quantizable", type);
    if (agnostic.has(type)) assert.equal(quant.kind, type === "Concat" ? "concat" : "agnostic", type);
  }
});
