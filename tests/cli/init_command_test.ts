/** From a bare folder to files that the other commands take. */
import { Ajv } from "ajv";
import { parse } from "jsonc-parser";
import assert from "node:assert/strict";
import { join } from "node:path";
import { parseConfiguration } from "../../mod.ts";
import { standardErrorsAbove } from "../../src/api/init/probe_score.ts";
import { configurationSchema, datasetSchema } from "../../src/api/settings/schema.ts";
import { quantizeLinear } from "../../src/ops/quantize_linear.ts";
import { createRandom } from "../../src/base/random.ts";
import { npy, withFolder } from "../data/fixtures.ts";
import { fileOf } from "../fixtures/classifier.ts";
import { type Affine, labelledPictures, PICTURE_CLASSES, pictureClassifier } from "../fixtures/picture_classifier.ts";
import { openTestGpu } from "../support/adapter.ts";
import { assertRefused, runCli } from "../support/command_line.ts";
import { sharedData } from "../support/shared_data.ts";

const hasAdapter = await openTestGpu().then((gpu) => {
  gpu?.destroy();
  return gpu !== undefined;
});
const needsGpu = { ignore: !hasAdapter };
const model = fileOf(pictureClassifier());
const UNIT: Affine = { mean: [0, 0, 0], std: [255, 255, 255] };
const BGR_IMAGENET: Affine = { mean: [103.53, 116.28, 123.675], std: [57.375, 57.12, 58.395] };

/** Runs init on the files, and evaluate on what it wrote. */
async function initialize(data: Readonly<Record<string, Uint8Array>>, more: readonly string[] = []) {
  let found = { dataset: {} as Record<string, unknown>, accuracy: NaN, configuration: "", datasetText: "" };
  const files = Object.fromEntries(Object.entries(data).map(([name, bytes]) => [`data/${name}`, bytes] as const));
  await withFolder({ ...files, "net.onnx": model }, async (folder) => {
    const [net, samples] = [join(folder, "net.onnx"), join(folder, "data")];
    const ran = await runCli(["init", net, samples, "--output", join(folder, "setup"), "--json", ...more]);
    assert.equal(ran.code, 0, ran.err);
    const evaluated = await runCli(["evaluate", net, "--dataset", join(folder, "setup"), "--json"]);
    assert.equal(evaluated.code, 0, evaluated.err);
    found = {
      dataset: JSON.parse(ran.out).dataset,
      accuracy: JSON.parse(evaluated.out).values.accuracy,
      configuration: await Deno.readTextFile(join(folder, "setup", "quantize.jsonc")),
      datasetText: await Deno.readTextFile(join(folder, "setup", "dataset.json")),
    };
  });
  return found;
}

Deno.test(
  "init finds the normalization that labels are right under, though another is likelier",
  needsGpu,
  async () => {
    const { dataset, accuracy, configuration, datasetText } = await initialize(labelledPictures(160, UNIT));
    assert.deepEqual(dataset.preprocessing, [{ type: "normalization", ...UNIT }]);
    assert.equal(accuracy, 1);
    assert.match(datasetText, /found normalization "0 to 1"/);
    const { algorithm, parameters, model: path } = parseConfiguration(configuration, "quantize.jsonc");
    assert.equal(algorithm, "AccuracyAwareQuantization");
    assert.match(path ?? "", /net\.onnx$/);
    assert.deepEqual(parameters.get("metrics")?.value, [{ name: "accuracy" }]);
  },
);

Deno.test("init finds the order of channels, and labels that count from 1", needsGpu, async () => {
  const found = await initialize(labelledPictures(160, BGR_IMAGENET, { isBgr: true, firstLabel: 1 }));
  assert.deepEqual(found.dataset.preprocessing, [{ type: "rgb_to_bgr" }, { type: "normalization", ...BGR_IMAGENET }]);
  assert.equal(found.dataset.label_offset, -1);
  assert.equal(found.accuracy, 1);
});

Deno.test("init --no-probe takes the likeliest, and says that it is a guess", () =>
  withFolder({ "net.onnx": model, ...labelledPictures(8, UNIT) }, async (folder) => {
    const output = join(folder, "setup");
    const { code, out } = await runCli(["init", join(folder, "net.onnx"), folder, "--no-probe", "--output", output]);
    assert.equal(code, 0);
    assert.match(out, /note: The normalization is guessed, not tried: ImageNet, RGB/);
    assert.match(out, /Then quantize:\n {2}deno run -A cli\.ts quantize --config \S+quantize\.jsonc --dataset \S+$/m);
    const ajv = new Ajv({ strictTypes: false, strictRequired: false, keywords: ["allowTrailingCommas"] });
    for (
      const [name, schema] of [["dataset.json", datasetSchema()], ["quantize.jsonc", configurationSchema()]] as const
    ) {
      assert.ok(ajv.validate(schema as object, parse(await Deno.readTextFile(join(output, name)))), ajv.errorsText());
    }
    assert.match(
      await Deno.readTextFile(join(output, "dataset.json")),
      /the normalization is another one: -1 to 1, 0 to 1/,
    );
  }));

Deno.test("init takes the likeliest, and says so, where no preprocessing is better than chance", needsGpu, () => {
  const { "x.npy": samples } = labelledPictures(40, UNIT);
  const drawn = createRandom(3);
  const labels = BigInt64Array.from({ length: 40 }, () => BigInt(Math.floor(PICTURE_CLASSES * drawn())));
  const files = { "net.onnx": model, "data/x.npy": samples, "data/y.npy": npy("<i8", [40], labels) };
  return withFolder(files, async (folder) => {
    const args = ["init", join(folder, "net.onnx"), join(folder, "data"), "--output", folder, "--json"];
    const { dataset, notes, trials } = JSON.parse((await runCli(args)).out);
    assert.equal(dataset.preprocessing[0].mean[0], 123.675, "ImageNet");
    assert.match(notes.join(), /No preprocessing gives more than chance/);
    assert.ok(trials.length > 5);
  });
});

Deno.test("init overwrites nothing without --force", () =>
  withFolder({ "net.onnx": model, ...labelledPictures(8, UNIT), "dataset.json": "mine" }, async (folder) => {
    const args = ["init", join(folder, "net.onnx"), folder, "--no-probe"];
    assertRefused(await runCli(args), 2, /Cannot write ".*dataset\.json": it is there already, expected --force/);
    assert.equal(await Deno.readTextFile(join(folder, "dataset.json")), "mine");
    assert.equal((await runCli([...args, "--force", "--output", folder])).code, 0);
    assert.match(await Deno.readTextFile(join(folder, "dataset.json")), /"inputs": "x\.npy"/);
  }));

Deno.test("init refuses a network that is quantized already", () => {
  const graph = pictureClassifier();
  const quantizer = {
    name: "q",
    type: quantizeLinear.type,
    domain: "",
    inputs: ["image", "w2", "b1"],
    outputs: ["codes"],
    attributes: new Map(),
  };
  const bytes = fileOf({ ...graph, nodes: [quantizer, ...graph.nodes] });
  return withFolder({ "net.onnx": bytes, ...labelledPictures(2, UNIT) }, async (folder) => {
    const ran = await runCli(["init", join(folder, "net.onnx"), folder]);
    assertRefused(
      ran,
      1,
      /Cannot set up net: it is quantized already \(QuantizeLinear node "q"\), expected the float network/,
    );
  });
});

Deno.test("standardErrorsAbove() compares pairs, and leaves out samples without a score", () => {
  assert.equal(standardErrorsAbove([2, 3, NaN], [1, 2, 5]), Infinity);
  assert.equal(standardErrorsAbove([1, 2], [1, 2]), 0);
  assert.ok(Math.abs(standardErrorsAbove([1, 3], [0, 0]) - 2) < 1e-12);
});

Deno.test("init writes datasets of real networks anew, as accurate as the given ones", needsGpu, async (t) => {
  const cases = [
    ["mlperf_tiny_resnet8_cifar10.onnx", "cifar10_test", "dataset.raw.json"],
    ["mlperf_tiny_kws_dscnn.onnx", "kws01_test", "dataset.json"],
  ] as const;
  for (const [name, data, given] of cases) {
    const net = sharedData(`models/${name}`);
    const folder = sharedData(`datasets/${data}`);
    if (!net || !folder) continue;
    await t.step(name, () =>
      withFolder({}, async (output) => {
        const written = await runCli(["init", net, folder, "--output", output, "--probe", "32", "--json"]);
        assert.equal(written.code, 0, written.err);
        const expected = JSON.parse(await Deno.readTextFile(join(folder, given)));
        assert.deepEqual(JSON.parse(written.out).dataset.preprocessing, expected.preprocessing);
        assert.equal(JSON.parse(written.out).dataset.layout, expected.layout);
      }));
  }
});
