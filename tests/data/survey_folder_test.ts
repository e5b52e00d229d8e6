import assert from "node:assert/strict";
import { surveyFolder } from "../../src/data/survey_folder.ts";
import { flat, jpeg, npy, png, withFolder } from "./fixtures.ts";

const picture = await jpeg(flat(12, 10, [10, 200, 30]));
const small = await jpeg(flat(8, 8, [10, 200, 30]));
const rows = (count: number) =>
  npy("<f4", [count, 2], Float32Array.from({ length: 2 * count }, (_, index) => index - 3));
const classes = (values: readonly number[]) => npy("<i8", [values.length], BigInt64Array.from(values.map(BigInt)));

/** What the survey says of labels: path and kind, or path and reason. */
async function labelsIn(files: Readonly<Record<string, string | Uint8Array>>) {
  let found: { labels: unknown[]; refused: string[] } = { labels: [], refused: [] };
  await withFolder(files, async (folder) => {
    const { labels, refused } = await surveyFolder(folder);
    found = {
      labels: labels.map(({ path, labels: { kind } }) => [path, kind]),
      refused: refused.map(({ reason }) => reason),
    };
  });
  return found;
}

Deno.test("surveyFolder() takes subfolders of pictures for classes, and measures the pictures", () =>
  withFolder({ "cat/a.jpg": picture, "dog/b.jpg": small }, async (folder) => {
    const survey = await surveyFolder(folder);
    assert.equal(survey.config.format, "images");
    assert.equal(survey.samples, 2);
    assert.deepEqual(survey.pictures, { width: 12, height: 10, areEqual: false, shortestSide: 8 });
    assert.deepEqual(survey.labels.map(({ path, labels }) => [path, labels]), [
      [undefined, { kind: "classes", values: Int32Array.of(0, 1) }],
    ]);
  }));

Deno.test("surveyFolder() finds every label file beside images/, and ignores a dataset.json", async () => {
  const pictures = { "images/a.jpg": picture, "images/b.jpg": picture };
  assert.deepEqual(
    await labelsIn({
      ...pictures,
      "labels.csv": "a.jpg,0\nb.jpg,1\n",
      "labels_1001.csv": "a.jpg,1\nb.jpg,2\n",
      "dataset.json": "no JSON at all",
      "notes.txt": "labels to come",
    }),
    { labels: [["labels.csv", "classes"], ["labels_1001.csv", "classes"]], refused: [] },
  );
  const coco = {
    images: [{ id: 1, file_name: "a.jpg" }, { id: 2, file_name: "b.jpg" }],
    annotations: [{ image_id: 1, bbox: [0, 0, 2, 2], category_id: 1 }],
    categories: [{ id: 1, name: "cat" }],
  };
  assert.deepEqual((await labelsIn({ ...pictures, "instances_val.json": JSON.stringify(coco) })).labels, [
    ["instances_val.json", "annotations"],
  ]);
  const mask = png({ ...flat(12, 10, [1, 1, 1]) });
  assert.deepEqual((await labelsIn({ ...pictures, "masks/a.png": mask, "masks/b.png": mask })).labels, [
    ["masks", "masks"],
  ]);
  const lines = { "labels.tsv": "a.jpg\tAB\nb.jpg\tBA\n", "characters.txt": "-\nA\nB\n" };
  assert.deepEqual((await labelsIn({ ...pictures, ...lines })).labels, [["labels.tsv", "text"]]);
});

Deno.test("surveyFolder() numbers the names of a table by the alphabet where nothing else does", async () => {
  const files = {
    "images/a.jpg": picture,
    "images/b.jpg": picture,
    "labels.csv": "name,label\na.jpg,dog\nb.jpg,cat\n",
  };
  await withFolder(files, async (folder) => {
    const { labels: [found] } = await surveyFolder(folder);
    assert.deepEqual(found?.classNames, ["cat", "dog"]);
    assert.deepEqual(found?.labels, { kind: "classes", values: Int32Array.of(1, 0) });
  });
  await withFolder({ ...files, "classes.txt": "dog\ncat\n" }, async (folder) => {
    const { labels: [found] } = await surveyFolder(folder);
    assert.equal(found?.classNames, undefined);
    assert.deepEqual(found?.labels, { kind: "classes", values: Int32Array.of(0, 1) });
  });
});

Deno.test("surveyFolder() finds arrays of samples by what is no label, and says why labels are none", async () => {
  assert.deepEqual(await labelsIn({ "features.npy": rows(3), "my_labels.npy": classes([0, 1, 2]) }), {
    labels: [["my_labels.npy", "classes"]],
    refused: [],
  });
  const { labels, refused } = await labelsIn({ "features.npy": rows(3), "y.npy": classes([0, 1]) });
  assert.deepEqual(labels, []);
  assert.match(refused[0] ?? "", /y\.npy": it has 2 for 3 samples; 1 samples have no label$/);
  await withFolder({ "x.npy": rows(3) }, async (folder) => {
    const { ranges, inputs, labels: none } = await surveyFolder(folder);
    assert.deepEqual([ranges, inputs[0]?.shape, none], [[[-3, 2]], [2], []]);
  });
});

Deno.test("surveyFolder() refuses what is no folder of samples, and pictures that it cannot read", async () => {
  await assert.rejects(
    surveyFolder("/nonexistent"),
    /Cannot look into "\/nonexistent": it does not exist, expected a folder/,
  );
  await withFolder({ "x.npy": rows(1), "a/readme.md": "" }, async (folder) => {
    await assert.rejects(surveyFolder(`${folder}/x.npy`), /it is a file, expected a folder of samples$/);
    await assert.rejects(surveyFolder(`${folder}/a`), /nothing that stands for itself/);
  });
  await withFolder(
    { "cat/a.jpg": picture, "dog/b.jpg": picture.slice(0, 30) },
    (folder) => assert.rejects(surveyFolder(folder), /Cannot read picture ".*dog\/b\.jpg": /),
  );
});
