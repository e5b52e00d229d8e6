import assert from "node:assert/strict";
import { parseConfiguration } from "../../src/api/settings/configuration.ts";
import { type GivenParameters, settingsOf } from "../../src/api/settings/quantize_settings.ts";
import { UsageError } from "../../src/base/errors.ts";

/** A configuration with these parameters. */
function withParams(params: string, name = "AccuracyAwareQuantization"): string {
  return `{ "compression": { "algorithms": [{ "name": "${name}", "params": ${params} }] } }`;
}

function refused(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof UsageError, String(error));
    assert.match(error.message, message);
    return true;
  };
}

function settingsFrom(params: string) {
  return settingsOf(parseConfiguration(withParams(params), "pot.json").parameters);
}

function given(values: Readonly<Record<string, unknown>>): GivenParameters {
  return new Map(Object.entries(values).map(([name, value]) => [name, { value, where: name }]));
}

Deno.test("parseConfiguration() reads POT's sections with comments and trailing commas", () => {
  const configuration = parseConfiguration(
    `{
      "$schema": "configuration.schema.json",
      /* both */ "model": { "model_name": "net", "model": "net.onnx", "weights": "net.bin" },
      "engine": { "type": "simplified", "data_source": "x" }, // another tool's
      "compression": {
        "target_device": "GPU", "model_type": null, "inplace_statistics": true,
        "algorithms": [{ "name": "DefaultQuantization", "params": { "preset": "mixed", } }],
      },
    }`,
    "pot.json",
  );
  assert.equal(configuration.model, "net.onnx");
  assert.equal(configuration.modelName, "net");
  assert.equal(configuration.algorithm, "DefaultQuantization");
  assert.deepEqual([...configuration.parameters.keys()], ["target_device", "inplace_statistics", "preset"]);
  assert.match(configuration.notes[0] ?? "", /"engine" of pot\.json has no effect/);
});

Deno.test("parseConfiguration() names the unknown key, its place and what was meant", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [`{ "compresion": {} }`, /pot\.json: unknown key "compresion"; did you mean "compression"\?/],
    [`{ "model": {} }`, /pot\.json: it has no "compression"/],
    [`{ "compression": { "algorithms": [], "devise": 1 } }`, /compression of pot\.json: unknown key "devise"/],
    [`{ "compression": { "algorithms": [] } }`, /compression of pot\.json: found 0 algorithms, expected a list of one/],
    [
      withParams("{}", "AcuracyAwareQuantization"),
      /algorithms\[0\] of pot\.json: there is no algorithm .*did you mean/,
    ],
    [`{ "compression": {\n "algorithms": ] }`, /Cannot read pot\.json: \w+ in line 2/],
    [`{ "model": { "model": "net.xml" }, "compression": {} }`, /"net\.xml" is OpenVINO IR, expected an ONNX file/],
  ];
  for (const [text, message] of cases) assert.throws(() => parseConfiguration(text, "pot.json"), refused(message));
});

Deno.test("settingsOf() names an unknown parameter, its place and what was meant", () => {
  assert.throws(
    () => settingsFrom(`{ "maximal_dorp": 0.1 }`),
    refused(/params\.maximal_dorp of pot\.json: there is no parameter "maximal_dorp"; did you mean "maximal_drop"\?/),
  );
});

Deno.test("settingsOf() refuses values of a wrong type or range, naming the parameter", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [`{ "maximal_drop": -1 }`, /params\.maximal_drop of pot\.json: -1, expected at least 0/],
    [`{ "maximal_drop": "0.1" }`, /"0\.1", expected a number/],
    [`{ "stat_subset_size": 2.5 }`, /stat_subset_size of pot\.json: 2\.5, expected an integer/],
    [`{ "drop_type": "total" }`, /"total", expected absolute or relative/],
    [`{ "weights": { "bitz": 8 } }`, /params\.weights of pot\.json: unknown key "bitz"; did you mean "bits"\?/],
    [`{ "weights": { "mode": "odd" } }`, /weights\.mode of pot\.json: "odd", expected symmetric or asymmetric/],
    [`{ "ignored": { "scope": "conv1" } }`, /ignored\.scope of pot\.json: "conv1", expected a list of names/],
    [`{ "metrics": [{ "type": "accuracy" }] }`, /expected a name for every metric/],
    [`{ "shuffle_data": true }`, /shuffle_data of pot\.json: true is not supported/],
    [`{ "ignored_scope": ["a"] }`, /there is no parameter "ignored_scope"/],
    [`{ "metric_subset_ratio": 1.5 }`, /1\.5, expected at most 1/],
  ];
  for (const [params, message] of cases) assert.throws(() => settingsFrom(params), refused(message), params);
});

Deno.test("settingsOf() sorts parameters to where they belong", () => {
  const settings = settingsFrom(`{
    "maximal_drop": 0.005, "drop_type": "relative", "ranking_subset_size": 100, "use_prev_if_drop_increase": false,
    "preset": "symmetric", "stat_subset_size": 50, "saturation_fix": "all", "threshold": 3,
    "weights": { "bits": 8, "granularity": "pertensor", "range_estimator": { "max": { "type": "quantile", "outlier_prob": 0.001 } } },
    "range_estimator": { "preset": "quantile" },
    "ignored": { "scope": ["a"], "operations": [{ "type": "Add", "attributes": { "axis": 1 } }] },
    "metrics": [{ "name": "accuracy@top1", "type": "accuracy", "baseline_value": 0.7 }]
  }`);
  assert.deepEqual(settings, {
    accuracy: {
      maximalDrop: 0.005,
      dropType: "relative",
      rankingSubsetSize: 100,
      usePrevIfDropIncrease: false,
      metrics: [{ name: "accuracy@top1", type: "accuracy", baselineValue: 0.7 }],
    },
    quantization: {
      preset: "performance",
      weights: { bits: 8, granularity: "pertensor" },
      weightRange: { max: { type: "quantile", outlierProb: 0.001 } },
      activationRange: { preset: "quantile" },
      saturationFix: "all",
      biasCorrection: { threshold: 3 },
    },
    statSubsetSize: 50,
    ignored: { scope: ["a"], operations: [{ type: "Add", attributes: { axis: 1 } }] },
    metrics: [{ name: "accuracy@top1", type: "accuracy", baselineValue: 0.7 }],
    notes: [],
  });
});

Deno.test("settingsOf() turns bias correction off for MinMaxQuantization", () => {
  assert.equal(settingsOf(given({ base_algorithm: "MinMaxQuantization" })).quantization?.biasCorrection, false);
  assert.equal(settingsOf(given({ base_algorithm: "DefaultQuantization" })).quantization?.biasCorrection, undefined);
});

Deno.test("settingsOf() notes what has no effect and goes on", () => {
  assert.deepEqual(settingsOf(given({ exec_log_dir: "/x" })).notes, [
    "exec_log_dir has no effect: the report has every step",
  ]);
});

Deno.test("settingsOf() reads whether lone arithmetic is quantized", () => {
  assert.equal(settingsFrom("{}").loneArithmetic, undefined);
  assert.equal(settingsFrom(`{ "lone_arithmetic": true }`).loneArithmetic, true);
  assert.throws(() => settingsFrom(`{ "lone_arithmetic": "yes" }`), refused(/lone_arithmetic/));
});

Deno.test("settingsOf() notes a saturation fix for a device that does not saturate", () => {
  const notesFor = (device: string) =>
    settingsOf(given({ target_device: device, saturation_fix: "first_layer" })).notes;
  assert.deepEqual(["ANY", "CPU"].flatMap(notesFor), []);
  assert.deepEqual(notesFor("NPU"), [
    "saturation_fix has no effect: multiply-add does not saturate on target_device NPU",
  ]);
});

Deno.test("settingsOf() reads whether embeddings are stored in int8", () => {
  assert.equal(settingsFrom("{}").int8Embeddings, undefined);
  assert.equal(settingsFrom(`{ "int8_embeddings": false }`).int8Embeddings, false);
});

Deno.test("settingsOf() reads what is done to the float network before", () => {
  assert.equal(settingsFrom("{}").equalization, undefined);
  assert.deepEqual(settingsFrom(`{ "activation_channel_alignment": false }`).equalization, { channelAlignment: false });
  assert.deepEqual(settingsFrom(`{ "smooth_quant": true }`).equalization, { smoothQuant: {} });
  const both = settingsFrom(
    `{ "smooth_quant": true, "smooth_quant_alpha": 0.75, "activation_channel_alignment": true }`,
  );
  assert.deepEqual(both.equalization, { channelAlignment: true, smoothQuant: { alpha: 0.75 } });
  assert.throws(() => settingsFrom(`{ "smooth_quant_alpha": 2 }`), refused(/smooth_quant_alpha/));
  const alone = settingsFrom(`{ "smooth_quant_alpha": 0.75 }`);
  assert.equal(alone.equalization, undefined);
  assert.deepEqual(alone.notes, ["smooth_quant_alpha has no effect without smooth_quant"]);
});

Deno.test("settingsOf() gives an estimator for both kinds to weights unless it is the entropy of activations", () => {
  const mse = settingsFrom(`{ "range_estimator": { "preset": "mse" } }`).quantization;
  assert.deepEqual([mse?.weightRange, mse?.activationRange], [{ preset: "mse" }, { preset: "mse" }]);
  const entropy = settingsFrom(`{ "range_estimator": { "preset": "entropy" } }`).quantization;
  assert.deepEqual([entropy?.weightRange, entropy?.activationRange], [{}, { preset: "entropy" }]);
});

Deno.test("settingsOf() reads how biases are corrected", () => {
  assert.equal(settingsFrom("{}").quantization?.biasCorrection, undefined);
  assert.deepEqual(settingsFrom(`{ "use_fast_bias": false, "threshold": 10 }`).quantization?.biasCorrection, {
    fast: false,
    threshold: 10,
  });
  assert.equal(
    settingsFrom(`{ "use_fast_bias": false, "bias_correction": false }`).quantization?.biasCorrection,
    false,
  );
});

Deno.test("parseConfiguration() takes NNCF's names for the same parameters, once each", () => {
  const { parameters } = parseConfiguration(withParams(`{ "max_drop": 0.02, "subset_size": 100 }`), "nncf.json");
  assert.equal(settingsOf(parameters).accuracy?.maximalDrop, 0.02);
  assert.equal(settingsOf(parameters).statSubsetSize, 100);
  assert.throws(
    () => settingsFrom(`{ "max_drop": -1 }`),
    refused(/Cannot use params\.max_drop of pot\.json: -1, expected at least 0$/),
  );
  assert.throws(
    () => settingsFrom(`{ "max_drop": 0.02, "maximal_drop": 0.01 }`),
    refused(/Cannot use params\.max_drop of pot\.json: it is another name of maximal_drop, which is given too$/),
  );
});

Deno.test("settingsOf() refuses values of nested keys that nothing would take, before any work", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [`{ "weights": { "bits": 16 } }`, /params\.weights\.bits of pot\.json: 16, expected at most 8$/],
    [`{ "range_estimator": { "max": { "type": "median" } } }`, /max\.type of pot\.json: "median", expected min, max, /],
    [`{ "ignored": { "operations": [{ "attributes": {} }] } }`, /operations\[0\] of pot\.json: .*, expected a type$/],
    [`{ "try_first": ["mixd"] }`, /params\.try_first of pot\.json: \["mixd"\], expected a list of mixed, /],
  ];
  for (const [params, message] of cases) assert.throws(() => settingsFrom(params), refused(message));
});
