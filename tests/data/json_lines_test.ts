import assert from "node:assert/strict";
import { openDataset } from "../../src/data/open_dataset.ts";
import { surveyFolder } from "../../src/data/survey_folder.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { gzip, withFolder } from "./fixtures.ts";

const ROWS = [
  { text: "good", input_ids: [5, 6, 0], attention_mask: [1, 1, 0], label: 1 },
  { text: "bad", input_ids: [7, 8, 9], attention_mask: [1, 1, 1], label: 0 },
];
const lines = (rows: readonly unknown[]) => `${rows.map((row) => JSON.stringify(row)).join("\n")}\n\n`;

async function withDataset(
  files: Readonly<Record<string, string | Uint8Array>>,
  path: string,
  body: (dataset: Dataset) => Promise<void>,
): Promise<void> {
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(`${folder}/${path}`);
    try {
      await body(dataset);
    } finally {
      dataset.close();
    }
  });
}

async function assertTokens(dataset: Dataset): Promise<void> {
  assert.deepEqual(dataset.inputs.map(({ name, dtype, shape }) => [name, dtype, shape]), [
    ["input_ids", "int64", [3]],
    ["attention_mask", "int64", [3]],
  ]);
  assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(1, 0) });
  const [ids, mask] = await dataset.read([1, 0]);
  assert.deepEqual([...ids!.data], [7, 8, 9, 5, 6, 0]);
  assert.deepEqual([...mask!.data], [1, 1, 1, 1, 1, 0]);
}

Deno.test("openDataset() reads token ids and labels of JSON Lines, guessed, described, and packed", async () => {
  await withDataset({ "valid.jsonl": lines(ROWS) }, "", assertTokens);
  await withDataset({ "valid.jsonl": lines(ROWS) }, "valid.jsonl", assertTokens);
  const described = { format: "jsonl", inputs: "valid.jsonl.gz", labels: "valid.jsonl.gz:label" };
  const packed = await gzip(new TextEncoder().encode(lines(ROWS)));
  await withDataset({ "valid.jsonl.gz": packed, "dataset.json": JSON.stringify(described) }, "", assertTokens);
});

Deno.test("openDataset() reads one field, class names and targets of JSON Lines", async () => {
  const rows = [{ x: [0.5, 1], y: "dog", z: [1, 2] }, { x: [2, 3], y: "cat", z: [3, 4] }];
  const dataset = (labels: string) =>
    JSON.stringify({ format: "jsonl", inputs: "d.jsonl:x", labels, classes: "classes.txt" });
  const files = { "d.jsonl": lines(rows), "classes.txt": "cat\ndog\n" };
  await withDataset({ ...files, "dataset.json": dataset("d.jsonl:y") }, "", async ({ inputs, labels, read }) => {
    assert.deepEqual(inputs.map(({ name, dtype }) => [name, dtype]), [[undefined, "float32"]]);
    assert.deepEqual(labels, { kind: "classes", values: Int32Array.of(1, 0) });
    assert.deepEqual([...(await read([0]))[0]!.data], [0.5, 1]);
  });
  await withDataset({ ...files, "dataset.json": dataset("d.jsonl:z") }, "", ({ labels }) => {
    assert.equal(labels?.kind, "tensor");
    return Promise.resolve();
  });
});

Deno.test("openDataset() names the line, sample or field of JSON Lines that is wrong", async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{"x": [1]}\n{"x": [1, 2]}', /sample 1 has 2 values, expected 1 as sample 0 has; pad all to one length$/],
    ['{"x": [1]}\n{"y": [1]}', /line 2 has no "x", expected it as in the first line$/],
    ['{"x": [1]}\n{"x": ["a"]}', /sample 1: found "a", expected a number$/],
    ['{"x": [1]}\n{"x": [1]', /line 2 is no JSON/],
    [`{"x": [1]}\n{"x": ${"[".repeat(5000)}${"]".repeat(5000)}}`, /sample 1 has more than 8 axes$/],
    [`{"x": [1, 2]}\n{"x": [1, ${"[".repeat(5000)}${"]".repeat(5000)}]}`, /sample 1: found a list, expected a number$/],
    ["[1, 2]", /line 1 is \[1, 2\], expected an object$/],
  ];
  for (const [text, message] of cases) {
    await withFolder({ "d.jsonl": text }, (folder) => assert.rejects(openDataset(folder), message));
  }
  const described = JSON.stringify({ format: "jsonl", inputs: "d.jsonl:ids" });
  await withFolder(
    { "d.jsonl": lines(ROWS), "dataset.json": described },
    (folder) =>
      assert.rejects(
        openDataset(folder),
        /it has the fields text, input_ids, attention_mask, label; name one of them as in/,
      ),
  );
});

Deno.test("surveyFolder() finds inputs and labels in JSON Lines", () =>
  withFolder({ "valid.jsonl": lines(ROWS), "classes.txt": "bad\ngood\n" }, async (folder) => {
    const { config, labels, samples, ranges } = await surveyFolder(folder);
    assert.deepEqual([config.format, samples, ranges], ["jsonl", 2, [[0, 9], [0, 1]]]);
    assert.deepEqual(labels.map(({ path, labels: { kind } }) => [path, kind]), [["valid.jsonl:label", "classes"]]);
  }));
