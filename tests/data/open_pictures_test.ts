import assert from "node:assert/strict";
import { openDataset } from "../../src/data/open_dataset.ts";
import { flat, fromBase64, jpeg, npy, picture, png, withFolder } from "./fixtures.ts";
import { PNG_PALETTE_4, PNG_PALETTE_4_INDICES } from "./picture_fixtures.ts";
import { refused } from "./refused.ts";

const RED = png(flat(4, 3, [200, 10, 20]));
const GREEN = png(flat(4, 3, [30, 210, 40]));
const BLUE = png(flat(4, 3, [50, 60, 220]));

function config(rest: object): string {
  return JSON.stringify({ format: "images", inputs: "images/", ...rest });
}

const LABELLED = {
  "dataset.json": config({ labels: "labels.csv" }),
  "labels.csv": "c.png,2\na.png,0\nb.png,1\n",
  "images/a.png": RED,
  "images/b.png": GREEN,
  "images/c.png": BLUE,
};

Deno.test("openDataset() reads pictures in the order of labels.csv", async () => {
  await withFolder(LABELLED, async (folder) => {
    const dataset = await openDataset(folder);
    assert.equal(dataset.length, 3);
    assert.deepEqual(dataset.inputs, [{ name: undefined, dtype: "uint8", shape: [3, 3, 4], normalization: undefined }]);
    assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(2, 0, 1) });
    assert.deepEqual([0, 1, 2].map((index) => dataset.sampleName(index)), ["c.png", "a.png", "b.png"]);
    const [batch] = await dataset.read([2, 0]);
    assert.deepEqual([batch?.dtype, batch?.shape], ["uint8", [2, 3, 3, 4]]);
    const plane = (value: number) => new Array<number>(12).fill(value);
    assert.deepEqual([...batch?.data ?? []], [30, 210, 40, 50, 60, 220].flatMap(plane));
    dataset.close();
    await assert.rejects(dataset.read([0]), refused(/it is closed/));
  });
});

Deno.test("openDataset() preprocesses and states the normalization of each channel in both layouts", async () => {
  const preprocessing = [
    { type: "resize", size: 6 },
    { type: "crop", size: 2 },
    { type: "rgb_to_bgr" },
    { type: "normalization", mean: [1, 2, 3], std: 2 },
  ];
  const files = {
    ...LABELLED,
    "dataset.json": config({ labels: "labels.csv", preprocessing }),
    "dataset.last.json": config({ labels: "labels.csv", preprocessing, layout: "NHWC" }),
  };
  await withFolder(files, async (folder) => {
    const first = await openDataset(folder);
    assert.deepEqual(first.inputs[0]?.shape, [3, 2, 2]);
    assert.deepEqual(first.inputs[0]?.normalization, { mean: [1, 2, 3], std: [2, 2, 2], channelAxis: 0 });
    assert.deepEqual([...(await first.read([1]))[0]?.data ?? []], [20, 20, 20, 20, 10, 10, 10, 10, 200, 200, 200, 200]);
    const last = await openDataset(`${folder}/dataset.last.json`);
    assert.deepEqual(last.inputs[0]?.shape, [2, 2, 3]);
    assert.equal(last.inputs[0]?.normalization?.channelAxis, 2);
    assert.deepEqual([...(await last.read([1]))[0]?.data ?? []].slice(0, 6), [20, 10, 200, 20, 10, 200]);
    assert.notEqual(await first.sha256(), await last.sha256());
    first.close();
    last.close();
  });
});

Deno.test("openDataset() repeats gray pictures to three channels and reduces them to one with rgb_to_gray", async () => {
  const files = { "a.jpg": await jpeg(flat(8, 8, [77])), "b.png": png(flat(8, 8, [33])) };
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(folder);
    assert.deepEqual(dataset.inputs[0]?.shape, [3, 8, 8]);
    const values = new Set((await dataset.read([0, 1]))[0]?.data);
    assert.deepEqual(values, new Set([77, 33]));
    assert.equal(dataset.labels, undefined);
    dataset.close();
    const gray = JSON.stringify({ format: "images", inputs: ".", preprocessing: [{ type: "rgb_to_gray" }] });
    await Deno.writeTextFile(`${folder}/dataset.json`, gray);
    const reduced = await openDataset(folder);
    assert.deepEqual(reduced.inputs[0]?.shape, [1, 8, 8]);
    assert.deepEqual(new Set((await reduced.read([0, 1]))[0]?.data), new Set([77, 33]));
    reduced.close();
  });
});

Deno.test("openDataset() reads class names, headers, quotes, blanks and nested names in label files", async () => {
  const classes = "tench\ngold fish\nshark\n";
  const forms: Record<string, string> = {
    "header.csv": "file,class\na.png,shark\nsub/b.png,gold fish\n",
    "quoted.csv": '"a.png","2"\r\n"sub/b.png", "gold fish"\r\n',
    "blank.txt": "a.png 2\nsub/b.png 1\n",
    "by_name.json": '{"a.png": "shark", "sub/b.png": 1}',
    "listed.json": '["shark", 1]',
    "listed.npy": "",
  };
  const files = { "images/a.png": RED, "images/sub/b.png": BLUE, "classes.txt": classes };
  await withFolder(files, async (folder) => {
    for (const [name, text] of Object.entries(forms)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      if (name.endsWith(".npy")) await Deno.writeFile(`${folder}/${name}`, npy("<i8", [2], BigInt64Array.of(2n, 1n)));
      await Deno.writeTextFile(`${folder}/dataset.json`, config({ labels: name, classes: "classes.txt" }));
      const dataset = await openDataset(folder);
      assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(2, 1) }, name);
      assert.deepEqual(dataset.classes, ["tench", "gold fish", "shark"]);
      assert.equal(dataset.sampleName(1), "sub/b.png");
      dataset.close();
    }
    await Deno.writeTextFile(`${folder}/dataset.json`, config({ labels: ["shark", "tench"], classes: "classes.txt" }));
    const dataset = await openDataset(folder);
    assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(2, 0) });
    dataset.close();
  });
});

Deno.test("openDataset() says what is wrong with labels", async () => {
  const cases: [string, string, RegExp][] = [
    ["labels.csv", "a.png,0\nb.png,1\n", /labels\.csv": 1 of 3 samples have no label, the first is "c\.png"/],
    [
      "labels.csv",
      "a.png,0\nb.png,1\nc.png,2\nd.png,3\ne.png,3\n",
      /line 4 names "d\.png" and 1 more, which does not exist/,
    ],
    ["labels.csv", "a.png,0\nb.png,1\nc.png,2\na.png,3\n", /line 4 labels "a\.png" again, after line 1/],
    ["labels.csv", "a.png,0\nb.png,1.5\nc.png,2\n", /line 2 is "1\.5", expected an integer/],
    ["labels.csv", "a.png,0\nb.png,cat\nc.png,2\n", /line 2 is "cat", expected an integer; name a file of class names/],
    ["labels.csv", "a.png,0\nb.png,-1\nc.png,2\n", /line 2 is -1, expected a class from 0/],
    ["labels.csv", "a.png\nb.png\nc.png\n", /line 1 is "a\.png", expected a file name, a comma and a label/],
    ["labels.csv", "", /has no labels/],
    ["labels.json", "[0, 1]", /it has 2 for 3 samples; 1 samples have no label/],
    ["labels.json", "[0, 1, 2, 3]", /it has 4 for 3 samples; 1 labels have no sample/],
    ["labels.json", "{", /labels\.json": it is no JSON/],
    ["labels.json", "3", /expected \.csv/],
    ["labels.xml", "<a/>", /labels\.xml": expected \.csv/],
  ];
  for (const [name, text, message] of cases) {
    await withFolder({ ...LABELLED, "dataset.json": config({ labels: name }), [name]: text }, async (folder) => {
      await assert.rejects(openDataset(folder), refused(message));
    });
  }
  await withFolder({ ...LABELLED, "dataset.json": config({ labels: "none.csv" }) }, async (folder) => {
    await assert.rejects(openDataset(folder), refused(/none\.csv": the file does not exist/));
  });
  const named = {
    ...LABELLED,
    "classes.txt": "cat\ndog\n",
    "dataset.json": config({ labels: "labels.csv", classes: "classes.txt" }),
  };
  await withFolder(named, async (folder) => {
    await assert.rejects(openDataset(folder), refused(/line 1 is 2, expected below 2, the number of classes/));
    await Deno.writeTextFile(`${folder}/labels.csv`, "a.png,cat\nb.png,dgo\nc.png,cat\n");
    await assert.rejects(
      openDataset(folder),
      refused(/line 2 is "dgo", expected an integer or a class name; did you mean "dog"/),
    );
    await Deno.remove(`${folder}/classes.txt`);
    await assert.rejects(openDataset(folder), refused(/classes\.txt": it does not exist/));
  });
});

Deno.test("openDataset() says what is wrong with pictures", async () => {
  await withFolder({ "dataset.json": config({}) }, async (folder) => {
    await assert.rejects(openDataset(folder), refused(/folder ".*images.*": it does not exist/));
    await Deno.mkdir(`${folder}/images`);
    await assert.rejects(openDataset(folder), refused(/no pictures in ".*images/));
    await Deno.writeTextFile(`${folder}/images/a.png`, "text");
    await assert.rejects(openDataset(folder), refused(/a\.png": it is no picture that can be read/));
  });
  await withFolder(
    { ...LABELLED, "images/b.png": "text", "images/c.png": png(flat(5, 3, [1, 2, 3])) },
    async (folder) => {
      const dataset = await openDataset(folder);
      await assert.rejects(
        dataset.read([1]),
        refused(/a\.png": it is 4x3 after preprocessing, expected 5x3 as "c\.png" is; add a resize or crop step/),
      );
      await assert.rejects(
        dataset.read([0, 2]),
        refused(/b\.png": it is no picture.*replace the file, or remove it and its label/),
      );
      assert.equal((await dataset.read([0]))[0]?.shape[0], 1);
      dataset.close();
    },
  );
  await withFolder(
    { ...LABELLED, "dataset.json": config({ preprocessing: [{ type: "crop", size: 9 }] }) },
    async (folder) => {
      await assert.rejects(
        openDataset(folder),
        refused(/a\.png": it is 4x3 where a crop to 9x9 is asked for; put a resize/),
      );
    },
  );
  await withFolder({
    ...LABELLED,
    "dataset.json": config({ preprocessing: [{ type: "normalization", mean: [1, 2] }] }),
  }, async (folder) => {
    await assert.rejects(openDataset(folder), refused(/mean has 2 values, expected 1 or 3, one per channel/));
  });
});

Deno.test("openDataset() takes subfolders for classes", async () => {
  const files = { "dog/1.png": RED, "cat/2.png": GREEN, "dog/0.png": BLUE };
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(folder);
    assert.deepEqual(dataset.classes, ["cat", "dog"]);
    assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(0, 1, 1) });
    assert.equal(dataset.sampleName(1), "dog/0.png");
    dataset.close();
    await Deno.writeTextFile(`${folder}/classes.txt`, "dog\nhorse\ncat\n");
    const named = await openDataset(folder);
    assert.deepEqual(named.labels, { kind: "classes", values: Int32Array.of(2, 0, 0) });
    named.close();
    await Deno.writeFile(`${folder}/loose.png`, RED);
    await assert.rejects(openDataset(folder), refused(/"loose\.png" lies beside the class folders cat, dog/));
  });
  await withFolder({ "10/a.png": RED, "9/b.png": GREEN }, async (folder) => {
    const dataset = await openDataset(folder);
    assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(10, 9) });
    dataset.close();
  });
});

Deno.test("openDataset() reads masks by the pictures' names", async () => {
  const files = {
    "dataset.json": config({ labels: "masks/" }),
    "images/a.jpg": await jpeg(picture(5, 3)),
    "images/b.jpg": await jpeg(picture(5, 3)),
    "masks/a.png": fromBase64(PNG_PALETTE_4.base64),
    "masks/b.png": png(flat(5, 3, [255])),
  };
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(folder);
    assert.ok(dataset.labels?.kind === "masks");
    assert.deepEqual(await dataset.labels.read(0), {
      dtype: "uint8",
      shape: [3, 5],
      data: Uint8Array.from(PNG_PALETTE_4_INDICES),
    });
    assert.deepEqual(new Set((await dataset.labels.read(1)).data), new Set([255]));
    const before = await dataset.sha256();
    dataset.close();
    await Deno.writeFile(`${folder}/masks/b.png`, png(flat(5, 3, [254])));
    const changed = await openDataset(folder);
    assert.notEqual(await changed.sha256(), before);
    changed.close();
    await Deno.remove(`${folder}/masks/b.png`);
    await assert.rejects(openDataset(folder), refused(/no mask for picture "b\.jpg"/));
  });
});

Deno.test("openDataset() reads transcriptions, which may look like numbers or hold commas", async () => {
  const files = {
    ...LABELLED,
    "dataset.json": config({ labels: "labels.tsv", characters: "characters.txt" }),
    "labels.tsv": "a.png\t11.32\nb.png\tTOTAL, RM\nc.png\t\u4e2d 5\n",
    "characters.txt": "blank\n0\n \n\u4e2d\n",
  };
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(folder);
    assert.deepEqual(dataset.labels, {
      kind: "text",
      values: ["11.32", "TOTAL, RM", "\u4e2d 5"],
      characters: ["blank", "0", " ", "\u4e2d"],
    });
    dataset.close();
    await Deno.writeTextFile(`${folder}/labels.tsv`, "a.png,1\nb.png,2\nc.png,3\n");
    await assert.rejects(openDataset(folder), refused(/line 1 is "a\.png,1", expected a file name, a tab/));
  });
});

Deno.test("openDataset() reads COCO annotations", async () => {
  const annotations = {
    images: [{ id: 7, file_name: "val/b.png" }, { id: "x", file_name: "a.png" }],
    annotations: [
      { image_id: "x", category_id: 3, bbox: [1, 2, 3, 4], area: 11.5, iscrowd: 1 },
      { image_id: "x", category_id: 1, bbox: [0, 0, 2, 2] },
    ],
    categories: [{ id: 1, name: "cat" }, { id: 3, name: "dog" }],
  };
  const files = {
    "dataset.json": config({ labels: "annotations.json" }),
    "images/a.png": RED,
    "images/b.png": GREEN,
    "annotations.json": JSON.stringify(annotations),
  };
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(folder);
    assert.deepEqual(dataset.labels, {
      kind: "annotations",
      boxes: [[], [
        { category: 3, box: [1, 2, 3, 4], area: 11.5, crowd: true },
        { category: 1, box: [0, 0, 2, 2], area: 4, crowd: false },
      ]],
      categories: new Map([[1, "cat"], [3, "dog"]]),
    });
    assert.equal(dataset.sampleName(0), "b.png");
    dataset.close();
    const broken: [object, RegExp][] = [
      [
        { annotations: [{ image_id: 9, category_id: 1, bbox: [1, 2, 3, 4] }] },
        /annotation 0 is of image 9, which is not in/,
      ],
      [
        { annotations: [{ image_id: 7, category_id: 1, bbox: [1, 2, 3] }] },
        /annotation 0 has no "bbox" of four numbers/,
      ],
      [{ images: [{ id: 1 }] }, /image 0 has no "file_name"/],
      [{ images: [], annotations: [] }, /expected COCO's format/],
      [
        { images: [{ id: 7, file_name: "b.png" }], annotations: [] },
        /1 of 2 samples have no label, the first is "a\.png"/,
      ],
    ];
    for (const [change, message] of broken) {
      await Deno.writeTextFile(`${folder}/annotations.json`, JSON.stringify({ ...annotations, ...change }));
      await assert.rejects(openDataset(folder), refused(message));
    }
  });
});

Deno.test("read() gives the same samples with workers, without, and beyond the memory budget", async () => {
  const count = 60;
  const files = Object.fromEntries(
    Array.from({ length: count }, (_, at) => [`${100 + at}.png`, png(flat(6, 5, [at, 255 - at, 9]))]),
  );
  await withFolder(files, async (folder) => {
    const sample = 6 * 5 * 3;
    for (
      const options of [{ workers: 2 }, { workers: 0 }, { workers: 2, memoryBudget: 10 * sample }, {
        workers: 2,
        memoryBudget: 0,
      }]
    ) {
      const dataset = await openDataset(folder, options);
      for (let round = 0; round < 2; round++) {
        const batches = await Promise.all(
          [0, 1, 2, 3].map((b) => dataset.read(Array.from({ length: 15 }, (_, at) => 15 * b + at))),
        );
        batches.forEach(([batch], b) => {
          for (let at = 0; at < 15; at++) assert.equal(batch?.data[at * sample], 15 * b + at, JSON.stringify(options));
        });
      }
      const [scattered] = await dataset.read([59, 3, 59]);
      assert.deepEqual([0, 1, 2].map((place) => scattered?.data[place * sample]), [59, 3, 59]);
      dataset.close();
    }
  });
});

Deno.test("read() decodes a sample once while it fits the budget", async () => {
  await withFolder(LABELLED, async (folder) => {
    const dataset = await openDataset(folder);
    const [before] = await dataset.read([0, 1, 2]);
    await Deno.remove(`${folder}/images`, { recursive: true });
    const [after] = await dataset.read([0, 1, 2]);
    assert.deepEqual(after, before);
    dataset.close();
  });
});

Deno.test("read() refuses indices outside and stops when aborted", async () => {
  const files = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`${at}.png`, RED]));
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(folder, { workers: 1 });
    for (const index of [-1, 40, 0.5, NaN]) await assert.rejects(dataset.read([0, index]), RangeError);
    assert.deepEqual((await dataset.read([]))[0]?.shape, [0, 3, 3, 4]);
    const reason = new Error("enough");
    await assert.rejects(dataset.read([0], AbortSignal.abort(reason)), reason);
    const controller = new AbortController();
    const reading = dataset.read(Array.from({ length: 40 }, (_, at) => at), controller.signal);
    controller.abort(reason);
    await assert.rejects(reading, reason);
    assert.equal((await dataset.read([5]))[0]?.data[0], 200);
    dataset.close();
  });
});

Deno.test("sha256() depends on contents and configuration, not on where the files lie", async () => {
  const hashes: string[] = [];
  const hashOf = async (files: Readonly<Record<string, string | Uint8Array>>, options = {}) => {
    await withFolder(files, async (folder) => {
      const dataset = await openDataset(folder, options);
      hashes.push(await dataset.sha256());
      dataset.close();
    });
  };
  await hashOf(LABELLED);
  await hashOf(LABELLED, { workers: 1 });
  assert.equal(hashes[0], hashes[1]);
  assert.match(hashes[0] ?? "", /^[0-9a-f]{64}$/);
  await hashOf({ ...LABELLED, "images/b.png": BLUE });
  await hashOf({ ...LABELLED, "labels.csv": "c.png,2\na.png,0\nb.png,2\n" });
  await hashOf({
    ...LABELLED,
    "dataset.json": config({ labels: "labels.csv", preprocessing: [{ type: "crop", size: 3 }] }),
  });
  await hashOf({
    ...LABELLED,
    "dataset.json": config({ labels: "labels.csv", preprocessing: [{ type: "normalization", mean: 1 }] }),
  });
  const reversed = config({ labels: "labels.csv", preprocessing: [{ type: "rgb_to_bgr" }] });
  await hashOf({ ...LABELLED, "dataset.json": reversed });
  assert.equal(new Set(hashes).size, 6);
});
