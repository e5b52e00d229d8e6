import assert from "node:assert/strict";
import { zipSync } from "fflate";
import { datasetFromArrays } from "../../src/data/memory_dataset.ts";
import { openDataset } from "../../src/data/open_dataset.ts";
import { type HostTensor, hostTensor } from "../../src/base/tensor.ts";
import { flat, gzip, idx, npy, png, withFolder } from "./fixtures.ts";
import { refused } from "./refused.ts";

const X = npy("|u1", [3, 2, 1, 2], Uint8Array.from({ length: 12 }, (_, at) => at));
const Y = npy("<i8", [3], BigInt64Array.of(4n, 5n, 6n));

function config(rest: object): string {
  return JSON.stringify({ format: "npy", inputs: "x.npy", labels: "y.npy", ...rest });
}

Deno.test("openDataset() reads x.npy and y.npy with a configuration or without", async () => {
  await withFolder({ "x.npy": X, "y.npy": Y }, async (folder) => {
    for (const text of [undefined, config({}), config({ labels: [4, 5, 6] })]) {
      if (text !== undefined) await Deno.writeTextFile(`${folder}/dataset.json`, text);
      const dataset = await openDataset(folder);
      assert.deepEqual(dataset.inputs, [{
        name: undefined,
        dtype: "uint8",
        shape: [2, 1, 2],
        normalization: undefined,
      }]);
      assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(4, 5, 6) });
      assert.deepEqual(await dataset.read([2, 0]), [
        { dtype: "uint8", shape: [2, 2, 1, 2], data: Uint8Array.of(8, 9, 10, 11, 0, 1, 2, 3) },
      ]);
      assert.equal(dataset.sampleName(2), "2");
      dataset.close();
    }
  });
});

Deno.test("openDataset() takes the channel axis from the layout", async () => {
  const preprocessing = [{ type: "normalization", mean: [1, 2], std: [3, 4] }];
  const files = {
    "x.npy": X,
    "y.npy": Y,
    "dataset.json": config({ preprocessing }),
    "dataset.b.json": config({ preprocessing, layout: "NHWC" }),
  };
  await withFolder(files, async (folder) => {
    const first = await openDataset(folder);
    assert.deepEqual(first.inputs[0]?.normalization, { mean: [1, 2], std: [3, 4], channelAxis: 0 });
    const last = await openDataset(`${folder}/dataset.b.json`);
    assert.equal(last.inputs[0]?.normalization?.channelAxis, 2);
    first.close();
    last.close();
    await Deno.writeTextFile(
      `${folder}/dataset.json`,
      config({ preprocessing: [{ type: "normalization", std: [1, 2, 3] }] }),
    );
    await assert.rejects(openDataset(folder), refused(/std has 3 values, expected 1 or 2, one per channel/));
  });
});

Deno.test("openDataset() gives float16 and float64 arrays as float32 and keeps integers", async () => {
  const files = {
    "half.npy": npy("<f2", [2, 1], Uint16Array.of(0x3c00, 0xc000)),
    "double.npy": npy("<f8", [2, 1], Float64Array.of(0.1, 2)),
    "long.npy": npy("<i8", [2, 1], BigInt64Array.of(-1n, 2n ** 40n)),
  };
  await withFolder(files, async (folder) => {
    const read = async (name: string) => {
      const dataset = await openDataset(`${folder}/${name}`);
      const [tensor] = await dataset.read([0, 1]);
      assert.equal(dataset.inputs[0]?.dtype, tensor?.dtype);
      dataset.close();
      return tensor;
    };
    assert.deepEqual(await read("half.npy"), { dtype: "float32", shape: [2, 1], data: Float32Array.of(1, -2) });
    assert.deepEqual(await read("double.npy"), { dtype: "float32", shape: [2, 1], data: Float32Array.of(0.1, 2) });
    assert.deepEqual(await read("long.npy"), { dtype: "int64", shape: [2, 1], data: Float64Array.of(-1, 2 ** 40) });
  });
});

Deno.test("openDataset() crops, resizes and recolors pictures that are stored in arrays", async () => {
  const body = new Uint8Array(2 * 3 * 16).map((_, at) => at);
  const preprocessing = [{ type: "crop", size: 2 }, { type: "rgb_to_bgr" }, { type: "normalization", mean: 5 }];
  const files = { "x.npy": npy("|u1", [2, 3, 4, 4], body), "dataset.json": config({ labels: null, preprocessing }) };
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(folder);
    assert.deepEqual(dataset.inputs[0]?.shape, [3, 2, 2]);
    assert.deepEqual(dataset.inputs[0]?.normalization?.mean, [5, 5, 5]);
    const [batch] = await dataset.read([1, 0]);
    assert.deepEqual([...batch?.data ?? []].slice(0, 12), [85, 86, 89, 90, 69, 70, 73, 74, 53, 54, 57, 58]);
    const whole = await dataset.sha256();
    dataset.close();
    await Deno.writeTextFile(
      `${folder}/dataset.json`,
      config({ labels: null, preprocessing: [preprocessing[0], preprocessing[2]] }),
    );
    const unreversed = await openDataset(folder);
    assert.notEqual(await unreversed.sha256(), whole);
    unreversed.close();
    await Deno.writeFile(`${folder}/x.npy`, npy("<f4", [2, 3], new Float32Array(6)));
    await assert.rejects(
      openDataset(folder),
      refused(/float32 with samples of 3, expected uint8 pictures.*only normalization/),
    );
  });
});

Deno.test("openDataset() adds label_offset to classes and moves their names along", async () => {
  const files = {
    "x.npy": npy("<f4", [2, 1], new Float32Array(2)),
    "y.npy": npy("<i8", [2], BigInt64Array.of(1n, 2n)),
    "classes.txt": "none\ncat\ndog\n",
  };
  for (
    const [offset, values, classes] of [
      [-1, [0, 1], ["cat", "dog"]],
      [1, [2, 3], ["background", "none", "cat", "dog"]],
    ] as const
  ) {
    const described = { ...files, "dataset.json": config({ classes: "classes.txt", label_offset: offset }) };
    await withFolder(described, async (folder) => {
      const dataset = await openDataset(folder);
      assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.from(values) });
      assert.deepEqual(dataset.classes, classes);
      dataset.close();
    });
  }
  await withFolder({ ...files, "dataset.json": config({ label_offset: -2 }) }, (folder) =>
    assert.rejects(
      openDataset(folder),
      /Cannot shift labels of dataset ".*": label 0 is 1, expected at least 2 with label_offset -2$/,
    ));
});

Deno.test("openDataset() takes integer labels of one per sample for classes, and other arrays for targets", async () => {
  const labels: [Uint8Array, string][] = [
    [npy("|u1", [3, 1], Uint8Array.of(4, 5, 6)), "classes"],
    [npy("<f4", [3], Float32Array.of(4, 5, 6)), "tensor"],
    [npy("<i4", [3, 2], new Int32Array(6)), "tensor"],
  ];
  for (const [bytes, kind] of labels) {
    await withFolder({ "x.npy": X, "y.npy": bytes }, async (folder) => {
      const dataset = await openDataset(folder);
      assert.equal(dataset.labels?.kind, kind);
      dataset.close();
    });
  }
});

Deno.test("openDataset() reads IDX pairs, plain and .gz, with one channel in either layout", async () => {
  const images = idx([2, 2, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  const labels = idx([2], [7, 3]);
  const other = idx([1, 2, 3], [0, 0, 0, 0, 0, 0]);
  const files = {
    "t10k-images-idx3-ubyte.gz": await gzip(images),
    "t10k-labels-idx1-ubyte.gz": await gzip(labels),
    "train-images-idx3-ubyte": other,
    "train-labels-idx1-ubyte": idx([1], [0]),
  };
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(folder);
    assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(7, 3) });
    assert.deepEqual(await dataset.read([1]), [{
      dtype: "uint8",
      shape: [1, 1, 2, 3],
      data: Uint8Array.of(7, 8, 9, 10, 11, 12),
    }]);
    dataset.close();
    const text = {
      format: "idx",
      inputs: "train-images-idx3-ubyte",
      labels: "train-labels-idx1-ubyte",
      layout: "NHWC",
    };
    await Deno.writeTextFile(`${folder}/dataset.json`, JSON.stringify(text));
    const train = await openDataset(folder);
    assert.deepEqual(train.inputs[0]?.shape, [2, 3, 1]);
    train.close();
  });
  const unclear = { "a.idx": images, "b.idx": images, "label.idx": labels };
  await withFolder(unclear, async (folder) => {
    await assert.rejects(openDataset(folder), refused(/IDX files a\.idx, b\.idx, label\.idx are no pair/));
  });
});

Deno.test("openDataset() takes the arrays of a .npz for inputs by their names", async () => {
  const ids = npy("<i8", [2, 2], BigInt64Array.of(1n, 2n, 3n, 4n));
  const mask = npy("<f4", [2, 1], Float32Array.of(0.5, 1));
  const archive = zipSync({ "ids.npy": ids, "mask.npy": mask, "labels.npy": npy("<i4", [2], Int32Array.of(1, 0)) });
  await withFolder({ "data.npz": archive }, async (folder) => {
    for (const path of [folder, `${folder}/data.npz`]) {
      const dataset = await openDataset(path);
      assert.deepEqual(dataset.inputs.map(({ name, dtype, shape }) => [name, dtype, shape]), [["ids", "int64", [2]], [
        "mask",
        "float32",
        [1],
      ]]);
      assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(1, 0) });
      assert.deepEqual((await dataset.read([1])).map(({ data }) => [...data]), [[3, 4], [1]]);
      dataset.close();
    }
  });
});

Deno.test("openDataset() takes x_test and y_test of a .npz like Keras' and leaves the training data", async () => {
  const one = npy("|u1", [1, 2], Uint8Array.of(9, 9));
  const archive = zipSync({
    "x_train.npy": one,
    "y_train.npy": one,
    "x_test.npy": npy("|u1", [2, 2], Uint8Array.of(1, 2, 3, 4)),
    "y_test.npy": npy("|u1", [2], Uint8Array.of(1, 0)),
  });
  await withFolder({ "mnist.npz": archive }, async (folder) => {
    const dataset = await openDataset(folder);
    assert.deepEqual(dataset.inputs.map(({ name, shape }) => [name, shape]), [[undefined, [2]]]);
    assert.deepEqual([...(await dataset.read([0, 1]))[0]?.data ?? []], [1, 2, 3, 4]);
    assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(1, 0) });
    dataset.close();
  });
});

Deno.test("openDataset() reads named inputs with preprocessing of their own", async () => {
  const text = {
    format: "npy",
    inputs: { left: "x.npy", right: "z.npy" },
    preprocessing: { right: [{ type: "normalization", mean: 1 }] },
  };
  const files = { "x.npy": X, "z.npy": npy("<f4", [3, 1], new Float32Array(3)), "dataset.json": JSON.stringify(text) };
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(folder);
    assert.deepEqual(dataset.inputs.map(({ name, normalization }) => [name, normalization?.mean]), [
      ["left", undefined],
      ["right", [1]],
    ]);
    dataset.close();
    const wrong: [object, RegExp][] = [
      [{ preprocessing: [{ type: "normalization", mean: 1 }] }, /one "preprocessing" for 2 inputs/],
      [{ preprocessing: { rigth: [] } }, /names input "rigth", expected one of left, right; did you mean "right"/],
      [{ inputs: "x.npy", preprocessing: { left: [] } }, /names input "left", expected a list/],
      [{ inputs: { left: "x.npy", right: "none.npy" } }, /none\.npy": it does not exist/],
    ];
    for (const [change, message] of wrong) {
      await Deno.writeTextFile(`${folder}/dataset.json`, JSON.stringify({ ...text, ...change }));
      await assert.rejects(openDataset(folder), refused(message));
    }
    await Deno.writeTextFile(`${folder}/dataset.json`, JSON.stringify(text));
    await Deno.writeFile(`${folder}/z.npy`, npy("<f4", [2, 1], new Float32Array(2)));
    await assert.rejects(openDataset(folder), refused(/input "right" has 2 samples, expected 3 as "left" has/));
  });
});

Deno.test("openDataset() says what is wrong with arrays and their labels", async () => {
  const cases: [Readonly<Record<string, string | Uint8Array>>, RegExp][] = [
    [
      { "x.npy": X, "y.npy": npy("<i8", [2], BigInt64Array.of(1n, 2n)) },
      /y\.npy": it has 2 for 3 samples; 1 samples have no label/,
    ],
    [{ "x.npy": X, "y.npy": npy("<i8", [3], BigInt64Array.of(1n, -2n, 0n)) }, /label 1 is -2, expected a class from 0/],
    [{ "x.npy": X.subarray(0, X.length - 2), "y.npy": Y }, /x\.npy".*truncated/],
    [{ "x.npy": npy("|u1", [0, 2], new Uint8Array(0)) }, /it is empty/],
    [{ "x.npy": npy("|u1", [], Uint8Array.of(1)) }, /single value, expected an axis of samples/],
    [{ "x.npy": X, "dataset.json": config({ labels: "y.npy" }) }, /y\.npy": the file does not exist/],
    [
      { "x.npy": X, "y.csv": "0,1\n1,2\n", "dataset.json": config({ labels: "y.csv" }) },
      /1 of 3 samples have no label, the first is "2"/,
    ],
    [
      { "dataset.a.json": config({}), "dataset.b.json": config({}) },
      /it has dataset\.a\.json, dataset\.b\.json but no dataset\.json/,
    ],
    [{ "readme.txt": "nothing" }, /no dataset\.json and nothing that stands for itself/],
  ];
  for (const [files, message] of cases) {
    await withFolder(files, async (folder) => {
      await assert.rejects(openDataset(folder), refused(message));
    });
  }
  await withFolder({ "x.bin": "x" }, async (folder) => {
    await assert.rejects(openDataset(`${folder}/none`), refused(/none": it does not exist/));
    await assert.rejects(openDataset(`${folder}/x.bin`), refused(/it is a file, expected a folder, a dataset\.json/));
  });
});

Deno.test("openDataset() reads label tables of arrays by index", async () => {
  const files = { "x.npy": X, "y.csv": "index,label\n2,6\n0,4\n1,5\n", "dataset.json": config({ labels: "y.csv" }) };
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(folder);
    assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(4, 5, 6) });
    dataset.close();
  });
});

Deno.test("openDataset() finds pictures with labels.csv beside them", async () => {
  const files = { "images/a.png": png(flat(2, 2, [1])), "labels.csv": "a.png,3\n" };
  await withFolder(files, async (folder) => {
    const dataset = await openDataset(folder);
    assert.deepEqual([dataset.length, dataset.sampleName(0)], [1, "a.png"]);
    assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(3) });
    dataset.close();
  });
});

Deno.test("datasetFromArrays() gives samples, labels, names and a hash of the values", async () => {
  const x = hostTensor("float32", [3, 2], [1, 2, 3, 4, 5, 6]);
  const make = (labels: readonly (number | string)[], values = x) =>
    datasetFromArrays({ inputs: values, labels, classes: ["a", "b"], normalization: { mean: [1], std: [2, 4] } });
  const dataset = make(["b", 0, 1]);
  assert.deepEqual([dataset.name, dataset.length, dataset.classes, dataset.sampleName(1)], [
    "arrays",
    3,
    ["a", "b"],
    "1",
  ]);
  assert.deepEqual(dataset.labels, { kind: "classes", values: Int32Array.of(1, 0, 1) });
  assert.deepEqual(dataset.inputs[0]?.normalization, { mean: [1, 1], std: [2, 4], channelAxis: 0 });
  assert.deepEqual(await dataset.read([2, 0]), [hostTensor("float32", [2, 2], [5, 6, 1, 2])]);
  assert.equal(await make([1, 0, 1]).sha256(), await dataset.sha256());
  assert.notEqual(await make([0, 0, 1]).sha256(), await dataset.sha256());
  assert.notEqual(
    await make([1, 0, 1], hostTensor("float32", [3, 2], [1, 2, 3, 4, 5, 7])).sha256(),
    await dataset.sha256(),
  );
});

Deno.test("datasetFromArrays() refuses what is no number for each element", async () => {
  const inputs = { a: hostTensor("float32", [3, 2], [1, 2, 3, 4, 5, NaN]) };
  const dataset = datasetFromArrays({ inputs });
  await dataset.read([0, 1]);
  await assert.rejects(
    async () => await dataset.read([0, 2]),
    refused(/^Cannot use sample 2 of input "a": element 1 is NaN, expected a number$/),
  );
  const short = { a: { ...inputs.a, data: inputs.a.data.subarray(1) } };
  assert.throws(
    () => datasetFromArrays({ inputs: short }),
    refused(/it has 5 elements, expected 6 for shape \[3, 2\]$/),
  );
  const foreign = { a: { dtype: "int64", shape: [1], data: BigInt64Array.of(1n) } as unknown as HostTensor };
  assert.throws(() => datasetFromArrays({ inputs: foreign }), refused(/it is a BigInt64Array, expected numbers/));
});

Deno.test("datasetFromArrays() refuses labels that do not fit", () => {
  const inputs = { a: hostTensor("float32", [2, 1], [1, 2]), b: hostTensor("int64", [2], [3, 4]) };
  assert.deepEqual(datasetFromArrays({ inputs }).inputs.map(({ name }) => name), ["a", "b"]);
  assert.throws(() => datasetFromArrays({ inputs, labels: [1] }), refused(/has 1 for 2 samples/));
  assert.throws(
    () => datasetFromArrays({ inputs, labels: { kind: "text", values: ["a"], characters: undefined } }),
    refused(/has 1 for 2 samples/),
  );
  assert.throws(() => datasetFromArrays({ inputs, labels: [1, 0.5] }), refused(/label 1 is 0.5, expected an integer/));
  assert.throws(
    () => datasetFromArrays({ inputs: { a: inputs.a, b: hostTensor("int64", [1], [3]) } }),
    refused(/input "b" has 1 samples, expected 2/),
  );
  assert.throws(() => datasetFromArrays({ inputs, normalization: { mean: [0], std: [0] } }), refused(/std is 0/));
});
