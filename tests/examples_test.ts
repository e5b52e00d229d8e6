/** The programs of examples/ do what their heads say, on as few samples as possible. */
import assert from "node:assert/strict";
import { loadModel } from "../src/api/model.ts";
import { hostTensor } from "../src/base/tensor.ts";
import { openDataset } from "../src/data/open_dataset.ts";
import { argMax } from "../src/evaluate/metric.ts";
import type { Graph } from "../src/graph/graph.ts";
import { openTestGpu } from "./support/adapter.ts";
import { findChromium, waitForPage } from "./support/chromium.ts";
import { runCli } from "./support/command_line.ts";
import { GraphBuilder } from "./fixtures/graph_builder.ts";
import { evaluateOnHost } from "./fixtures/host_statistics.ts";
import { classifier, fileOf, labelledSamples } from "./fixtures/classifier.ts";

const gpu = await openTestGpu();
const hasAdapter = gpu !== undefined;
gpu?.destroy();
const browser = await findChromium();

const EXAMPLES = new URL("../examples/", import.meta.url);
const folder = await Deno.makeTempDir();
const modelPath = `${folder}/model.onnx`;
await Deno.writeFile(modelPath, fileOf(classifier()));
for (const [name, bytes] of Object.entries(labelledSamples(24))) await Deno.writeFile(`${folder}/${name}`, bytes);
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

async function runExample(name: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", new URL(name, EXAMPLES).pathname, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test({
  name: "examples/quantize.ts writes a QDQ model",
  ignore: !hasAdapter,
  fn: async () => {
    const output = `${folder}/int8.onnx`;
    assert.match(await runExample("quantize.ts", [modelPath, folder, output, "16"]), /^(Reached|Not reached): drop /);
    const { graph } = await loadModel(output);
    assert.ok(graph.nodes.some(({ type }) => type === "DequantizeLinear"));
  },
});

Deno.test({
  name: "examples/custom_metric.ts is a metric for the command line",
  ignore: !hasAdapter,
  fn: async () => {
    const metric = new URL("custom_metric.ts", EXAMPLES).pathname;
    const ran = await runCli([
      "evaluate",
      modelPath,
      "--dataset",
      folder,
      "--metric",
      metric,
      "--limit",
      "8",
      "--json",
    ]);
    assert.equal(ran.code, 0, ran.err);
    // The labels are what the float network says: the right class is always the first.
    assert.match(ran.out, /"rank_of_truth": 0\b/);
  },
});

Deno.test({
  name: "examples/sweep_models.ts prints a row for every model and drop",
  ignore: !hasAdapter,
  fn: async () => {
    const lines = (await runExample("sweep_models.ts", [folder, modelPath, modelPath, "--limit=8"])).trim().split("\n");
    assert.equal(lines[0], "model,maximal_drop,reached,drop,int8_macs,bytes");
    assert.deepEqual(lines.slice(1).map((line) => line.split(",").slice(0, 2).join(" ")), [
      ...["model 0.001", "model 0.005", "model 0.02"],
      ...["model 0.001", "model 0.005", "model 0.02"],
    ]);
  },
});

Deno.test({
  name: "examples/sensitivity.ts ranks every group by every method",
  ignore: !hasAdapter,
  fn: async () => {
    const [head, ...rows] = (await runExample("sensitivity.ts", [modelPath, folder, "8"])).trim().split("\n");
    assert.match(head ?? "", /^group +metric +kl +nmse +cosine$/);
    const places = rows.map((row) => row.trim().split(/ +/).slice(1).map(Number));
    for (let method = 0; method < 4; method++) {
      assert.deepEqual(places.map((row) => row[method]).toSorted(), rows.map((_, index) => index + 1));
    }
  },
});

/** A network for the page's images that the browser's software adapter compiles in seconds. */
function smallNetwork(): Graph {
  const b = new GraphBuilder(13);
  const x = b.input("image", [100, 1, 28, 28]);
  b.constant("filters", [4, 1, 4, 4]);
  b.constant("weights", [196, 10]);
  const maps = b.node("Relu", [b.node("Conv", [x, "filters"], { attributes: { strides: [4, 4] } })]);
  return b.output(b.node("MatMul", [b.node("Flatten", [maps]), "weights"])).build();
}

/** How many of the first 100 test images the network gets right, by the operators' references. */
async function countRight(graph: Graph): Promise<number> {
  const dataset = await openDataset(new URL("../models/fashion_mnist/", import.meta.url).pathname);
  const [stored] = await dataset.read(Array.from({ length: 100 }, (_, index) => index));
  const images = Float32Array.from(stored!.data, (pixel) => (pixel - 72.9404) / 90.0212);
  const outputs = evaluateOnHost(graph, new Map([["image", hostTensor("float32", [100, 1, 28, 28], images)]]));
  const { data } = outputs.get(graph.outputs[0]!.name)!;
  const labels = dataset.labels?.kind === "classes" ? dataset.labels.values : [];
  const right = Array.from({ length: 100 }, (_, row) => argMax(data.subarray(10 * row, 10 * row + 10)) === labels[row]);
  return right.filter(Boolean).length;
}

Deno.test({
  name: "examples/web_page classifies in a browser as the references do",
  ignore: browser === undefined,
  fn: async () => {
    const graph = smallNetwork();
    const model = `${folder}/small.onnx`;
    await Deno.writeFile(model, fileOf(graph));
    const server = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", new URL("web_page/serve.ts", EXAMPLES).pathname, "0", model],
      stdout: "piped",
    }).spawn();
    try {
      const reader = server.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const { value: address = "" } = await reader.read();
      const text = `document.querySelector("#status")?.textContent`;
      const status = await waitForPage(browser!, address.trim(), `/right in|Failed/.test(${text}) && ${text}`, {
        flags: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
      });
      assert.match(String(status), new RegExp(`^Adapter: .*\\n.*\\n.*\\n${await countRight(graph)} of 100 right in `));
      await reader.cancel();
    } finally {
      server.kill("SIGKILL");
      await server.status;
    }
  },
});
