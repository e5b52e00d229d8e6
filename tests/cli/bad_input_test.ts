/** Bad input: one clear line and the right exit code, never a stack. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { flat, jpeg, npy, withFolder } from "../data/fixtures.ts";
import { classifier, fileOf, labelledSamples } from "../fixtures/classifier.ts";
import { openTestGpu } from "../support/adapter.ts";
import { assertRefused, runCli } from "../support/command_line.ts";

const hasAdapter = await openTestGpu().then((gpu) => {
  gpu?.destroy();
  return gpu !== undefined;
});
const model = fileOf(classifier());
const files: Record<string, Uint8Array> = { "model.onnx": model, ...labelledSamples(20) };

/** Runs `evaluate` on a folder with these files. */
async function evaluate(given: Readonly<Record<string, string | Uint8Array>>, code: number, message: RegExp) {
  await withFolder(given, async (folder) => {
    assertRefused(await runCli(["evaluate", join(folder, "model.onnx"), "--dataset", folder]), code, message);
  });
}

Deno.test("evaluate refuses a truncated model", () =>
  evaluate(
    { ...files, "model.onnx": model.slice(0, model.length - 40) },
    1,
    /^error: Cannot read model: .*truncated \(\d+ bytes\)$/,
  ));

Deno.test("evaluate refuses random bytes as model", () => {
  const bytes = Uint8Array.from({ length: 999 }, (_, index) => (index * index * 31 + 7) & 255);
  return evaluate({ ...files, "model.onnx": bytes }, 1, /^error: Cannot read model: /);
});

Deno.test("evaluate refuses a missing model", () =>
  evaluate(labelledSamples(2), 1, /^error: Cannot read model ".*model\.onnx": no such file$/));

Deno.test("evaluate names all unsupported operators at once", { ignore: !hasAdapter }, () => {
  const graph = classifier();
  const rename = new Map([["conv1", "Twirl"], ["conv2", "Swirl"], ["linear", "Twirl"]]);
  const nodes = graph.nodes.map((node) => ({ ...node, type: rename.get(node.name) ?? node.type }));
  return evaluate(
    { ...files, "model.onnx": fileOf({ ...graph, nodes }) },
    1,
    /2 operators are not supported: Twirl \(opset 13, 2 nodes\), Swirl \(opset 13, 1 node\)$/,
  );
});

Deno.test("evaluate refuses samples that do not fit the input", { ignore: !hasAdapter }, () => {
  const wide = npy("<f4", [20, 2, 6, 7], new Float32Array(20 * 2 * 6 * 7));
  return evaluate(
    { ...files, "x.npy": wide },
    1,
    /Cannot feed input "x": samples of dataset ".*" are \[2, 6, 7\], expected \[2, 6, 6\]$/,
  );
});

Deno.test("evaluate refuses data without labels", { ignore: !hasAdapter }, () => {
  const { "y.npy": _labels, ...unlabelled } = files;
  return evaluate(unlabelled, 1, /^error: Cannot .*label/);
});

Deno.test("evaluate refuses fewer labels than samples", () =>
  evaluate({ ...files, "y.npy": npy("<i8", [19], new BigInt64Array(19)) }, 1, /19.*20|20.*19/));

Deno.test("evaluate refuses labels beyond the outputs", { ignore: !hasAdapter }, () =>
  evaluate(
    { ...files, "y.npy": npy("<i8", [20], new BigInt64Array(20).fill(4n)) },
    1,
    /Cannot score sample 0: its label is 4, expected 0 to 3 \(outputs of the network\)$/,
  ));

Deno.test("evaluate refuses an unreadable picture among good ones", { ignore: !hasAdapter }, async () => {
  const good = await jpeg(flat(6, 6, [10, 200, 30]));
  const names = ["a", "b", "c"].map((name) => `images/${name}.jpg`);
  const pictures = Object.fromEntries(names.map((name) => [name, good] as const));
  const graph = classifier();
  await evaluate(
    {
      ...pictures,
      "images/b.jpg": good.slice(0, 40),
      "labels.csv": "a.jpg,0\nb.jpg,1\nc.jpg,2\n",
      "dataset.json": '{"format": "images", "inputs": "images/", "labels": "labels.csv", "layout": "NCHW"}',
      "model.onnx": fileOf({
        ...graph,
        inputs: graph.inputs.map((input) => ({ ...input, shape: ["N", 3, 6, 6] })),
        initializers: new Map([
          ...graph.initializers,
          ["w1", { dtype: "float32" as const, shape: [6, 3, 3, 3], data: new Float32Array(6 * 27) }],
        ]),
      }),
    },
    1,
    /b\.jpg/,
  );
});

Deno.test("evaluate refuses NaN in weights", { ignore: !hasAdapter }, () => {
  const graph = classifier();
  const { dtype, shape, data } = graph.initializers.get("w2")!;
  const broken = Float32Array.from(data).fill(NaN, 7, 8);
  const initializers = new Map([...graph.initializers, ["w2", { dtype, shape, data: broken }]]);
  return evaluate(
    { ...files, "model.onnx": fileOf({ ...graph, initializers }) },
    1,
    /Cannot use initializer "w2" of shape \[8, 6, 3, 3\]: element 7 of 432 is NaN$/,
  );
});

Deno.test("evaluate refuses an empty dataset", () =>
  evaluate(
    {
      "model.onnx": model,
      "x.npy": npy("<f4", [0, 2, 6, 6], new Float32Array(0)),
      "y.npy": npy("<i8", [0], new BigInt64Array(0)),
    },
    1,
    /Cannot open dataset ".*": it is empty$/,
  ));

Deno.test("evaluate refuses a folder that is no dataset", () =>
  evaluate({ "model.onnx": model }, 1, /^error: Cannot /));

/** Runs `quantize` with more arguments on good files. */
async function quantize(more: readonly string[], code: number, message: RegExp): Promise<void> {
  await withFolder(files, async (folder) => {
    const args = [
      "quantize",
      join(folder, "model.onnx"),
      "--dataset",
      folder,
      "--output",
      join(folder, "out"),
      ...more,
    ];
    assertRefused(await runCli(args), code, message);
  });
}

Deno.test("quantize refuses a negative maximal_drop", () =>
  quantize(["--maximal-drop", "-0.1"], 2, /Cannot use --maximal-drop: -0\.1, expected at least 0$/));

Deno.test("quantize refuses a maximal_drop that is no number", () =>
  quantize(["--maximal-drop", "one percent"], 2, /Cannot use --maximal-drop: "one percent", expected a number$/));

Deno.test("quantize refuses a boolean that is none", () =>
  quantize(["--mend=perhaps"], 2, /Cannot use --mend: "perhaps", expected true or false$/));

Deno.test("quantize refuses an unknown option and suggests one", async () => {
  const ran = await runCli(["quantize", "m.onnx", "--maximal-drip", "0.1"]);
  assertRefused(ran, 2, /unknown option '--maximal-drip'/);
  assert.match(ran.err, /Did you mean --maximal-drop\?/);
});

Deno.test("quantize takes NNCF's names of options, but not both names of one", async () => {
  await quantize(["--max-drop", "-1"], 2, /Cannot use --maximal-drop: -1, expected at least 0$/);
  const message = /Cannot use --subset-size: it is another name of --stat-subset-size, which is given too$/;
  await quantize(["--subset-size", "3", "--stat-subset-size", "3"], 2, message);
});

Deno.test("a command that does not exist is refused, and the nearest one named", async () => {
  const ran = await runCli(["quantise", "m.onnx"]);
  assertRefused(ran, 2, /unknown command 'quantise'/);
  assert.match(ran.err, /Did you mean quantize\?/);
});

Deno.test("quantize refuses to start without a dataset", async () => {
  assertRefused(await runCli(["quantize", "m.onnx"]), 2, /Cannot start: --dataset is missing$/);
});

Deno.test("quantize refuses an unknown metric and suggests one", () =>
  quantize(["--metric", "acuracy"], 2, /Cannot use metric "acuracy": there is none; did you mean "accuracy"\?$/));

Deno.test("quantize refuses an output folder that cannot be written, before any work", () =>
  withFolder(files, async (folder) => {
    const output = join(folder, "model.onnx", "out");
    const ran = await runCli(["quantize", join(folder, "missing.onnx"), "--dataset", folder, "--output", output]);
    assertRefused(ran, 1, /Cannot write to folder ".*out": a part of the path is a file$/);
  }));

Deno.test("evaluate says what to install where there is no adapter", () =>
  withFolder(files, async (folder) => {
    const ran = await runCli(["evaluate", join(folder, "model.onnx"), "--dataset", folder], {
      VK_DRIVER_FILES: "/nonexistent",
      VK_ICD_FILENAMES: "/nonexistent",
      DENO_WEBGPU_BACKEND: "vulkan",
    });
    assertRefused(ran, 1, /Cannot find a WebGPU adapter: install .*mesa-vulkan-drivers$/);
  }));

Deno.test("--verbose adds causes and stack, --json the error as a document", () =>
  withFolder({ "model.onnx": model.slice(0, 100) }, async (folder) => {
    const path = join(folder, "model.onnx");
    const verbose = await runCli(["inspect", path, "--verbose"]);
    assert.match(verbose.err, /Caused by:/);
    assert.match(verbose.err, /\.ts:\d+/);
    const { code, out } = await runCli(["inspect", path, "--json"]);
    assert.equal(code, 1);
    assert.equal(JSON.parse(out).error.name, "ModelError");
  }));
