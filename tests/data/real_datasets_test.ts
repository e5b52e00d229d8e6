import assert from "node:assert/strict";
import type { Dataset } from "../../src/data/dataset.ts";
import { openDataset } from "../../src/data/open_dataset.ts";
import { pathKind } from "../../src/data/read_file.ts";

const ROOT = new URL("../../../shared/data/datasets/", import.meta.url).pathname;
const present = await pathKind(ROOT) === "folder";
const EXPECTED: Readonly<Record<string, readonly [length: number, labels: string, ...inputs: string[]]>> = {
  "cifar10_calibration/dataset.json": [500, "classes", "uint8 3x32x32"],
  "cifar10_calibration/dataset.raw.json": [500, "classes", "uint8 3x32x32"],
  "cifar10_test/dataset.json": [5000, "classes", "uint8 3x32x32"],
  "cifar10_test/dataset.raw.json": [5000, "classes", "uint8 3x32x32"],
  "coco_calibration/dataset.json": [24, "annotations", "uint8 3x352x352"],
  "coco_val_subset/dataset.json": [310, "annotations", "uint8 3x352x352"],
  "imagenet_calibration/dataset.json": [300, "classes", "uint8 3x224x224"],
  "imagenet_calibration/dataset.tf.json": [300, "classes", "uint8 3x224x224"],
  "imagenet_val/dataset.json": [1000, "classes", "uint8 3x224x224"],
  "imagenet_val/dataset.tf.json": [1000, "classes", "uint8 3x224x224"],
  "imagenet_val/dataset.tf1001.json": [1000, "classes", "uint8 3x224x224"],
  "kws01_calibration/dataset.json": [100, "classes", "float32 1x49x10"],
  "kws01_test/dataset.json": [900, "classes", "float32 1x49x10"],
  "sroie_lines/dataset.json": [601, "text", "uint8 3x48x480"],
  "sroie_lines_calibration/dataset.json": [48, "text", "uint8 3x48x480"],
  "sst2_calibration/dataset.json": [256, "classes", "int64 64", "int64 64"],
  "sst2_test/dataset.json": [872, "classes", "int64 64", "int64 64"],
  "voc2012_calibration_257/dataset.json": [40, "masks", "uint8 3x257x257"],
  "voc2012_val_257/dataset.json": [230, "masks", "uint8 3x257x257"],
};

if (!present) console.log(`SKIPPED: the ${Object.keys(EXPECTED).length} real datasets, for there is no ${ROOT}`);

async function checkLabels(dataset: Dataset): Promise<void> {
  const { labels } = dataset;
  if (labels?.kind === "masks") {
    const mask = await labels.read(0);
    assert.deepEqual(mask.shape, dataset.inputs[0]?.shape.slice(1));
    const indices = [...new Set(mask.data)];
    assert.ok(indices.every((index) => index === 255 || index < (dataset.classes?.length ?? 0)), `${indices}`);
  }
  if (labels?.kind === "text") assert.equal(labels.characters?.length, 6625);
  if (labels?.kind === "annotations") assert.equal(labels.categories.get(0), "person");
}

for (const [path, [length, labels, ...inputs]] of Object.entries(EXPECTED)) {
  Deno.test({ name: `openDataset() reads ${path}`, ignore: !present }, async () => {
    const dataset = await openDataset(ROOT + path);
    try {
      assert.equal(dataset.length, length);
      assert.equal(dataset.labels?.kind, labels);
      assert.deepEqual(dataset.inputs.map(({ dtype, shape }) => `${dtype} ${shape.join("x")}`), inputs);
      const batch = await dataset.read([0, 1]);
      assert.deepEqual(
        batch.map(({ dtype, shape }) => `${dtype} ${shape.join("x")}`),
        inputs.map((input) => input.replace(" ", " 2x")),
      );
      for (const { data } of batch) assert.ok(new Set(data).size > 1, "values differ");
      await checkLabels(dataset);
    } finally {
      dataset.close();
    }
  });
}
