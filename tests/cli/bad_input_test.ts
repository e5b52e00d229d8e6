/** Bad input: one clear line and the right exit code, never a stack. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { flat, jpeg, npy, withFolder } from "../data/fixtures.ts";
import { classifier, fileOf, labelledSamples } from "../fixtures/classifier.ts";
import { GraphBuilder } from "../fixtures/graph_builder.ts";
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
    /^error: Cannot read model ".*model\.onnx": .*truncated \(\d+ bytes\)$/,
  ));

Deno.test("evaluate refuses random bytes as model", () => {
  const bytes = Uint8Array.from({ length: 999 }, (_, index) => (index * index * 31 + 7) & 255);
  return evaluate({ ...files, "model.onnx": bytes }, 1, /^error: Cannot read model ".*model\.onnx": /);
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
    /Cannot use labels of dataset ".*": sample "0" has 4, expected 0 to 3 \(outputs of the network\); they seem to/,
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
async function quantize(
  more: readonly string[],
  code: number,
  message: RegExp,
  given: Readonly<Record<string, string | Uint8Array>> = files,
): Promise<void> {
  await withFolder(given, async (folder) => {
    const args = [
      "quantize",
      join(folder, "model.onnx"),
      "--dataset",
      folder,
      "--output",
      join(folder, "out"),
      ...more,
    ];
    const ran = await runCli(args);
    assertRefused(ran, code, message);
    assert.doesNotMatch(ran.err, /Calibrating/, "refused before any work");
  });
}

const needsGpu = { ignore: !hasAdapter };

Deno.test("quantize refuses a network that is quantized already", needsGpu, () => {
  const graph = classifier();
  const initializers = new Map([
    ...graph.initializers,
    ["scale", { dtype: "float32" as const, shape: [], data: Float32Array.of(0.1) }],
  ]);
  const quantizer = {
    name: "quantizer",
    type: "QuantizeLinear",
    domain: "",
    inputs: ["x", "scale"],
    outputs: ["codes"],
    attributes: new Map(),
  };
  const bytes = fileOf({ ...graph, initializers, nodes: [quantizer, ...graph.nodes] });
  const message =
    /Cannot quantize model: it is quantized already \(QuantizeLinear node "quantizer"\), expected the float/;
  return quantize([], 1, message, { ...files, "model.onnx": bytes });
});

Deno.test("quantize refuses a network without a layer that int8 computes", needsGpu, async () => {
  const b = new GraphBuilder(13);
  b.output(b.node("Flatten", [b.node("Exp", [b.input("x", [1, 2, 6, 6])])]));
  const plain = fileOf(b.build());
  const message = /Cannot quantize model: it has Exp, Flatten, expected a layer that int8 computes, such as Conv/;
  await quantize([], 1, message, { ...files, "model.onnx": plain });
  await quantize(
    ["--ignored-operations", "Conv,Gemm,GlobalAveragePool,Relu,Flatten"],
    1,
    /Cannot quantize model: all its layers stay in float, "conv1" for one: /,
  );
});

Deno.test("quantize refuses data without labels, before any work", needsGpu, () => {
  const { "y.npy": _labels, ...unlabelled } = files;
  return quantize(
    [],
    1,
    /Cannot compute accuracy on dataset ".*": it has no class labels; agreement needs none$/,
    unlabelled,
  );
});

Deno.test(
  "quantize refuses labels beyond the outputs, and says where they seem to count from 1",
  needsGpu,
  async () => {
    const labelled = (values: readonly number[]) => ({
      ...files,
      "y.npy": npy(
        "<i8",
        [20],
        BigInt64Array.from({ length: 20 }, (_, index) => BigInt(values[index % values.length]!)),
      ),
    });
    await quantize(
      [],
      1,
      /Cannot use labels of dataset ".*": sample "3" has 4, expected 0 to 3 .*count from 1, which "label_offset": -1/,
      labelled([1, 2, 3, 4]),
    );
    await quantize([], 1, /sample "1" has 7, expected 0 to 3 \(outputs of the network\)$/, labelled([0, 7]));
  },
);

Deno.test("quantize refuses pictures of another size, and says what helps", needsGpu, async () => {
  const picture = await jpeg(flat(9, 8, [10, 200, 30]));
  const { "y.npy": _labels, "x.npy": _samples, ...net } = files;
  const message = /samples of dataset ".*" are \[3, 8, 9\], expected \[2, 6, 6\]; pictures need a resize or crop step/;
  await quantize([], 1, message, { ...net, "cat/a.jpg": picture, "dog/b.jpg": picture });
});

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

for (const late of ["Promise.reject", "setTimeout"]) {
  Deno.test(`evaluate tells in a line what a metric throws late (${late})`, { ignore: !hasAdapter }, () => {
    const fail = late === "setTimeout"
      ? `setTimeout(() => { throw new Error("too\\nlate"); }, 0)`
      : `Promise.reject(new Error("too\\nlate"))`;
    const metric = `export default { name: "late", direction: "higher_better", start: () => {
      ${fail};
      return { add: () => 1, value: () => 1 };
    } };`;
    return withFolder({ ...files, "metric.ts": metric }, async (folder) => {
      const args = ["evaluate", join(folder, "model.onnx"), "--dataset", folder, "--metric", join(folder, "metric.ts")];
      assertRefused(await runCli(args), 1, /^error: too late$/);
    });
  });
}

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
