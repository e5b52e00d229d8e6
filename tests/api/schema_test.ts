/** The published schemas: what they take is what the parsers take. */
import { Ajv, type ValidateFunction } from "ajv";
import fc from "fast-check";
import { parse } from "jsonc-parser";
import assert from "node:assert/strict";
import { EXAMPLE_CONFIGURATION } from "../../.ci/docs.ts";
import { parseConfiguration } from "../../src/api/settings/configuration.ts";
import { settingsOf } from "../../src/api/settings/quantize_settings.ts";
import { PARAMETERS } from "../../src/api/settings/parameters.ts";
import { configurationSchema, datasetSchema } from "../../src/api/settings/schema.ts";
import { parseDatasetConfig } from "../../src/data/dataset_config.ts";

const root = new URL("../../", import.meta.url);
const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, keywords: ["allowTrailingCommas"] });
const configuration = ajv.compile(configurationSchema() as object);
const dataset = ajv.compile(datasetSchema() as object);

function parsesConfiguration(document: unknown): boolean {
  return succeeds(() => settingsOf(parseConfiguration(JSON.stringify(document), "c.json").parameters));
}

function parsesDataset(document: unknown): boolean {
  return succeeds(() => parseDatasetConfig(JSON.stringify(document), "d/dataset.json"));
}

/** Whether it does not throw one of the project's errors; any other is a failure of the test. */
function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    assert.match(String(error), /^(UsageError|DatasetError): Cannot /);
    return false;
  }
}

function agree(validate: ValidateFunction, parses: (document: unknown) => boolean, document: unknown): void {
  assert.equal(validate(document), parses(document), `${JSON.stringify(document)}: ${ajv.errorsText(validate.errors)}`);
}

const withParams = (params: unknown) => ({
  compression: { algorithms: [{ name: "AccuracyAwareQuantization", params }] },
});

Deno.test("the schemas take every example of the documents and every dataset.json of the repository", async () => {
  assert.ok(configuration(parse(EXAMPLE_CONFIGURATION)), ajv.errorsText(configuration.errors));
  const texts = [
    ...(await Array.fromAsync(Deno.readDir(new URL("models/fashion_mnist", root))))
      .filter(({ name }) => name.endsWith(".json"))
      .map(({ name }) => Deno.readTextFileSync(new URL(`models/fashion_mnist/${name}`, root))),
    ...(await Deno.readTextFile(new URL("docs/getting-started.md", root))).matchAll(/```jsonc\n([\s\S]*?)```/g).map(
      ([, text = ""]) => text,
    ),
  ];
  assert.ok(texts.length >= 3);
  for (const text of texts) assert.ok(dataset(parse(text)), ajv.errorsText(dataset.errors));
});

Deno.test("the schemas refuse what is misspelled, out of range or of another type", () => {
  for (const params of [{ maximal_drip: 1 }, { maximal_drop: -1 }, { maximal_drop: "1 %" }, { weights: { bits: 9 } }]) {
    assert.equal(configuration(withParams(params)), false, JSON.stringify(params));
  }
  assert.equal(configuration({}), false);
  const images = { format: "images", inputs: "images/" };
  assert.equal(dataset(images), true);
  for (const wrong of [{ layout: "nchw" }, { preprocessing: [{ type: "resize" }] }, { label: "y.npy" }]) {
    assert.equal(dataset({ ...images, ...wrong }), false, JSON.stringify(wrong));
  }
});

Deno.test("configurationSchema() describes every parameter that a file can have", () => {
  const schema = JSON.stringify(configurationSchema());
  for (const { pot, only, aliases = [] } of PARAMETERS) {
    for (const name of [pot, ...aliases]) {
      assert.equal(schema.includes(`"${name}":{"description"`), only !== "command line", name);
    }
  }
});

/** A value of any kind, among them those that are right somewhere. */
const anyValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    1,
    8,
    300,
    0.5,
    -1,
    1.5,
    "",
    "performance",
    "symmetric",
    "perchannel",
    "relative",
    "pot",
    "quantile",
    "mean",
    "max",
    "transformer",
    "first_layer",
    "imagenet",
    "a.onnx",
    "a.xml",
    "mixed",
    [],
    {},
    ["mixed"],
    ["Conv", 1],
    [1, 2, 3],
    [0],
    [{ name: "accuracy", top_k: 5 }],
    [{ type: "Softmax" }],
    [{ type: "Softmax", attributes: { axis: 1 } }],
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string(),
);

/** An object with some of these keys, now and then another, and values right or wrong. */
function objectWith(keys: Readonly<Record<string, fc.Arbitrary<unknown>>>): fc.Arbitrary<Record<string, unknown>> {
  const known = fc.record(
    Object.fromEntries(
      Object.entries(keys).map(([key, value]) => [
        key,
        fc.oneof({ weight: 6, arbitrary: value }, { weight: 1, arbitrary: anyValue }),
      ]),
    ),
    { requiredKeys: [] },
  );
  const stray = fc.oneof({ weight: 12, arbitrary: fc.constant({}) }, {
    weight: 1,
    arbitrary: fc.record({ [`${Object.keys(keys)[0]}s`]: anyValue }),
  });
  return fc.tuple(known, stray).map(([one, other]) => ({ ...one, ...other }));
}

const end = objectWith({
  type: fc.constantFrom("min", "abs_quantile"),
  aggregator: fc.constantFrom("mean", "max"),
  outlier_prob: fc.double({ min: 0, max: 0.5, noNaN: true }),
  clipping_value: fc.integer(),
});
const range = objectWith({ preset: fc.constantFrom("default", "mse"), min: end, max: end });
const kind = objectWith({
  bits: fc.integer({ min: 2, max: 8 }),
  mode: fc.constant("symmetric"),
  granularity: fc.constant("pertensor"),
  level_low: fc.integer(),
  range_estimator: range,
});
const operation = objectWith({ type: fc.string(), attributes: fc.constant({ axis: 1 }) });
const metric = objectWith({ name: fc.constant("accuracy"), top_k: fc.constant(5), maximal_drop: fc.constant(0.1) });
const nested: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  weights: kind,
  activations: kind,
  range_estimator: range,
  ignored: objectWith({ scope: fc.constant(["a"]), operations: fc.array(operation, { maxLength: 2 }) }),
  metrics: fc.array(metric, { maxLength: 2 }),
};
const params = objectWith({
  ...Object.fromEntries(
    PARAMETERS.flatMap(({ pot, aliases = [], default: fallback, choices }) =>
      [pot, ...aliases].map((name) =>
        [
          name,
          nested[pot] ?? fc.constantFrom<unknown>(fallback === Infinity ? 5 : fallback ?? choices?.[0] ?? null, null),
        ] as const
      )
    ),
  ),
  shuffle_data: fc.constant(false),
  inplace_statistics: fc.constant(true),
  layerwise_configs: fc.constant(null),
});

Deno.test("configurationSchema() takes what the parser takes, and nothing else", () => {
  const algorithm = objectWith({ name: fc.constant("DefaultQuantization"), params });
  const document = objectWith({
    $schema: fc.constant("s.json"),
    model: objectWith({ model: fc.constantFrom("a.onnx", "a.xml"), model_name: fc.constant("a"), weights: anyValue }),
    compression: objectWith({
      target_device: fc.constantFrom("CPU", null),
      algorithms: fc.array(algorithm, { minLength: 1, maxLength: 1 }),
    }),
    engine: anyValue,
  });
  let taken = 0;
  fc.assert(
    fc.property(
      fc.oneof(document, params.map(withParams), end.map((max) => withParams({ range_estimator: { max } }))),
      (one) => {
        agree(configuration, parsesConfiguration, one);
        if (parsesConfiguration(one)) taken++;
      },
    ),
    { numRuns: 1500, seed: 7 },
  );
  assert.ok(taken > 100, `${taken} were right`);
  for (const { pot } of PARAMETERS) {
    fc.assert(
      fc.property(anyValue, (value) => agree(configuration, parsesConfiguration, withParams({ [pot]: value }))),
      { numRuns: 40, seed: 7 },
    );
  }
});

Deno.test("datasetSchema() takes what the parser takes, and nothing else", () => {
  const size = fc.integer({ min: 1, max: 300 });
  const step = fc.oneof(
    objectWith({
      type: fc.constant("resize"),
      size,
      dst_width: size,
      dst_height: size,
      aspect_ratio_scale: fc.constant("greater"),
    }),
    objectWith({
      type: fc.constant("resize"),
      size,
      interpolation: fc.constantFrom("bilinear", "cubic"),
      use_pillow: fc.boolean(),
    }),
    objectWith({
      type: fc.constant("crop"),
      size,
      central_fraction: fc.constantFrom(0, 0.5, 1),
      max_square: fc.boolean(),
    }),
    objectWith({ type: fc.constant("rgb_to_bgr") }),
    objectWith({
      type: fc.constant("normalization"),
      mean: fc.constantFrom<unknown>(1, [1, 2], "imagenet"),
      std: fc.constantFrom<unknown>(1, 0, [1, 2], [1, 0], "cifar10"),
    }),
  );
  const document = objectWith({
    $schema: fc.constant("s.json"),
    format: fc.constantFrom("images", "npy"),
    inputs: fc.constantFrom<unknown>("x", { a: "x" }, { a: 1 }, {}),
    labels: fc.constantFrom<unknown>("y", [1, 2], null),
    label_offset: fc.constantFrom(-1, 0.5, null),
    preprocessing: fc.oneof(fc.array(step, { maxLength: 1 }), fc.record({ a: fc.array(step, { maxLength: 1 }) })),
    layout: fc.constantFrom("NCHW", "NHWC"),
    classes: fc.constantFrom<unknown>("c.txt", null, ["cat", "dog"], ["cat", 1], []),
  });
  const single = step.map((one) => ({ format: "images", inputs: "x", preprocessing: [one] }));
  let taken = 0;
  fc.assert(
    fc.property(fc.oneof(document, single), (one) => {
      agree(dataset, parsesDataset, one);
      if (parsesDataset(one)) taken++;
    }),
    { numRuns: 3000, seed: 7 },
  );
  assert.ok(taken > 100, `${taken} were right`);
});
